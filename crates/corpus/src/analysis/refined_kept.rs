//! The lines that RefinedWeb's edits keep whole.

use super::layout::Layout;
use super::python;
use super::refined_lines::count_words;
use crate::classes::{ClassTable, UPPER};
use std::ops::Range;

/// Words below which a line goes, unless it is empty.
const MIN_WORDS: usize = 2;

/// The lines that are kept, as places in the text.
pub(super) struct KeptLines<'t> {
    text: &'t str,
    layout: &'t Layout,
    classes: ClassTable,
    pub(super) lines: Vec<Range<usize>>,
    pub(super) removed_words: u64,
}

impl<'t> KeptLines<'t> {
    pub(super) fn new(text: &'t str, layout: &'t Layout, classes: ClassTable) -> Self {
        let lines = layout.lines.iter().map(|line| line.start as usize..line.end as usize);
        Self { text, layout, classes, lines: lines.collect(), removed_words: 0 }
    }

    pub(super) fn text_of(&self, line: &Range<usize>) -> &'t str {
        &self.text[line.clone()]
    }

    pub(super) fn drop(&mut self, goes: impl Fn(&Self, &Range<usize>) -> bool) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.retain(|line| {
            let goes = goes(self, line);
            if goes {
                self.removed_words += count_words(self.text_of(line), self.classes);
            }
            !goes
        });
        self.lines = lines;
    }

    /// Drops the lines with fewer words than they need, but not the empty ones.
    pub(super) fn drop_short(&mut self) {
        let words = &self.layout.plain_words;
        let (text, classes) = (self.text, self.classes);
        let mut next = 0;
        self.lines.retain(|line| {
            while words.get(next).is_some_and(|word| (word.start as usize) < line.start) {
                next += 1;
            }
            let last = words.get(next + MIN_WORDS - 1);
            let has_enough = last.is_some_and(|word| (word.start as usize) < line.end);
            if has_enough || line.is_empty() {
                return true;
            }
            self.removed_words += count_words(&text[line.clone()], classes);
            false
        });
    }

    /// Strips the text that the lines make together.
    pub(super) fn strip(&mut self) {
        let text = self.text;
        let is_filled = |line: &Range<usize>| !python::strip_start(&text[line.clone()]).is_empty();
        let first = self.lines.iter().position(is_filled);
        let Some(first) = first else { return self.lines.clear() };
        let last = self.lines.iter().rposition(is_filled).unwrap_or(first);
        self.lines.truncate(last + 1);
        self.lines.drain(..first);
        if let Some(line) = self.lines.first_mut() {
            line.start = line.end - python::strip_start(&text[line.clone()]).len();
        }
        if let Some(line) = self.lines.last_mut() {
            line.end = line.start + python::strip_end(&text[line.clone()]).len();
        }
    }

    /// Whether more than half of a line's characters are capital letters.
    pub(super) fn is_shouted(&self, line: &Range<usize>) -> bool {
        let chars = self.layout.chars_between(line.start, line.end);
        let mut capitals = self.layout.bytes.capitals(line.start, line.end);
        if chars < line.len() {
            let beyond = self.text_of(line).chars().filter(|ch| !ch.is_ascii());
            capitals += beyond.filter(|&ch| self.classes.of(ch) & UPPER != 0).count();
        }
        capitals * 2 > chars
    }
}
