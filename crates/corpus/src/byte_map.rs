//! What the bytes of a text are, as bits, 64 bytes at a time.
//!
//! A loop over bytes that ends where a word does costs the processor one wrong guess a word. Bits
//! are walked without: where words begin and end falls out of shifts, and what a word is made of
//! out of masks.

/// Bytes of a [`Block`].
const BYTES: usize = 64;
/// White space beyond ASCII that ends lines: U+0085, U+2028, U+2029.
const LONG_LINE_ENDS: [&[u8]; 3] = [b"\xC2\x85", b"\xE2\x80\xA8", b"\xE2\x80\xA9"];

/// The classes of 64 bytes, one bit each, the first byte lowest.
#[derive(Clone, Copy, Default)]
struct Block {
    /// White space as Python's `str.isspace` has it, all bytes of each character; the bytes
    /// behind the text too.
    space: u64,
    /// Line feeds.
    feed: u64,
    /// Letters of ASCII.
    letter: u64,
    /// Capital letters of ASCII.
    capital: u64,
    /// Digits of ASCII.
    digit: u64,
    /// Bytes of characters beyond ASCII.
    beyond: u64,
    /// Bytes of characters beyond ASCII but the first of each.
    inner: u64,
}

/// What the bytes of a piece of text are, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    const LETTER: u8 = 1;
    const DIGIT: u8 = 2;
    const MARK: u8 = 4;
    const BEYOND: u8 = 8;

    /// It holds a letter of ASCII.
    pub(crate) fn has_letter(self) -> bool {
        self.0 & Self::LETTER != 0
    }

    /// It holds a character beyond ASCII.
    pub(crate) fn has_beyond(self) -> bool {
        self.0 & Self::BEYOND != 0
    }

    /// It is letters of ASCII and nothing else.
    pub(crate) fn is_letters(self) -> bool {
        self.0 & !Self::LETTER == 0
    }

    /// It is letters and digits of ASCII and nothing else.
    pub(crate) fn is_alphanumeric(self) -> bool {
        self.0 & !(Self::LETTER | Self::DIGIT) == 0
    }
}

/// The classes of the bytes of one text, and its words between white space.
///
/// Its buffers are used again for the next text.
#[derive(Default)]
pub(crate) struct ByteMap {
    blocks: Vec<Block>,
    /// Where words start and end, in turn.
    borders: Vec<u32>,
    has_long_line_end: bool,
}

impl ByteMap {
    /// Looks at `text`, of which 4 GiB at most count.
    pub(crate) fn read(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.blocks.clear();
        self.has_long_line_end = false;
        let blocks = bytes.chunks_exact(BYTES);
        let rest = blocks.remainder();
        let mut has_beyond = 0;
        // One block more than the text fills, so that there is one after each.
        self.blocks.reserve(bytes.len() / BYTES + 2);
        for block in blocks {
            let block = Block::of(block.try_into().expect("chunks have the length asked for"));
            has_beyond |= block.beyond;
            self.blocks.push(block);
        }
        let mut last = [b' '; BYTES];
        last[..rest.len()].copy_from_slice(rest);
        self.blocks.push(Block::of(&last));
        has_beyond |= self.blocks.last().map_or(0, |block| block.beyond);
        self.blocks.push(Block { space: !0, ..Block::default() });
        if has_beyond != 0 {
            self.mark_long_spaces(bytes);
        }
        self.find_borders();
    }

    /// Where each word between white space starts and ends: what Python's `str.split()` gives.
    pub(crate) fn words(&self) -> impl ExactSizeIterator<Item = (u32, u32)> + '_ {
        let (words, _) = self.borders.as_chunks::<2>();
        words.iter().map(|&[start, end]| (start, end))
    }

    /// Where line feeds stand.
    pub(crate) fn feeds(&self) -> impl Iterator<Item = u32> + '_ {
        self.blocks.iter().zip((0..).step_by(BYTES)).flat_map(|(block, first)| {
            let mut feeds = block.feed;
            std::iter::from_fn(move || {
                let at = (feeds != 0).then(|| first + feeds.trailing_zeros())?;
                feeds &= feeds - 1;
                Some(at)
            })
        })
    }

    /// Whether a character beyond ASCII stands in the text at which Python's `str.splitlines`
    /// cuts.
    pub(crate) fn has_long_line_end(&self) -> bool {
        self.has_long_line_end
    }

    /// What the bytes from `start` up to `end` are.
    #[inline]
    pub(crate) fn kinds(&self, start: usize, end: usize) -> Kinds {
        let (mut letter, mut digit, mut mark, mut beyond) = (0, 0, 0, 0);
        let mut at = start;
        while at < end {
            let length = (end - at).min(BYTES);
            let (first, shift) = (at / BYTES, at % BYTES);
            let [one, other] = [&self.blocks[first], &self.blocks[first + 1]];
            let wanted = !0 >> (BYTES - length);
            // A shift by 64 is none, so it is made in two steps.
            let window =
                |one: u64, other: u64| (one >> shift | other << 1 << (BYTES - 1 - shift)) & wanted;
            let letters = window(one.letter, other.letter);
            let digits = window(one.digit, other.digit);
            let long = window(one.beyond, other.beyond);
            letter |= letters;
            digit |= digits;
            beyond |= long;
            mark |= wanted & !(letters | digits | long);
            at += length;
        }
        let bit = |found: u64, bit: u8| if found == 0 { 0 } else { bit };
        Kinds(
            bit(letter, Kinds::LETTER)
                | bit(digit, Kinds::DIGIT)
                | bit(mark, Kinds::MARK)
                | bit(beyond, Kinds::BEYOND),
        )
    }

    /// Capital letters of ASCII from `start` up to `end`.
    pub(crate) fn capitals(&self, start: usize, end: usize) -> usize {
        self.count(start, end, |block| block.capital)
    }

    /// Characters from `start` up to `end`, which are borders of characters.
    #[inline]
    pub(crate) fn chars(&self, start: usize, end: usize) -> usize {
        end - start - self.count(start, end, |block| block.inner)
    }

    #[inline]
    fn count(&self, start: usize, end: usize, class: impl Fn(&Block) -> u64) -> usize {
        if start >= end {
            return 0;
        }
        let (first, last) = (start / BYTES, (end - 1) / BYTES);
        let from = !0 << (start % BYTES);
        let to = !0 >> (BYTES - 1 - (end - 1) % BYTES);
        let count =
            |index: usize, wanted: u64| (class(&self.blocks[index]) & wanted).count_ones() as usize;
        if first == last {
            return count(first, from & to);
        }
        let between: usize = (first + 1..last).map(|index| count(index, !0)).sum();
        count(first, from) + between + count(last, to)
    }

    /// Frees the memory that one huge text left behind, but room for `bytes` bytes.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        self.blocks.clear();
        self.blocks.shrink_to(bytes / BYTES);
        self.borders.clear();
        self.borders.shrink_to(bytes);
    }

    /// Marks white space beyond ASCII.
    fn mark_long_spaces(&mut self, bytes: &[u8]) {
        for index in 0..self.blocks.len() {
            let mut firsts = self.blocks[index].beyond & !self.blocks[index].inner;
            while firsts != 0 {
                let at = index * BYTES + firsts.trailing_zeros() as usize;
                firsts &= firsts - 1;
                let space = long_space(bytes, at);
                for byte in at..at + space {
                    self.blocks[byte / BYTES].space |= 1 << (byte % BYTES);
                }
                self.has_long_line_end |= LONG_LINE_ENDS.contains(&&bytes[at..at + space]);
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "places are held as 32-bit numbers")]
    fn find_borders(&mut self) {
        self.borders.clear();
        let mut after_word = 0;
        for (index, block) in self.blocks.iter().enumerate() {
            let words = !block.space;
            let mut borders = words ^ (words << 1 | after_word);
            after_word = words >> (BYTES - 1);
            while borders != 0 {
                self.borders.push((index * BYTES) as u32 + borders.trailing_zeros());
                borders &= borders - 1;
            }
        }
    }
}

/// How many bytes the white space beyond ASCII at `bytes[at]` has; 0 if something else stands
/// there.
#[inline]
fn long_space(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match (rest[0], rest.get(1), rest.get(2)) {
        (0xC2, Some(0x85 | 0xA0), _) => 2,
        (0xE1, Some(0x9A), Some(0x80))
        | (0xE2, Some(0x80), Some(0x80..=0x8A | 0xA8 | 0xA9 | 0xAF))
        | (0xE2, Some(0x81), Some(0x9F))
        | (0xE3, Some(0x80), Some(0x80)) => 3,
        _ => 0,
    }
}

impl Block {
    /// White space beyond ASCII is not seen here.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    fn of(bytes: &[u8; BYTES]) -> Self {
        // SAFETY: every x86-64 has SSE2.
        unsafe { Self::of_lanes(bytes) }
    }

    /// [`Self::of`], sixteen bytes at a time.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "sse2")]
    #[inline]
    fn of_lanes(bytes: &[u8; BYTES]) -> Self {
        use std::arch::x86_64::{
            __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
            _mm_set_epi64x, _mm_set1_epi8, _mm_sub_epi8,
        };
        let all = |byte: u8| _mm_set1_epi8(byte.cast_signed());
        let within = |lane: __m128i, first: u8, last: u8| {
            let above = _mm_sub_epi8(lane, all(first));
            _mm_cmpeq_epi8(_mm_min_epu8(above, all(last - first)), above)
        };
        let bits = |lane: __m128i| u64::from(_mm_movemask_epi8(lane).cast_unsigned());
        let mut block = Self::default();
        let (lanes, _) = bytes.as_chunks::<16>();
        for (index, lane) in lanes.iter().enumerate() {
            let (halves, _) = lane.as_chunks::<8>();
            let half = |at: usize| u64::from_le_bytes(halves[at]).cast_signed();
            let lane = _mm_set_epi64x(half(1), half(0));
            let shift = 16 * index;
            let space = _mm_or_si128(within(lane, b'\t', b'\r'), within(lane, 0x1C, b' '));
            block.space |= bits(space) << shift;
            block.feed |= bits(_mm_cmpeq_epi8(lane, all(b'\n'))) << shift;
            let small = _mm_or_si128(lane, all(0x20));
            block.letter |= bits(within(small, b'a', b'z')) << shift;
            block.capital |= bits(within(lane, b'A', b'Z')) << shift;
            block.digit |= bits(within(lane, b'0', b'9')) << shift;
            block.beyond |= bits(lane) << shift;
            let top = _mm_and_si128(lane, all(0xC0));
            let inner = _mm_cmpeq_epi8(top, all(0x80));
            block.inner |= bits(inner) << shift;
        }
        block
    }

    /// White space beyond ASCII is not seen here.
    #[cfg(not(target_arch = "x86_64"))]
    fn of(bytes: &[u8; BYTES]) -> Self {
        let mut block = Self::default();
        for (index, byte) in bytes.iter().enumerate() {
            let bit = |holds: bool| u64::from(holds) << index;
            block.space |= bit(matches!(byte, b'\t'..=b'\r' | 0x1C..=b' '));
            block.feed |= bit(*byte == b'\n');
            block.letter |= bit(byte.is_ascii_alphabetic());
            block.capital |= bit(byte.is_ascii_uppercase());
            block.digit |= bit(byte.is_ascii_digit());
            block.beyond |= bit(!byte.is_ascii());
            block.inner |= bit(byte & 0xC0 == 0x80);
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::is_space;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str) {
        let mut map = ByteMap::default();
        map.read("something else before, longer than one block of sixty-four bytes, with é");
        map.read(text);
        let words: Vec<&str> =
            map.words().map(|(start, end)| &text[start as usize..end as usize]).collect();
        let expected: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
        assert_eq!(words, expected, "of {text:?}");
        let kinds = map.kinds(0, text.len());
        let has = |holds: fn(&u8) -> bool| text.as_bytes().iter().any(holds);
        assert_eq!(kinds.has_letter(), has(u8::is_ascii_alphabetic));
        assert_eq!(kinds.has_beyond(), !text.is_ascii());
        assert_eq!(kinds.is_letters(), !has(|byte| !byte.is_ascii_alphabetic()));
        assert_eq!(kinds.is_alphanumeric(), !has(|byte| !byte.is_ascii_alphanumeric()));
        let feeds: Vec<_> = map.feeds().map(|at| at as usize).collect();
        assert_eq!(feeds, text.match_indices('\n').map(|(at, _)| at).collect::<Vec<_>>());
        assert_eq!(map.has_long_line_end(), text.contains(['\u{85}', '\u{2028}', '\u{2029}']));
        assert_eq!(map.chars(0, text.len()), text.chars().count());
        assert_eq!(map.capitals(0, text.len()), capitals(text));
    }

    fn capitals(text: &str) -> usize {
        text.bytes().filter(u8::is_ascii_uppercase).count()
    }

    #[test]
    fn edges_of_blocks_are_no_edges_of_words() {
        check("");
        check(" ");
        for length in 60..70 {
            check(&"a".repeat(length));
            check(&format!("{}\u{3000}B9", "a".repeat(length)));
            check(&format!("{} {}", "a".repeat(length), "b".repeat(length)));
        }
    }

    proptest! {
        #[test]
        fn words_are_those_between_white_space(
            text in "[a-zA-Z0-9_.\\-é户 \n\r\u{1c}\u{85}\u{a0}\u{1680}\u{2003}\u{2028}\u{205f}\u{3000}—]{0,200}",
        ) {
            check(&text);
        }

        #[test]
        fn any_text_is_mapped(text in any::<String>()) {
            check(&text);
        }

        #[test]
        fn parts_are_counted_by_themselves(text in "[a-cA-C0-9é户 ]{0,200}", cut in 0_usize..200) {
            let mut map = ByteMap::default();
            map.read(&text);
            let cut = text.floor_char_boundary(cut.min(text.len()));
            let tail = &text[cut..];
            prop_assert_eq!(map.chars(0, cut) + map.chars(cut, text.len()), text.chars().count());
            prop_assert_eq!(map.capitals(cut, text.len()), capitals(tail));
            prop_assert_eq!(
                map.kinds(cut, text.len()).is_alphanumeric(),
                tail.bytes().all(|byte| byte.is_ascii_alphanumeric())
            );
        }
    }
}
