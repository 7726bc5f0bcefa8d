//! Words between white space and the lines around them, as Dolma and NeMo count.

use super::layout::{Layout, Token};
use super::measure::{measure_table, ratio};
use super::phrases::Phrase;
use super::python;
use super::table::CountTable;
use super::words::StopWord;
use crate::classes::{ALPHABETIC, ClassTable, LETTER};
use serde::{Deserialize, Serialize};

/// Word lengths that are counted one by one when the median is looked for.
const COUNTED_LENGTHS: usize = 64;
/// Characters that NeMo takes for bullets.
const NEMO_BULLETS: [char; 12] = ['•', '‣', '⁃', '⁌', '⁍', '∙', '○', '●', '◘', '◦', '⦾', '⦿'];
/// Words that NeMo takes for ellipses.
const NEMO_ELLIPSES: [&str; 6] = ["...", "[...]", "…", "(...)", "[…]", "-»"];

/// Counts of words between white space, and of lines as Dolma and NeMo see them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct PlainWordCounts {
    chars: u64,
    words: u64,
    word_chars: u64,
    /// Twice the median, which is a whole number.
    double_median: u64,
    longest: u64,
    with_letter: u64,
    with_alphabetic: u64,
    stop_words: u64,
    dolma_symbols: u64,
    nemo_symbols: u64,
    url_chars: u64,
    lines: u64,
    empty_lines: u64,
    edge_empty_lines: u64,
    bullets: u64,
    ellipsis_ends: u64,
    repeated_lines: u64,
    repeated_line_chars: u64,
    filled: u64,
    filled_chars: u64,
    distinct_filled: u64,
    distinct_filled_chars: u64,
    nemo_bullets: u64,
    nemo_unended: u64,
    nemo_ellipsis_ends: u64,
    nemo_paragraphs: u64,
    nemo_paragraph_chars: u64,
    distinct_paragraphs: u64,
    distinct_paragraph_chars: u64,
    policy_paragraphs: u64,
    has_lorem_ipsum: bool,
}

impl PlainWordCounts {
    pub(super) fn count(
        text: &str,
        layout: &Layout,
        classes: ClassTable,
        table: &mut CountTable,
    ) -> Self {
        let mut counts = Self { chars: layout.chars as u64, ..Self::default() };
        counts.count_words(text, layout, classes);
        counts.count_lines(text, layout, table);
        counts.count_paragraphs(layout, table);
        counts.url_chars = url_chars(text.as_bytes());
        counts
    }

    fn count_words(&mut self, text: &str, layout: &Layout, classes: ClassTable) {
        let words = &layout.plain_words;
        let has_hash = layout.histogram.count_of(b"#") > 0;
        let mut lengths = [0u64; COUNTED_LENGTHS];
        self.words = words.len() as u64;
        for token in words {
            self.word_chars += u64::from(token.chars);
            self.longest = self.longest.max(u64::from(token.chars));
            lengths[(token.chars as usize).min(COUNTED_LENGTHS - 1)] += 1;
            self.stop_words += u64::from(token.stop_word == StopWord::Exactly);
            let (mut has_letter, mut has_alphabetic) =
                (token.kinds.has_letter(), token.kinds.has_letter());
            let word = || &text[token.start as usize..token.end as usize];
            if token.kinds.has_beyond() {
                let class = word().chars().fold(0, |class, ch| class | classes.of(ch));
                has_letter = class & LETTER != 0;
                has_alphabetic = class & ALPHABETIC != 0;
            }
            self.with_letter += u64::from(has_letter);
            self.with_alphabetic += u64::from(has_alphabetic);
            // An ellipsis is beyond ASCII or begins with one of three characters.
            let begins = || matches!(text.as_bytes()[token.start as usize], b'.' | b'[' | b'(');
            let may_be_symbol = has_hash || token.kinds.has_beyond() || begins();
            if may_be_symbol && !token.kinds.is_alphanumeric() {
                let word = word();
                self.dolma_symbols += u64::from(has_dolma_symbol(word.as_bytes()));
                self.nemo_symbols += u64::from(is_nemo_symbol(word, token.chars));
            }
        }
        self.double_median = double_median(&lengths, words);
    }

    fn count_lines(&mut self, text: &str, layout: &Layout, table: &mut CountTable) {
        table.reset(layout.lines.len());
        self.lines = layout.lines.len() as u64;
        let last = layout.lines.len() - 1;
        for (index, piece) in layout.lines.iter().enumerate() {
            let line = piece.of(text);
            if line.is_empty() {
                self.empty_lines += 1;
                self.edge_empty_lines += u64::from(index == 0 || index == last);
                continue;
            }
            self.bullets += u64::from(line.starts_with(['*', '-']));
            self.ellipsis_ends += u64::from(line.ends_with('…'));
            let (start, end) = (piece.start as usize, piece.end as usize);
            let chars = layout.chars_between(start, end) as u64;
            let slot = table.add(piece.hash, piece.start);
            let times = u64::from(table.slot(slot).count);
            if times > 1 {
                // The second copy also makes the first one repeated.
                let copies = if times == 2 { 2 } else { 1 };
                self.repeated_lines += copies;
                self.repeated_line_chars += copies * chars;
            }
            let stripped = python::strip(line);
            if !stripped.is_empty() {
                self.count_filled(stripped, chars, times == 1);
            }
        }
    }

    fn count_filled(&mut self, stripped: &str, chars: u64, is_new: bool) {
        self.filled += 1;
        self.filled_chars += chars;
        if is_new {
            self.distinct_filled += 1;
            self.distinct_filled_chars += chars;
        }
        self.nemo_bullets += u64::from(stripped.starts_with(NEMO_BULLETS));
        self.nemo_unended += u64::from(!stripped.ends_with(['.', '?', '!', '"', '\'']));
        self.nemo_ellipsis_ends += u64::from(ends_with_nemo_ellipsis(stripped));
    }

    fn count_paragraphs(&mut self, layout: &Layout, table: &mut CountTable) {
        table.reset(layout.paragraphs.len());
        let mut phrases = layout.phrases.iter().peekable();
        for paragraph in &layout.paragraphs {
            self.nemo_paragraphs += 1;
            let (start, end) = (paragraph.start as usize, paragraph.end as usize);
            let chars = layout.chars_between(start, end) as u64;
            self.nemo_paragraph_chars += chars;
            let slot = table.add(paragraph.hash, 0);
            if table.slot(slot).count == 1 {
                self.distinct_paragraphs += 1;
                self.distinct_paragraph_chars += chars;
            }
            let mut has_policy = false;
            while let Some((_, phrase)) = phrases.next_if(|(at, _)| *at < paragraph.end) {
                has_policy |= matches!(phrase, Phrase::Policy | Phrase::MorePolicy);
                self.has_lorem_ipsum |= *phrase == Phrase::LoremIpsum;
            }
            self.policy_paragraphs += u64::from(has_policy);
        }
    }

    fn dolma_lines(&self, with_empty: bool) -> u64 {
        let left_out = if with_empty { 0 } else { self.empty_lines - self.edge_empty_lines };
        self.lines - left_out
    }

    fn dolma_repeated(&self, with_empty: bool) -> f64 {
        let empty = if with_empty { self.empty_lines } else { self.edge_empty_lines };
        let repeated = self.repeated_lines + if empty > 1 { empty } else { 0 };
        ratio(repeated, self.dolma_lines(with_empty))
    }
}

/// Whether `#` or `…` stands in a word.
fn has_dolma_symbol(word: &[u8]) -> bool {
    let is_ellipsis = |at: usize| word[at..].starts_with("…".as_bytes());
    memchr::memchr2_iter(b'#', 0xE2, word).any(|at| word[at] == b'#' || is_ellipsis(at))
}

/// Whether NeMo takes `word` for a symbol: an ellipsis, or more runs of `#` than half its length.
fn is_nemo_symbol(word: &str, chars: u32) -> bool {
    if NEMO_ELLIPSES.contains(&word) {
        return true;
    }
    let bytes = word.as_bytes();
    let starts_run = |&at: &usize| at == 0 || bytes[at - 1] != b'#';
    let runs = memchr::memchr_iter(b'#', bytes).filter(starts_run).count();
    runs * 2 > chars as usize
}

fn ends_with_nemo_ellipsis(line: &str) -> bool {
    const READ_MORE: &[u8] = b"read more";
    let last = line.as_bytes().last();
    if last.is_none_or(|last| !b".])eE".contains(last) && last.is_ascii()) {
        return false;
    }
    if NEMO_ELLIPSES.iter().any(|mark| line.ends_with(mark)) {
        return true;
    }
    let bytes = line.strip_suffix("..").unwrap_or(line).as_bytes();
    bytes.len() >= READ_MORE.len()
        && bytes[bytes.len() - READ_MORE.len()..].eq_ignore_ascii_case(READ_MORE)
}

/// Twice the median length of `words`, given how many have each length.
fn double_median(lengths: &[u64; COUNTED_LENGTHS], words: &[Token]) -> u64 {
    if words.is_empty() {
        return 0;
    }
    let ranks = [(words.len() - 1) / 2, words.len() / 2];
    ranks.into_iter().map(|rank| length_at(lengths, words, rank)).sum()
}

/// The length at place `rank` of all lengths in order.
fn length_at(lengths: &[u64; COUNTED_LENGTHS], words: &[Token], rank: usize) -> u64 {
    let mut before = 0;
    for (length, &count) in lengths[..COUNTED_LENGTHS - 1].iter().enumerate() {
        before += count;
        if before > rank as u64 {
            return length as u64;
        }
    }
    let mut all: Vec<u32> = words.iter().map(|word| word.chars).collect();
    u64::from(*all.select_nth_unstable(rank).1)
}

/// Characters of all URLs: `http://` or `https://` and what may stand in one.
fn url_chars(bytes: &[u8]) -> u64 {
    let mut chars = 0;
    let mut next = 0;
    for start in memchr::memmem::find_iter(bytes, "http") {
        if start < next {
            continue;
        }
        let rest = &bytes[start + 4..];
        let rest = rest.strip_prefix(b"s").unwrap_or(rest);
        let Some(rest) = rest.strip_prefix(b"://") else { continue };
        let length = url_body(rest);
        if length > 0 {
            next = bytes.len() - rest.len() + length;
            chars += (next - start) as u64;
        }
    }
    chars
}

fn url_body(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        let is_escape = byte == b'%'
            && rest.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        if is_escape {
            at += 3;
        } else if byte.is_ascii_alphanumeric() || b"$-_@.&+/:=?#~!*(),".contains(&byte) {
            at += 1;
        } else {
            break;
        }
    }
    at
}

measure_table! { PlainWords, plain_words, |it, profile|
    "plain.words", "Words between white space." => it.words as f64;
    "plain.mean_chars", "Characters of words, by words." => ratio(it.word_chars, it.words);
    "plain.median_chars", "The median length of words in characters."
        => it.double_median as f64 / 2.0;
    "plain.max_chars", "Characters of the longest word." => it.longest as f64;
    "plain.letter_fraction", "Words with a letter (category L), by words."
        => ratio(it.with_letter, it.words);
    "plain.alphabetic_fraction", "Words with an alphabetic character, by words."
        => ratio(it.with_alphabetic, it.words);
    "plain.stop_words", "Occurrences of the, be, to, of, and, that, have, with."
        => it.stop_words as f64;
    "plain.symbol_fraction", "Words with `#` or `…`, by words."
        => ratio(it.dolma_symbols, it.words);
    "plain.nemo_symbol_fraction", "Words that are an ellipsis or mostly `#`, by words."
        => ratio(it.nemo_symbols, it.words);
    "plain.url_fraction", "Characters of URLs, by characters; 1 if empty."
        => if it.chars == 0 { 1.0 } else { ratio(it.url_chars, it.chars) };
    "plain.bullet_fraction", "Lines between line feeds that start with `*` or `-`, by lines."
        => ratio(it.bullets, it.dolma_lines(true));
    "plain.ellipsis_fraction", "Lines between line feeds that end with `…`, by lines."
        => ratio(it.ellipsis_ends, it.dolma_lines(true));
    "plain.repeated_line_fraction", "Lines that stand more than once, all copies, by lines."
        => it.dolma_repeated(true);
    "plain.repeated_line_char_fraction",
        "Characters of lines that stand more than once, by characters of words."
        => ratio(it.repeated_line_chars, it.word_chars);
    "plain.filled_bullet_fraction", "As `plain.bullet_fraction`, without empty lines inside."
        => ratio(it.bullets, it.dolma_lines(false));
    "plain.filled_ellipsis_fraction", "As `plain.ellipsis_fraction`, without empty lines inside."
        => ratio(it.ellipsis_ends, it.dolma_lines(false));
    "plain.filled_repeated_line_fraction",
        "As `plain.repeated_line_fraction`, without empty lines inside."
        => it.dolma_repeated(false);
    "plain.nemo_bullet_fraction", "Filled lines that start with a round bullet, by filled lines."
        => ratio(it.nemo_bullets, it.filled);
    "plain.nemo_unended_fraction", "Filled lines that do not end with punctuation, by filled lines."
        => ratio(it.nemo_unended, it.filled);
    "plain.nemo_ellipsis_fraction",
        "Filled lines that end with an ellipsis or `read more`, by filled lines."
        => ratio(it.nemo_ellipsis_ends, it.filled);
    "plain.distinct_line_fraction", "Different filled lines, by filled lines."
        => ratio(it.distinct_filled, it.filled);
    "plain.distinct_line_char_fraction",
        "Characters of different filled lines, by characters of filled lines."
        => ratio(it.distinct_filled_chars, it.filled_chars);
    "plain.distinct_paragraph_fraction", "Different pieces between double line feeds, by pieces."
        => ratio(it.distinct_paragraphs, it.nemo_paragraphs);
    "plain.distinct_paragraph_char_fraction",
        "Characters of different pieces between double line feeds, by those of all pieces."
        => ratio(it.distinct_paragraph_chars, it.nemo_paragraph_chars);
    "plain.boilerplate_fraction",
        "Pieces between double line feeds with a notice on cookies or terms, by pieces; \
         1 with `lorem ipsum`."
        => if it.has_lorem_ipsum { 1.0 } else { ratio(it.policy_paragraphs, it.nemo_paragraphs) };
}
