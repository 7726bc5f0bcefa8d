//! What RefinedWeb's rules look at, as DCLM wrote them again.

use super::chain::Chain;
use super::layout::{CharsBefore, Layout, Token};
use super::measure::{measure_table, ratio};
use super::python;
use super::refined_lines::edited_lines;
use super::table::CountTable;
use super::words::StopWord;
use crate::classes::{ClassTable, LETTER, NUMBER};
use crate::words::{for_each_unicode_word, unicode_words};
use serde::{Deserialize, Serialize};

/// Counts for RefinedWeb's rules.
///
/// N-grams are over the words that Unicode's segmentation finds and that start with a letter or
/// number. The top n-gram is the longest of the most frequent ones; of repeated n-grams every
/// word that is in one counts once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RefinedCounts {
    plain_words: u64,
    symbols: u64,
    stop_words: u64,
    other_words: u64,
    lines: Segments,
    bullets: u64,
    ellipsis_ends: u64,
    paragraphs: Segments,
    word_chars: u64,
    top_chars: [u64; 3],
    repeated_chars: [u64; 6],
    words: u64,
    removed_words: u64,
}

/// Counts of pieces of a text that are not blank.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Segments {
    count: u64,
    chars: u64,
    repeated: u64,
    repeated_chars: u64,
}

impl Segments {
    /// `part / whole`; a single piece repeats nothing, and of no piece all is repeated.
    fn fraction(&self, part: u64, whole: u64) -> f64 {
        match self.count {
            0 => 1.0,
            1 => 0.0,
            _ => ratio(part, whole),
        }
    }

    fn add(&mut self, piece: &str, hash: u64, is_ascii: bool, table: &mut CountTable) {
        let chars = if is_ascii { piece.len() } else { python::length(piece) } as u64;
        self.count += 1;
        self.chars += chars;
        let slot = table.add(hash, 0);
        // The second copy also makes the first one repeated.
        let copies = match table.slot(slot).count {
            1 => 0,
            2 => 2,
            _ => 1,
        };
        self.repeated += copies;
        self.repeated_chars += copies * chars;
    }
}

/// Buffers for [`RefinedCounts`].
#[derive(Default)]
pub(super) struct RefinedScratch {
    table: CountTable,
    chain: Chain,
    words: Vec<Token>,
    chars_before: CharsBefore,
}

impl RefinedScratch {
    pub(super) fn count(
        &mut self,
        text: &str,
        layout: &Layout,
        classes: ClassTable,
    ) -> RefinedCounts {
        let mut counts = RefinedCounts {
            plain_words: layout.plain_words.len() as u64,
            symbols: count_symbols(text, layout),
            ..RefinedCounts::default()
        };
        for token in &layout.plain_words {
            counts.stop_words += u64::from(token.stop_word != StopWord::No);
            counts.other_words += u64::from(!has_letter(text, token, classes));
        }
        self.count_segments(text, layout, &mut counts);
        self.count_repetition(text, layout, classes, &mut counts);
        let edited = edited_lines(text, layout, classes);
        (counts.words, counts.removed_words) = (edited.words, edited.removed_words);
        if edited.lines.is_empty() {
            counts.removed_words = counts.words;
        }
        counts
    }

    pub(super) fn shrink(&mut self, entries: usize) {
        self.table.shrink(entries);
        self.chain.shrink(entries);
        self.words = Vec::new();
        self.chars_before = CharsBefore::default();
    }

    fn count_segments(&mut self, text: &str, layout: &Layout, counts: &mut RefinedCounts) {
        self.table.reset(layout.lines.len());
        for line in &layout.lines {
            let (line, hash) = line.stripped(text);
            if line.is_empty() {
                continue;
            }
            counts.lines.add(line, hash, layout.is_ascii, &mut self.table);
            counts.bullets += u64::from(line.starts_with(['●', '•', '*', '-']));
            let may_end = !line.ends_with(|last: char| last.is_ascii() && last != '.');
            let ends = ["...", ". . .", "…"];
            let is_ellipsis = may_end && ends.iter().any(|end| line.ends_with(end));
            counts.ellipsis_ends += u64::from(is_ellipsis);
        }
        self.table.reset(layout.lines.len());
        for paragraph in &layout.paragraphs {
            let (paragraph, hash) = paragraph.stripped(text);
            if !paragraph.is_empty() {
                counts.paragraphs.add(paragraph, hash, layout.is_ascii, &mut self.table);
            }
        }
    }

    fn find_words(&mut self, text: &str, layout: &Layout, classes: ClassTable) {
        self.words.clear();
        let found = &mut self.words;
        let add = |found: &mut Vec<Token>, start: usize, end: usize| {
            let first = text[start..end].chars().next();
            if first.is_some_and(|ch| classes.of(ch) & (LETTER | NUMBER) != 0) {
                found.push(layout.token(text, start, end));
            }
        };
        if layout.bytes.has_narrow_space() {
            return for_each_unicode_word(text, |start, end| add(found, start, end));
        }
        for token in &layout.plain_words {
            if token.kinds.is_alphanumeric() {
                found.push(*token);
                continue;
            }
            let (start, end) = (token.start as usize, token.end as usize);
            let has_beyond = token.kinds.has_beyond();
            if has_beyond || end - start > 64 {
                let mut add = |start, end| add(found, start, end);
                unicode_words(text, start, end, has_beyond, &mut add);
            } else {
                let words = &layout.bytes;
                words.ascii_words(start, end, |start, end| {
                    found.push(layout.token(text, start, end));
                });
            }
        }
    }

    fn count_repetition(
        &mut self,
        text: &str,
        layout: &Layout,
        classes: ClassTable,
        counts: &mut RefinedCounts,
    ) {
        self.find_words(text, layout, classes);
        let words = &self.words;
        self.chars_before.read(words);
        let chars_of = |from: usize, to: usize| self.chars_before.between(from, to);
        counts.word_chars = chars_of(0, words.len());
        self.chain.start(words);
        for n in 2..=10 {
            if n > 2 {
                self.chain.grow(words);
            }
            let Some(top) = self.chain.top() else { break };
            if n <= 4 {
                let most = self.chain.repeats().filter(|repeat| repeat.count == top.count);
                let longest = most.map(|repeat| chars_of(repeat.at, repeat.at + n)).max();
                counts.top_chars[n - 2] = longest.unwrap_or(0) * u64::from(top.count);
            } else {
                let mut covered = 0;
                for repeat in self.chain.repeats() {
                    let end = repeat.at + n;
                    counts.repeated_chars[n - 5] += chars_of(covered.max(repeat.at), end);
                    covered = end;
                }
            }
        }
    }
}

fn count_symbols(text: &str, layout: &Layout) -> u64 {
    let bytes = text.as_bytes();
    let mut symbols = layout.histogram.count_of(b"#");
    if layout.histogram.count_of(b".") >= 3 {
        symbols += memchr::memmem::find_iter(bytes, "...").count() as u64;
        symbols += memchr::memmem::find_iter(bytes, ". . .").count() as u64;
    }
    if !layout.is_ascii {
        symbols += memchr::memmem::find_iter(bytes, "…").count() as u64;
    }
    symbols
}

#[inline]
fn has_letter(text: &str, token: &Token, classes: ClassTable) -> bool {
    let word = || text[token.start as usize..token.end as usize].chars();
    token.kinds.has_letter()
        || token.kinds.has_beyond() && word().any(|ch| classes.of(ch) & LETTER != 0)
}

measure_table! { Refined, refined, |it, profile|
    "refined.words", "Words between ASCII white space that start with a letter or number."
        => it.words as f64;
    "refined.symbols_per_word", "Signs `#` and ellipses by words between white space; 1 of none."
        => if it.plain_words == 0 { 1.0 } else { ratio(it.symbols, it.plain_words) };
    "refined.bullet_fraction",
        "Filled lines that start with `●`, `•`, `*` or `-`, by filled lines."
        => ratio(it.bullets, it.lines.count);
    "refined.ellipsis_fraction", "Filled lines that end with an ellipsis, by filled lines."
        => ratio(it.ellipsis_ends, it.lines.count);
    "refined.other_word_fraction",
        "Words between white space without a letter, by words; 1 of none."
        => if it.plain_words == 0 { 1.0 } else { ratio(it.other_words, it.plain_words) };
    "refined.stop_words", "Occurrences of Gopher's stop words in any case." => it.stop_words as f64;
    "refined.repeated_line_fraction",
        "Filled lines that stand more than once, all copies, by lines."
        => it.lines.fraction(it.lines.repeated, it.lines.count);
    "refined.repeated_paragraph_fraction", "The same of pieces between double line feeds."
        => it.paragraphs.fraction(it.paragraphs.repeated, it.paragraphs.count);
    "refined.repeated_line_char_fraction",
        "Characters of filled lines that stand more than once, by those of filled lines."
        => it.lines.fraction(it.lines.repeated_chars, it.lines.chars);
    "refined.repeated_paragraph_char_fraction", "The same of pieces between double line feeds."
        => it.paragraphs.fraction(it.paragraphs.repeated_chars, it.paragraphs.chars);
    "refined.top_2_gram",
        "Characters of the longest of the most frequent pairs of words, by characters of words."
        => ratio(it.top_chars[0], it.word_chars);
    "refined.top_3_gram", "The same of 3-grams." => ratio(it.top_chars[1], it.word_chars);
    "refined.top_4_gram", "The same of 4-grams." => ratio(it.top_chars[2], it.word_chars);
    "refined.repeated_5_gram",
        "Characters of words in 5-grams that stand more than once, by characters of words."
        => ratio(it.repeated_chars[0], it.word_chars);
    "refined.repeated_6_gram", "The same of 6-grams."
        => ratio(it.repeated_chars[1], it.word_chars);
    "refined.repeated_7_gram", "The same of 7-grams."
        => ratio(it.repeated_chars[2], it.word_chars);
    "refined.repeated_8_gram", "The same of 8-grams."
        => ratio(it.repeated_chars[3], it.word_chars);
    "refined.repeated_9_gram", "The same of 9-grams."
        => ratio(it.repeated_chars[4], it.word_chars);
    "refined.repeated_10_gram", "The same of 10-grams."
        => ratio(it.repeated_chars[5], it.word_chars);
    "refined.removed_fraction", "Words that the line edits remove, by words; 1 of none."
        => if it.words == 0 { 1.0 } else { ratio(it.removed_words, it.words) };
}
