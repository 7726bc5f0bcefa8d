//! Windows of ten characters, and which of them stand more than once.

use super::layout::Layout;
use super::sieve::{Left, Sieve};
use crate::text_hash::{hash_span, load};

/// Characters of a window.
const LENGTH: usize = 10;
/// Odd multipliers for the three parts of a window: bytes 0 to 3, 4 to 7 and 6 to 9.
const PARTS: [u32; 3] = [0x9E37_79B1, 0x85EB_CA77, 0xC2B2_AE3D];
/// The multiplier that spreads their sum.
const SPREAD: u32 = 0x27D4_EB2F;

/// A window and how often it was met; never in a free slot.
#[derive(Clone, Copy, Default)]
struct Slot {
    count: u32,
    /// The index of the window where it was met first.
    first: u32,
}

/// Buffers for counting windows.
#[derive(Default)]
pub(super) struct WindowScratch {
    sieve: Sieve,
    /// Windows by where they fell, in the first free slot from there on.
    slots: Vec<Slot>,
    /// How many windows stand at least so often, for 1, 2, 3, and so on.
    at_least: Vec<u32>,
    /// Where each character starts, and where the text ends; unused for ASCII.
    starts: Vec<u32>,
    /// Where the ten bytes from each place fall in the sieve.
    falls: Vec<u32>,
}

impl WindowScratch {
    /// How many windows `text` has, and how many fall to the most frequent ones: at most the root
    /// of the number of different ones, and none that stands only once.
    pub(super) fn count(&mut self, text: &str, layout: &Layout) -> (u64, u64) {
        let bytes = text.as_bytes();
        let Some(last) = layout.chars.checked_sub(LENGTH) else { return (0, 0) };
        let number = last + 1;
        let (slots, at_least) = (&mut self.slots, &mut self.at_least);
        let once = if layout.is_ascii {
            let fill = |places: &mut Vec<u32>, mask| fill_falls(bytes, places, mask);
            let left = self.sieve.repeated_places(number, fill);
            count_windows(left, slots, at_least, |one, other| is_same(bytes, one, other));
            number - left.indices.len()
        } else {
            layout.bytes.char_starts(bytes.len(), &mut self.starts);
            #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
            self.starts.push(bytes.len() as u32);
            let (starts, falls) = (&self.starts, &mut self.falls);
            let left = self.sieve.repeated_places(number, |places, mask| {
                fill_falls(bytes, falls, mask);
                places.extend(starts.iter().zip(&starts[LENGTH..]).map(|(&start, &end)| {
                    let (start, end) = (start as usize, end as usize);
                    // Ten bytes are ten characters of ASCII.
                    let is_ascii = end - start == LENGTH;
                    if is_ascii { falls[start] } else { high(hash_span(bytes, start, end)) & mask }
                }));
            });
            let place = |at: usize| (starts[at] as usize, starts[at + LENGTH] as usize);
            count_windows(left, slots, at_least, |one, other| {
                let ((one, to), (other, other_to)) = (place(one), place(other));
                if to - one == LENGTH && other_to - other == LENGTH {
                    is_same(bytes, one, other)
                } else {
                    bytes[one..to] == bytes[other..other_to]
                }
            });
            number - left.indices.len()
        };
        (number as u64, fallen_to_most(at_least, once as u64))
    }

    /// Frees the memory that one huge text left behind.
    pub(super) fn shrink(&mut self, entries: usize) {
        self.sieve.shrink(entries);
        self.slots = Vec::new();
        self.at_least = Vec::new();
        self.starts = Vec::new();
        self.falls = Vec::new();
    }
}

/// Counts the windows that the sieve left in `slots`; sets `at_least`. `is_same` tells whether two
/// windows are the same, given their indices.
#[inline]
fn count_windows(
    left: Left<'_>,
    slots: &mut Vec<Slot>,
    at_least: &mut Vec<u32>,
    is_same: impl Fn(usize, usize) -> bool,
) {
    let capacity = (left.indices.len() * 2).next_power_of_two().max(16);
    if slots.len() < capacity {
        slots.resize(capacity, Slot::default());
    }
    let slots = &mut slots[..capacity];
    slots.fill(Slot::default());
    at_least.clear();
    at_least.resize(left.indices.len() + 1, 0);
    for &window in left.indices {
        let mut place = left.places[window as usize] as usize;
        let count = loop {
            let slot = &mut slots[place & (capacity - 1)];
            if slot.count == 0 {
                slot.first = window;
            }
            if slot.first == window || is_same(slot.first as usize, window as usize) {
                slot.count += 1;
                break slot.count;
            }
            place += 1;
        };
        at_least[count as usize - 1] += 1;
    }
}

/// The sum of the greatest counts of windows that stand more than once: as many of them as the
/// root of the number of different windows, of which `once` more stand once each.
fn fallen_to_most(at_least: &[u32], once: u64) -> u64 {
    let mut at_least = at_least.iter().map(|&windows| u64::from(windows));
    let distinct = once + at_least.next().unwrap_or(0);
    let repeated = at_least.clone().next().unwrap_or(0);
    let most = distinct.isqrt().min(repeated);
    // A window that stands k times is counted once in each of the first k - 1 entries.
    most + at_least.take_while(|&windows| windows > 0).map(|windows| windows.min(most)).sum::<u64>()
}

/// The upper half of a hash.
#[inline]
fn high(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Whether the ten bytes from both places are the same.
#[inline]
fn is_same(bytes: &[u8], one: usize, other: usize) -> bool {
    let (one, other) = (&bytes[one..one + LENGTH], &bytes[other..other + LENGTH]);
    // The two overlap, so that no byte is left out.
    (load(one, 0) ^ load(other, 0)) | (load(one, LENGTH - 8) ^ load(other, LENGTH - 8)) == 0
}

/// Sets `falls` to where the ten bytes from each place of `bytes` fall: 32 bits that are equal for
/// equal bytes, of which `mask` leaves some. No place that has fewer bytes behind it has an entry.
fn fill_falls(bytes: &[u8], falls: &mut Vec<u32>, mask: u32) {
    let number = (bytes.len() + 1).saturating_sub(LENGTH);
    falls.truncate(number);
    // What is left of the last text is written over.
    falls.resize(number, 0);
    let mut done = 0;
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        done = unsafe { fill_lanes(bytes, falls, mask) };
    }
    for (at, fall) in falls.iter_mut().enumerate().skip(done) {
        *fall = fall_of(bytes, at) & mask;
    }
}

/// Where the ten bytes from `at` fall.
#[inline]
fn fall_of(bytes: &[u8], at: usize) -> u32 {
    let window = &bytes[at..at + LENGTH];
    let part = |at: usize| {
        let piece: [u8; 4] = window[at..at + 4].try_into().expect("four bytes were cut");
        u32::from_le_bytes(piece)
    };
    let sum = part(0)
        .wrapping_mul(PARTS[0])
        .wrapping_add(part(4).wrapping_mul(PARTS[1]))
        .wrapping_add(part(6).wrapping_mul(PARTS[2]));
    let spread = (sum ^ sum >> 15).wrapping_mul(SPREAD);
    spread ^ spread >> 16
}

/// [`fall_of`] for eight places at a time; how many are done.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn fill_lanes(bytes: &[u8], falls: &mut [u32], mask: u32) -> usize {
    use std::arch::x86_64::{
        _mm256_add_epi32, _mm256_and_si256, _mm256_mullo_epi32, _mm256_set_epi64x,
        _mm256_set1_epi32, _mm256_shuffle_epi8, _mm256_srli_epi32, _mm256_storeu_si256,
        _mm256_xor_si256,
    };
    const ONES: i64 = 0x0101_0101_0101_0101;
    let all = |number: u32| _mm256_set1_epi32(number.cast_signed());
    // Picks the four bytes from `first` on for each of four places, in both halves.
    let pick = |first: i64| {
        let low = 0x0403_0201_0302_0100 + first * ONES;
        let high = 0x0605_0403_0504_0302 + first * ONES;
        _mm256_set_epi64x(high, low, high, low)
    };
    let [zero, four, six] = [pick(0), pick(4), pick(6)];
    let [first, second, third] = PARTS.map(all);
    let (spread, mask) = (all(SPREAD), all(mask));
    let (lanes, _) = falls.as_chunks_mut::<8>();
    let mut done = 0;
    for lane in lanes {
        // Four places need thirteen bytes, and the last four of a text have no more.
        let Some(read) = bytes.get(done..done + 4 + 16) else { break };
        let half = |at: usize| load(read, at).cast_signed();
        let both = _mm256_set_epi64x(half(12), half(4), half(8), half(0));
        let part = |picked, by| _mm256_mullo_epi32(_mm256_shuffle_epi8(both, picked), by);
        let sum = _mm256_add_epi32(part(zero, first), part(four, second));
        let sum = _mm256_add_epi32(sum, part(six, third));
        let folded = _mm256_xor_si256(sum, _mm256_srli_epi32::<15>(sum));
        let product = _mm256_mullo_epi32(folded, spread);
        let fall = _mm256_xor_si256(product, _mm256_srli_epi32::<16>(product));
        let fall = _mm256_and_si256(fall, mask);
        // SAFETY: a lane has room for eight numbers, wherever it lies.
        unsafe { _mm256_storeu_si256(lane.as_mut_ptr().cast(), fall) };
        done += lane.len();
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lanes_and_single_places_fall_alike(bytes in prop::collection::vec(0_u8..128, 0..80)) {
            let mut falls = vec![7];
            fill_falls(&bytes, &mut falls, 0xFFFF);
            let places = 0..(bytes.len() + 1).saturating_sub(LENGTH);
            let single: Vec<u32> = places.map(|at| fall_of(&bytes, at) & 0xFFFF).collect();
            prop_assert_eq!(falls, single);
        }

        #[test]
        fn windows_are_those_that_a_map_counts(text in "[ab é户]{0,60}") {
            let mut layout = Layout::default();
            layout.read(&text, crate::classes::ClassTable::new(), false);
            let chars: Vec<char> = text.chars().collect();
            let mut counts = std::collections::HashMap::<&[char], u64>::new();
            chars.windows(LENGTH).for_each(|window| *counts.entry(window).or_default() += 1);
            let mut often: Vec<u64> = counts.values().copied().filter(|&count| count > 1).collect();
            often.sort_unstable_by(|left, right| right.cmp(left));
            let repeated = often.iter().take(counts.len().isqrt()).sum();
            let number = chars.len().saturating_sub(LENGTH - 1) as u64;
            let mut scratch = WindowScratch::default();
            prop_assert_eq!(scratch.count(&text, &layout), (number, repeated));
        }
    }

    #[test]
    fn different_windows_fall_apart() {
        let text: Vec<u8> =
            (0..10_000).flat_map(|number| format!("{number} ").into_bytes()).collect();
        let mut falls = Vec::new();
        fill_falls(&text, &mut falls, u32::MAX);
        let windows: std::collections::HashSet<&[u8]> = text.windows(LENGTH).collect();
        let places: std::collections::HashSet<u32> =
            falls.iter().map(|fall| fall & 0x7_FFFF).collect();
        // Of 49,000 windows over half a million places a twentieth meet another by chance.
        assert!(places.len() > windows.len() * 94 / 100, "{} of {}", places.len(), windows.len());
    }
}
