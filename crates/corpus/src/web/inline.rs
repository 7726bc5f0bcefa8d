//! The text of one block as it is put together.

use super::options::PageFormat;
use html_escape::decode_html_entities;

/// A mark around a part of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Strong,
    Emphasis,
    Code,
}

impl Mark {
    fn sign(self) -> &'static str {
        match self {
            Self::Strong => "**",
            Self::Emphasis => "*",
            Self::Code => "`",
        }
    }
}

/// The text of a block so far.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    weight: u32,
    link_weight: u32,
    /// A space is due before the next character.
    space_due: bool,
    /// Marks that were opened, and how many of them stand in the text.
    marks: Vec<Mark>,
    written: usize,
}

/// A finished text with its weights.
pub(super) struct FinishedLine {
    pub(super) text: String,
    pub(super) weight: u32,
    pub(super) link_weight: u32,
}

impl Line {
    /// Adds text of a page. White space counts only in preformatted text.
    pub(super) fn push(&mut self, raw: &str, is_link: bool, is_preformatted: bool) {
        let decoded;
        let text = if raw.contains('&') {
            decoded = decode_html_entities(raw);
            &*decoded
        } else {
            raw
        };
        let before = self.weight;
        for ch in text.chars() {
            if is_preformatted && matches!(ch, '\n' | '\t' | ' ') {
                self.text.push(ch);
            } else if ch.is_whitespace() {
                self.space_due = true;
            } else {
                self.push_char(ch);
            }
        }
        if is_link {
            self.link_weight += self.weight - before;
        }
    }

    fn push_char(&mut self, ch: char) {
        if self.space_due && !self.text.is_empty() && !self.text.ends_with(['\n', ' ']) {
            self.text.push(' ');
        }
        self.space_due = false;
        for mark in &self.marks[self.written..] {
            self.text.push_str(mark.sign());
        }
        self.written = self.marks.len();
        self.text.push(ch);
        self.weight += if ch < '\u{2E80}' { 1 } else { 2 };
    }

    /// A line break inside the block.
    pub(super) fn push_break(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.space_due = false;
    }

    /// The border between two cells of a row.
    pub(super) fn push_cell(&mut self) {
        self.close_marks();
        if !self.text.is_empty() {
            self.text.push_str(" | ");
        }
        self.space_due = false;
    }

    pub(super) fn space(&mut self) {
        self.space_due = true;
    }

    /// Opens a mark; it is written before the next character.
    pub(super) fn open(&mut self, mark: Mark, format: PageFormat) {
        if format == PageFormat::Markdown && !self.marks.contains(&mark) {
            self.marks.push(mark);
        }
    }

    /// Closes a mark, and those opened inside it.
    pub(super) fn close(&mut self, mark: Mark) {
        let Some(at) = self.marks.iter().rposition(|&open| open == mark) else { return };
        while self.marks.len() > at {
            self.close_last();
        }
    }

    fn close_last(&mut self) {
        let Some(mark) = self.marks.pop() else { return };
        if self.written > self.marks.len() {
            let len = self.text.trim_end().len();
            self.space_due |= len < self.text.len();
            self.text.truncate(len);
            self.text.push_str(mark.sign());
            self.written = self.marks.len();
        }
    }

    fn close_marks(&mut self) {
        while !self.marks.is_empty() {
            self.close_last();
        }
    }

    /// Whether nothing but space was added.
    pub(super) fn is_empty(&self) -> bool {
        self.weight == 0
    }

    /// The text; this one starts anew.
    pub(super) fn finish(&mut self, is_preformatted: bool) -> FinishedLine {
        self.close_marks();
        let line = std::mem::take(self);
        let text = if is_preformatted {
            line.text.trim_matches('\n').trim_end().to_owned()
        } else {
            let lines = line.text.lines().map(str::trim).filter(|line| !line.is_empty());
            lines.collect::<Vec<_>>().join("\n")
        };
        FinishedLine { text, weight: line.weight, link_weight: line.link_weight }
    }
}
