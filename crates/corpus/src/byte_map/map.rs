//! The map of one text.

use super::ascii::AsciiBits;
use super::block::{BYTES, Block};
use super::kinds::Kinds;
use crate::classes::long_space_bytes;

/// U+202F, which joins the words around it for Unicode.
const NARROW_SPACE: &[u8] = b"\xE2\x80\xAF";
/// White space beyond ASCII that ends lines: U+0085, U+2028, U+2029.
const LONG_LINE_ENDS: [&[u8]; 3] = [b"\xC2\x85", b"\xE2\x80\xA8", b"\xE2\x80\xA9"];

/// The classes of the bytes of one text, and its words between white space.
///
/// Its buffers are used again for the next text.
#[derive(Default)]
pub(crate) struct ByteMap {
    blocks: Vec<Block>,
    /// Where words start and end, in turn.
    borders: Vec<u32>,
    has_long_line_end: bool,
    has_narrow_space: bool,
}

impl ByteMap {
    /// Looks at `text`, of which 4 GiB at most count.
    pub(crate) fn read(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.blocks.clear();
        (self.has_long_line_end, self.has_narrow_space) = (false, false);
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
        self.places(|block| block.feed)
    }

    /// Where characters beyond ASCII begin.
    pub(crate) fn long_chars(&self) -> impl Iterator<Item = u32> + '_ {
        self.places(|block| block.beyond & !block.inner)
    }

    /// Sets `starts` to where the characters of the text begin, which has `length` bytes.
    #[expect(clippy::cast_possible_truncation, reason = "places are held as 32-bit numbers")]
    pub(crate) fn char_starts(&self, length: usize, starts: &mut Vec<u32>) {
        starts.clear();
        for (block, first) in self.blocks.iter().zip((0..length as u32).step_by(BYTES)) {
            if block.inner == 0 {
                starts.extend(first..first + BYTES as u32);
                continue;
            }
            let mut bits = !block.inner;
            while bits != 0 {
                starts.push(first + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        // The last block goes on behind the text.
        while starts.last().is_some_and(|&last| last as usize >= length) {
            starts.pop();
        }
    }

    #[inline]
    fn places(&self, class: impl Fn(&Block) -> u64) -> impl Iterator<Item = u32> {
        self.blocks.iter().zip((0..).step_by(BYTES)).flat_map(move |(block, first)| {
            let mut bits = class(block);
            std::iter::from_fn(move || {
                let at = (bits != 0).then(|| first + bits.trailing_zeros())?;
                bits &= bits - 1;
                Some(at)
            })
        })
    }

    /// Whether a character beyond ASCII stands in the text at which Python's `str.splitlines`
    /// cuts.
    pub(crate) fn has_long_line_end(&self) -> bool {
        self.has_long_line_end
    }

    /// Whether U+202F stands in the text: white space that is part of words for Unicode.
    pub(crate) fn has_narrow_space(&self) -> bool {
        self.has_narrow_space
    }

    /// Where Unicode's words lie that begin with a letter or digit, of at most 64 bytes of ASCII
    /// from `start` up to `end` between white space: calls `on_word` for each.
    #[inline]
    pub(crate) fn ascii_words(
        &self,
        start: usize,
        end: usize,
        mut on_word: impl FnMut(usize, usize),
    ) {
        let (first, shift) = (start / BYTES, start % BYTES);
        let [one, other] = [&self.blocks[first], &self.blocks[first + 1]];
        let window = |class: fn(&Block) -> u64| {
            class(one) >> shift | class(other) << 1 << (BYTES - 1 - shift)
        };
        let (letter, digit) = (window(|block| block.letter), window(|block| block.digit));
        let between = |class: u64| class << 1 & class >> 1;
        let inside = window(|block| block.mid_letter) & between(letter)
            | window(|block| block.mid_number) & between(digit);
        let readable = letter | digit;
        let wanted = !0 >> (BYTES - (end - start));
        let words = (readable | window(|block| block.joiner) | inside) & wanted;
        let mut starts = words & !(words << 1) & readable;
        while starts != 0 {
            let from = starts.trailing_zeros();
            starts &= starts - 1;
            let length = (!(words >> from)).trailing_zeros();
            on_word(start + from as usize, start + (from + length) as usize);
        }
    }

    /// Where the first letter of ASCII stands among at most 64 bytes from `start` up to `end`,
    /// and what follows the last one; the same place twice without a letter.
    #[inline]
    pub(crate) fn letter_to_letter(&self, start: usize, end: usize) -> (usize, usize) {
        let (first, shift) = (start / BYTES, start % BYTES);
        let [one, other] = [&self.blocks[first], &self.blocks[first + 1]];
        let wanted = !0 >> (BYTES - (end - start));
        let letters = (one.letter >> shift | other.letter << 1 << (BYTES - 1 - shift)) & wanted;
        let to = start + BYTES - letters.leading_zeros() as usize;
        (to.min(start + letters.trailing_zeros() as usize), to)
    }

    /// What each of the bytes from `start` up to `end` is, if they are few and ASCII.
    #[inline]
    pub(crate) fn ascii_bits(&self, start: usize, end: usize) -> Option<AsciiBits> {
        let length = end - start;
        if length == 0 || length > BYTES {
            return None;
        }
        let (first, shift) = (start / BYTES, start % BYTES);
        let [one, other] = [&self.blocks[first], &self.blocks[first + 1]];
        let wanted = !0 >> (BYTES - length);
        let window = |class: fn(&Block) -> u64| {
            (class(one) >> shift | class(other) << 1 << (BYTES - 1 - shift)) & wanted
        };
        (window(|block| block.beyond) == 0).then(|| AsciiBits {
            letters: window(|block| block.letter),
            digits: window(|block| block.digit),
            points: window(|block| block.mid_letter & block.mid_number),
            length,
        })
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
        Kinds::of([letter, digit, mark, beyond])
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
                let space = long_space_bytes(bytes, at);
                for byte in at..at + space {
                    self.blocks[byte / BYTES].space |= 1 << (byte % BYTES);
                }
                self.has_narrow_space |= &bytes[at..at + space] == NARROW_SPACE;
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
