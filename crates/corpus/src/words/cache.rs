//! The splits of chunks seen before.

use super::word::Word;

/// Places in the table; a power of two.
const PLACES: usize = 1 << 16;
/// Places a chunk may lie in, side by side.
const WAYS: usize = 4;
const SETS: usize = PLACES / WAYS;
/// Longest chunk kept, in bytes: longer ones seldom come back.
const LONGEST: usize = 64;
/// Bytes of a chunk kept in its place; the rest lies in an arena.
const INLINE: usize = 16;
/// Words of chunks with several words, and bytes of long chunks, kept before all is forgotten.
const ARENA: usize = 1 << 19;

/// A bounded table from chunks to their words.
pub(super) struct Cache {
    /// For each place some bits of its chunk's hash, never 0 unless it is empty: small enough to
    /// lie near the core, so that only the right place is fetched from afar.
    tags: Vec<[u16; WAYS]>,
    places: Vec<Place>,
    words: Vec<Word>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Place {
    /// First bytes of the chunk, padded with zeros.
    key: u128,
    /// The word, where there is only one.
    word: Word,
    /// Where the words lie in the arena, where there are several.
    words_at: u32,
    /// Where the bytes after the first lie in the arena.
    bytes_at: u32,
    /// Words of the chunk; 0 in an empty place.
    count: u8,
    length: u8,
}

const EMPTY_WORD: Word =
    Word { start: 0, end: 0, hash: 0, chars: 0, label: 0, flags: 0, symbol: 0 };
const EMPTY: Place =
    Place { key: 0, word: EMPTY_WORD, words_at: 0, bytes_at: 0, count: 0, length: 0 };

/// A chunk made ready for the table.
#[derive(Clone, Copy)]
pub(super) struct Key {
    first: u128,
    /// Which places it may lie in.
    set: u32,
    tag: u16,
    length: u8,
    /// The place that it takes if none is empty.
    way: u8,
}

impl Key {
    /// The key of the chunk `start .. end` of a text, or none if it is too long to be kept.
    #[inline]
    pub(super) fn new(text: &[u8], start: usize, end: usize) -> Option<Self> {
        let length = end - start;
        if length > LONGEST {
            return None;
        }
        let first = first_bytes(text, start, length);
        let mut hash = fold(first, length as u64);
        if length > INLINE {
            for block in text[start + INLINE..end].chunks(INLINE) {
                hash = fold(first_bytes(block, 0, block.len()), hash);
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "any bits of a hash will do")]
        let (set, tag, way) =
            (hash as u32 % SETS as u32, (hash >> 40) as u16 | 1, (hash >> 32) as u8 % WAYS as u8);
        #[expect(clippy::cast_possible_truncation, reason = "it is at most LONGEST")]
        Some(Self { first, set, tag, length: length as u8, way })
    }

    /// The bytes of its chunk that the key itself does not hold.
    #[inline]
    pub(super) fn rest<'t>(&self, text: &'t [u8], start: usize, end: usize) -> &'t [u8] {
        if usize::from(self.length) > INLINE { &text[start + INLINE..end] } else { &[] }
    }
}

/// Up to sixteen bytes of a text, padded with zeros.
fn first_bytes(text: &[u8], start: usize, length: usize) -> u128 {
    if let Some(block) = text.get(start..start + INLINE)
        && let Ok(block) = <[u8; INLINE]>::try_from(block)
    {
        let bits = length.min(INLINE) * 8;
        return u128::from_le_bytes(block) & (u128::MAX >> (128 - bits));
    }
    let mut block = [0; INLINE];
    let end = text.len().min(start + length);
    block[..end - start].copy_from_slice(&text[start..end]);
    u128::from_le_bytes(block)
}

#[expect(clippy::cast_possible_truncation, reason = "halves of a wider number")]
fn fold(block: u128, seed: u64) -> u64 {
    let left = (block as u64) ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let right = ((block >> 64) as u64) ^ 0xd6e8_feb8_6659_fd93;
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Cache {
    pub(super) fn new() -> Self {
        Self {
            tags: vec![[0; WAYS]; SETS],
            places: vec![EMPTY; PLACES],
            words: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The places that may hold a chunk.
    #[inline]
    fn candidates(&self, key: &Key) -> impl Iterator<Item = &Place> {
        let set = key.set as usize;
        let tagged = self.tags[set].iter().zip(&self.places[set * WAYS..(set + 1) * WAYS]);
        tagged.filter(|(tag, _)| **tag == key.tag).map(|(_, place)| place)
    }

    /// Asks for the place of a chunk, which will be looked at soon.
    #[inline]
    pub(super) fn prefetch(&self, key: &Key) {
        self.candidates(key).for_each(prefetch);
    }

    /// Appends the words of a chunk that begins at `start`; false if the chunk is unknown. `rest`
    /// is [`Key::rest`].
    #[inline]
    pub(super) fn replay(&self, key: &Key, rest: &[u8], start: u32, words: &mut Vec<Word>) -> bool {
        for place in self.candidates(key) {
            if place.key != key.first || place.length != key.length {
                continue;
            }
            if !rest.is_empty() {
                let at = place.bytes_at as usize;
                if &self.bytes[at..at + rest.len()] != rest {
                    continue;
                }
            }
            if place.count == 1 {
                words.push(shifted(&place.word, start));
            } else {
                let at = place.words_at as usize;
                let kept = &self.words[at..at + usize::from(place.count)];
                words.extend(kept.iter().map(|word| shifted(word, start)));
            }
            return true;
        }
        false
    }

    /// Keeps the words of a chunk, which begins at `start`.
    pub(super) fn insert(&mut self, key: &Key, rest: &[u8], start: u32, words: &[Word]) {
        if self.words.len() > ARENA || self.bytes.len() > ARENA {
            self.tags.fill([0; WAYS]);
            self.places.fill(EMPTY);
            self.words.clear();
            self.bytes.clear();
        }
        let Ok(count) = u8::try_from(words.len()) else { return };
        let relative =
            |word: &Word| Word { start: word.start - start, end: word.end - start, ..*word };
        let Some(first) = words.first() else { return };
        let set = key.set as usize;
        let empty = self.tags[set].iter().position(|tag| *tag == 0);
        let way = empty.unwrap_or(usize::from(key.way));
        #[expect(clippy::cast_possible_truncation, reason = "arenas are bounded")]
        let (words_at, bytes_at) = (self.words.len() as u32, self.bytes.len() as u32);
        self.tags[set][way] = key.tag;
        self.places[set * WAYS + way] = Place {
            key: key.first,
            word: relative(first),
            words_at,
            bytes_at,
            count,
            length: key.length,
        };
        if count > 1 {
            self.words.extend(words.iter().map(relative));
        }
        self.bytes.extend_from_slice(rest);
    }
}

fn shifted(word: &Word, by: u32) -> Word {
    Word { start: word.start + by, end: word.end + by, ..*word }
}

/// Asks for the memory of `place` ahead of its use, where the machine can be asked.
#[inline]
fn prefetch(place: &Place) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching reads nothing, whatever the address; SSE is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(place).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
