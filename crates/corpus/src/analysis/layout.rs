//! What several families of measures look at: characters, lines and words, found once.

use super::phrases::{Phrase, find_phrases};
use super::python;
use super::words::{StopWord, stop_word_in_any_case};
use crate::byte_map::{ByteMap, Kinds};
use crate::classes::{ClassTable, SPACE};
use crate::text_hash::{HEAD, hash_head, hash_span, head};

/// A piece of the text, with what is asked of it again and again.
#[derive(Clone, Copy, Default)]
pub(super) struct Token {
    pub(super) hash: u64,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Its length in characters.
    pub(super) chars: u32,
    /// What its bytes are.
    pub(super) kinds: Kinds,
    /// Whether it is one of Gopher's stop words.
    pub(super) stop_word: StopWord,
}

/// A word, whoever found it.
pub(super) trait Piece {
    /// Equal for equal words.
    fn hash(&self) -> u64;
    /// Where it starts and ends in the text.
    fn place(&self) -> (u32, u32);
    /// Its length in characters.
    fn chars(&self) -> u32;
}

impl Piece for Token {
    fn hash(&self) -> u64 {
        self.hash
    }

    fn place(&self) -> (u32, u32) {
        (self.start, self.end)
    }

    fn chars(&self) -> u32 {
        self.chars
    }
}

/// How many characters of words stand before each word; one entry more than words.
#[derive(Default)]
pub(super) struct CharsBefore(Vec<u32>);

impl CharsBefore {
    /// Looks at the words of a text.
    pub(super) fn read(&mut self, words: &[Token]) {
        self.0.clear();
        self.0.push(0);
        let mut chars = 0;
        self.0.extend(words.iter().map(|word| {
            chars += word.chars;
            chars
        }));
    }

    /// Characters of the words from the index `from` up to `to`.
    #[inline]
    pub(super) fn between(&self, from: usize, to: usize) -> u64 {
        u64::from(self.0[to] - self.0[from])
    }
}

/// A line, without what ended it, or a paragraph.
#[derive(Clone, Copy, Default)]
pub(super) struct Line {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The hash of its bytes.
    pub(super) hash: u64,
}

impl Line {
    fn new(bytes: &[u8], start: u32, end: u32) -> Self {
        Self { start, end, hash: hash_span(bytes, start as usize, end as usize) }
    }

    pub(super) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// Its text without white space at its ends, and the hash of that.
    pub(super) fn stripped(self, text: &str) -> (&str, u64) {
        let line = self.of(text);
        let stripped = python::strip(line);
        if stripped.len() == line.len() {
            return (line, self.hash);
        }
        (stripped, hash_span(stripped.as_bytes(), 0, stripped.len()))
    }
}

/// Counts of characters: ASCII by byte, and all by class.
pub(super) struct Histogram {
    /// How often each ASCII character stands in the text.
    pub(super) ascii: [u32; 128],
    /// Characters for each bit of their classes.
    by_class: [u32; 16],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { ascii: [0; 128], by_class: [0; 16] }
    }
}

impl Histogram {
    /// Characters that have any bit of `class`, which names one class.
    pub(super) fn count(&self, class: u16) -> u64 {
        u64::from(self.by_class[class.trailing_zeros() as usize])
    }

    /// Characters of `text` among the ASCII characters `wanted`.
    pub(super) fn count_of(&self, wanted: &[u8]) -> u64 {
        wanted.iter().map(|&byte| u64::from(self.ascii[usize::from(byte & 127)])).sum()
    }

    /// Counts as many characters more that have these classes.
    fn add(&mut self, mut classes: u16, characters: u32) {
        while classes != 0 {
            self.by_class[classes.trailing_zeros() as usize] += characters;
            classes &= classes - 1;
        }
    }
}

/// The shared view of one text; its buffers are used again for the next.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) chars: usize,
    pub(super) is_ascii: bool,
    pub(super) bytes: ByteMap,
    pub(super) histogram: Histogram,
    /// Pieces between line feeds; there is always at least one.
    pub(super) lines: Vec<Line>,
    /// Pieces that `str.splitlines` gives, unless they are those of `lines`.
    other_lines: Vec<Line>,
    has_other_lines: bool,
    /// White space other than space, tab and line feed occurs.
    pub(super) has_rare_space: bool,
    /// Pieces between two line feeds.
    pub(super) paragraphs: Vec<Line>,
    /// Words between white space; empty unless asked for.
    pub(super) plain_words: Vec<Token>,
    /// Phrases of pages; none unless words are asked for.
    pub(super) phrases: Vec<(u32, Phrase)>,
}

impl Layout {
    /// Looks at `text` and, if asked, at its words.
    pub(super) fn read(&mut self, text: &str, table: ClassTable, with_words: bool) {
        self.bytes.read(text);
        self.count_characters(text, table);
        self.find_lines(text);
        self.plain_words.clear();
        self.phrases.clear();
        if with_words {
            find_phrases(text, &mut self.phrases);
            let (map, bytes) = (&self.bytes, text.as_bytes());
            let words = map.words();
            self.plain_words.extend(words.map(|(start, end)| token(map, bytes, start, end)));
        }
    }

    /// The lines that Python's `str.splitlines` gives.
    pub(super) fn python_lines(&self) -> &[Line] {
        if self.has_other_lines {
            return &self.other_lines;
        }
        match self.lines.split_last() {
            Some((last, before)) if last.start == last.end => before,
            _ => &self.lines,
        }
    }

    /// Characters between two places, which must lie on borders of characters.
    #[inline]
    pub(super) fn chars_between(&self, start: usize, end: usize) -> usize {
        if self.is_ascii { end - start } else { self.bytes.chars(start, end) }
    }

    /// The token of `text[start..end]`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
    pub(super) fn token(&self, text: &str, start: usize, end: usize) -> Token {
        token(&self.bytes, text.as_bytes(), start as u32, end as u32)
    }

    /// Frees the memory that one huge text left behind.
    pub(super) fn shrink(&mut self, entries: usize) {
        self.bytes.shrink(entries);
        self.lines.clear();
        self.lines.shrink_to(entries);
        self.other_lines.clear();
        self.other_lines.shrink_to(entries);
        self.paragraphs.clear();
        self.paragraphs.shrink_to(entries);
        self.plain_words.clear();
        self.plain_words.shrink_to(entries);
        self.phrases = Vec::new();
    }

    fn count_characters(&mut self, text: &str, table: ClassTable) {
        let mut bytes_seen = [[0u32; 256]; 4];
        let quads = text.as_bytes().chunks_exact(4);
        for &byte in quads.remainder() {
            bytes_seen[0][usize::from(byte)] += 1;
        }
        for quad in quads {
            for (lane, &byte) in quad.iter().enumerate() {
                bytes_seen[lane][usize::from(byte)] += 1;
            }
        }
        let total = |byte: usize| bytes_seen.iter().map(|lane| lane[byte]).sum::<u32>();
        self.histogram = Histogram::default();
        for byte in 0..128_u8 {
            let characters = total(usize::from(byte));
            self.histogram.ascii[usize::from(byte)] = characters;
            if characters > 0 {
                self.histogram.add(table.of_ascii(byte), characters);
            }
        }
        self.is_ascii = (128..256).all(|byte| total(byte) == 0);
        self.chars = text.len();
        let mut has_rare_space = self.histogram.count_of(b"\r\x0B\x0C\x1C\x1D\x1E\x1F") > 0;
        if !self.is_ascii {
            self.chars = self.bytes.chars(0, text.len());
            let spaces = self.histogram.count(SPACE);
            self.count_beyond_ascii(text, table);
            has_rare_space |= self.histogram.count(SPACE) > spaces;
        }
        self.has_rare_space = has_rare_space;
    }

    fn count_beyond_ascii(&mut self, text: &str, table: ClassTable) {
        for at in self.bytes.long_chars() {
            let Some(ch) = text[at as usize..].chars().next() else { break };
            self.histogram.add(table.of(ch), 1);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "texts are far below 4 GiB")]
    fn find_lines(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let length = bytes.len() as u32;
        self.lines.clear();
        self.paragraphs.clear();
        let (mut start, mut paragraph) = (0, 0);
        for end in self.bytes.feeds() {
            if end == start && end > paragraph {
                self.paragraphs.push(Line::new(bytes, paragraph, end - 1));
                paragraph = end + 1;
            }
            self.lines.push(Line::new(bytes, start, end));
            start = end + 1;
        }
        self.lines.push(Line::new(bytes, start, length));
        self.paragraphs.push(Line::new(bytes, paragraph, length));
        self.has_other_lines = self.bytes.has_long_line_end()
            || self.histogram.count_of(b"\r\x0B\x0C\x1C\x1D\x1E") > 0;
        self.other_lines.clear();
        if self.has_other_lines {
            let lines = &mut self.other_lines;
            python::split_lines(text, |start, end| {
                lines.push(Line::new(bytes, start as u32, end as u32));
            });
        }
    }
}

/// The token of `bytes[start..end]`.
#[inline]
fn token(map: &ByteMap, bytes: &[u8], start: u32, end: u32) -> Token {
    let (from, to) = (start as usize, end as usize);
    let length = to - from;
    let first = head(bytes, from, to);
    let hash = if length <= HEAD { hash_head(first, length) } else { hash_span(bytes, from, to) };
    let kinds = map.kinds(from, to);
    let chars = if kinds.has_beyond() { map.chars(from, to) } else { length };
    #[expect(clippy::cast_possible_truncation, reason = "four bytes, and no more chars than bytes")]
    let (chars, four) = (chars as u32, first[0] as u32);
    Token { hash, start, end, chars, kinds, stop_word: stop_word_in_any_case(four, length) }
}
