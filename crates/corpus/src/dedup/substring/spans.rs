//! What was found.

use std::ops::Range;

/// Spans of documents that repeat earlier text, by document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepeatedSpans {
    pub(super) spans: Vec<Range<usize>>,
    /// Where the spans of each document end among all.
    pub(super) ends: Vec<usize>,
    pub(super) report: SubstringReport,
}

impl RepeatedSpans {
    /// Spans of document `index` in bytes: in order, apart from each other, at borders of
    /// characters.
    ///
    /// # Panics
    /// If there is no document `index`.
    pub fn of(&self, index: usize) -> &[Range<usize>] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.spans[start..self.ends[index]]
    }

    /// The account.
    pub fn report(&self) -> &SubstringReport {
        &self.report
    }
}

/// The account of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubstringReport {
    /// Documents taken.
    pub num_documents: u64,
    /// Their bytes.
    pub num_bytes: u64,
    /// Bytes around samples that occur twice, which were looked at letter by letter.
    pub num_candidate_bytes: u64,
    /// Bytes in the spans found.
    pub num_repeated_bytes: u64,
    /// Blocks that the candidates were looked at in. If there are several, the memory was too
    /// small for all candidates, and repeats between two blocks were not found.
    pub num_blocks: u64,
}

/// `text` without `spans`, which must be in order and at borders of characters.
///
/// # Panics
/// If they are not, or not of this text.
pub fn without_spans(text: &str, spans: &[Range<usize>]) -> String {
    let mut left = String::with_capacity(text.len());
    let mut at = 0;
    for span in spans {
        left.push_str(&text[at..span.start]);
        at = span.end;
    }
    left.push_str(&text[at..]);
    left
}
