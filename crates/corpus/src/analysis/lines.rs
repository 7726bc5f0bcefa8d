//! Lines and paragraphs.

use super::layout::Layout;
use super::measure::{measure_table, ratio};
use super::python;
use super::table::CountTable;
use crate::classes::{ClassTable, TERMINATES};
use crate::text_hash::hash_span;
use serde::{Deserialize, Serialize};

/// Characters up to which FineWeb calls a line short.
const SHORT_LINE: usize = 30;

/// Counts of lines and paragraphs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct LineCounts {
    chars: u64,
    newlines: u64,
    lines: u64,
    bullets: u64,
    ellipsis_ends: u64,
    longest: u64,
    third_longest: u64,
    filled: u64,
    terminated: u64,
    short: u64,
    filled_duplicate_chars: u64,
    pieces: u64,
    piece_duplicates: u64,
    piece_duplicate_chars: u64,
    paragraphs: u64,
    paragraph_duplicates: u64,
    paragraph_duplicate_chars: u64,
}

impl LineCounts {
    pub(super) fn count(
        text: &str,
        layout: &Layout,
        classes: ClassTable,
        table: &mut CountTable,
    ) -> Self {
        let mut counts = Self {
            chars: layout.chars as u64,
            newlines: layout.lines.len() as u64 - 1,
            ..Self::default()
        };
        counts.count_python_lines(text, layout);
        counts.count_filled_lines(text, layout, classes);
        counts.count_duplicate_lines(text, layout, table);
        counts.count_paragraphs(text, layout, table);
        counts
    }

    /// Lines as `str.splitlines` gives them: bullets and ellipses.
    fn count_python_lines(&mut self, text: &str, layout: &Layout) {
        let lines = layout.python_lines();
        self.lines = lines.len() as u64;
        for line in lines {
            let chars = layout.chars_between(line.start as usize, line.end as usize);
            self.longest = self.longest.max(chars as u64);
            let line = line.of(text);
            let start = python::strip_start(line);
            self.bullets += u64::from(start.starts_with(['-', '•']));
            let end = python::strip_end(line);
            self.ellipsis_ends += u64::from(end.ends_with("...") || end.ends_with('…'));
        }
    }

    /// Lines between line feeds that are not blank: ends and lengths.
    fn count_filled_lines(&mut self, text: &str, layout: &Layout, classes: ClassTable) {
        let mut longest = [0u64; 3];
        for piece in &layout.lines {
            let line = piece.of(text);
            let chars = layout.chars_between(piece.start as usize, piece.end as usize);
            if chars as u64 > longest[2] {
                longest[2] = chars as u64;
                longest.sort_unstable_by(|a, b| b.cmp(a));
            }
            if python::strip_start(line).is_empty() {
                continue;
            }
            self.filled += 1;
            let last = line.chars().next_back();
            self.terminated += u64::from(last.is_some_and(|ch| classes.of(ch) & TERMINATES != 0));
            self.short += u64::from(chars <= SHORT_LINE);
        }
        self.third_longest = longest[2];
    }

    /// Pieces between runs of line feeds, of which one may be empty at either end.
    fn count_duplicate_lines(&mut self, text: &str, layout: &Layout, table: &mut CountTable) {
        table.reset(layout.lines.len());
        let last = layout.lines.len() - 1;
        for (index, line) in layout.lines.iter().enumerate() {
            let (start, end) = (line.start as usize, line.end as usize);
            if start == end && index != 0 && index != last {
                continue;
            }
            self.pieces += 1;
            let slot = table.add(line.hash, line.start);
            if table.slot(slot).count > 1 {
                let chars = layout.chars_between(start, end) as u64;
                self.piece_duplicates += 1;
                self.piece_duplicate_chars += chars;
                if !python::strip_start(line.of(text)).is_empty() {
                    self.filled_duplicate_chars += chars;
                }
            }
        }
    }

    /// Pieces of the stripped text between runs of two line feeds or more.
    fn count_paragraphs(&mut self, text: &str, layout: &Layout, table: &mut CountTable) {
        let stripped = python::strip(text);
        let first = stripped.as_ptr() as usize - text.as_ptr() as usize;
        let last = first + stripped.len();
        table.reset(layout.lines.len());
        let mut add = |start: usize, end: usize| {
            self.paragraphs += 1;
            let hash = hash_span(text.as_bytes(), start, end);
            let slot = table.add(hash, u32::try_from(start).unwrap_or(u32::MAX));
            if table.slot(slot).count > 1 {
                self.paragraph_duplicates += 1;
                self.paragraph_duplicate_chars += layout.chars_between(start, end) as u64;
            }
        };
        let mut start = first;
        let mut after_break = false;
        for line in &layout.lines {
            let (from, to) = (line.start as usize, line.end as usize);
            if from < first || from > last {
                continue;
            }
            let is_empty = from == to;
            if is_empty && !after_break && from > start {
                add(start, from - 1);
            }
            if is_empty {
                after_break = true;
                start = to + 1;
            } else {
                after_break = false;
            }
        }
        add(start.min(last), last);
    }
}

measure_table! { Lines, lines, |it, profile|
    "lines.count", "Lines, cut wherever Unicode ends a line." => it.lines as f64;
    "lines.bullet_fraction", "Lines that start with `•` or `-` after white space, by lines."
        => ratio(it.bullets, it.lines);
    "lines.ellipsis_fraction", "Lines that end with `...` or `…` before white space, by lines."
        => ratio(it.ellipsis_ends, it.lines);
    "lines.mean_chars", "Characters of the text by lines." => ratio(it.chars, it.lines);
    "lines.max_chars", "Characters of the longest line." => it.longest as f64;
    "lines.third_longest_chars",
        "Characters of the third longest line between line feeds; 0 with fewer lines."
        => it.third_longest as f64;
    "lines.filled", "Lines between line feeds that are not blank." => it.filled as f64;
    "lines.terminal_fraction",
        "Filled lines whose last character ends a sentence in some script, by filled lines."
        => ratio(it.terminated, it.filled);
    "lines.short_fraction", "Filled lines of at most 30 characters, by filled lines."
        => ratio(it.short, it.filled);
    "lines.filled_duplicate_char_fraction",
        "Characters of filled lines that repeat an earlier one, by characters but line feeds."
        => ratio(it.filled_duplicate_chars, it.chars - it.newlines);
    "lines.duplicate_fraction",
        "Pieces between runs of line feeds that repeat an earlier one, by pieces."
        => ratio(it.piece_duplicates, it.pieces);
    "lines.duplicate_char_fraction",
        "Characters of pieces between runs of line feeds that repeat an earlier one, by characters."
        => ratio(it.piece_duplicate_chars, it.chars);
    "paragraphs.count", "Pieces between runs of two line feeds or more."
        => it.paragraphs as f64;
    "paragraphs.duplicate_fraction", "Paragraphs that repeat an earlier one, by paragraphs."
        => ratio(it.paragraph_duplicates, it.paragraphs);
    "paragraphs.duplicate_char_fraction",
        "Characters of paragraphs that repeat an earlier one, by characters."
        => ratio(it.paragraph_duplicate_chars, it.chars);
}
