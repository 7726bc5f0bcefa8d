//! Documents as lines, apart from the file that they go to.

use super::options::{Layout, SinkFormat, WriteOptions};
use super::row::{CELLS, DocumentRow, cells, push_row, push_sidecar_row};
use memchr::{memchr, memchr3};
use std::borrow::Cow;
use std::ops::Range;

/// Lines of documents, which a [`DocumentWriter`](super::DocumentWriter) puts into its files: JSON,
/// records of a table of texts, or texts. They may be made by other threads than the one that
/// writes.
#[derive(Clone, Debug, Default)]
pub struct LineBlock {
    pub(super) lines: Lines,
    /// Those of a sidecar, if the layout has one: as many.
    pub(super) attributes: Lines,
}

/// Lines one after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl LineBlock {
    /// Adds a document as `options` want it.
    ///
    /// # Panics
    /// If they want a table, which has no lines: a caller's bug.
    pub fn push(&mut self, document: &DocumentRow<'_>, options: &WriteOptions) {
        let line = &mut self.lines.bytes;
        match options.format {
            SinkFormat::JsonLines => push_row(line, document, options.layout),
            SinkFormat::Text => {
                line.extend_from_slice(document.text.trim_end().as_bytes());
                line.push(b'\n');
            }
            SinkFormat::Csv => push_cells(line, b',', &cells(document)),
            SinkFormat::Tsv => push_cells(line, b'\t', &cells(document)),
            SinkFormat::Parquet | SinkFormat::Arrow => panic!("a table has no lines"),
        }
        self.lines.end();
        if options.layout == Layout::Dolma {
            push_sidecar_row(&mut self.attributes.bytes, document);
            self.attributes.end();
        }
    }

    /// How many documents it holds.
    pub fn num_documents(&self) -> usize {
        self.lines.ends.len()
    }

    /// Empties it.
    pub(super) fn clear(&mut self) {
        for lines in [&mut self.lines, &mut self.attributes] {
            lines.bytes.clear();
            lines.ends.clear();
        }
    }
}

impl Lines {
    fn end(&mut self) {
        self.bytes.push(b'\n');
        self.ends.push(self.bytes.len());
    }

    /// The bytes of some lines.
    pub(super) fn part(&self, lines: Range<usize>) -> &[u8] {
        &self.bytes[self.start(lines.start)..self.start(lines.end)]
    }

    /// Behind the line that reaches `room` bytes, counted from the line `first` on, or behind the
    /// last one.
    pub(super) fn fill(&self, first: usize, room: u64) -> usize {
        let start = self.start(first);
        let fits = |end: &usize| ((*end - start) as u64) < room;
        let reaching = first + self.ends[first..].partition_point(fits);
        self.ends.len().min(reaching + 1)
    }

    fn start(&self, line: usize) -> usize {
        line.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

/// The line of names that a table of texts begins with.
pub(super) fn header(format: SinkFormat) -> Vec<u8> {
    let mut line = Vec::new();
    let separator = match format {
        SinkFormat::Csv => b',',
        SinkFormat::Tsv => b'\t',
        SinkFormat::JsonLines | SinkFormat::Text | SinkFormat::Parquet | SinkFormat::Arrow => {
            return line;
        }
    };
    push_cells(&mut line, separator, &CELLS);
    line.push(b'\n');
    line
}

/// Adds a record: what holds a separator, a quote or a line end stands in quotes (RFC 4180).
fn push_cells(line: &mut Vec<u8>, separator: u8, cells: &[Cow<'_, str>]) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            line.push(separator);
        }
        if memchr3(b'"', b'\n', b'\r', cell.as_bytes()).is_none()
            && memchr(separator, cell.as_bytes()).is_none()
        {
            line.extend_from_slice(cell.as_bytes());
            continue;
        }
        line.push(b'"');
        line.extend_from_slice(cell.replace('"', "\"\"").as_bytes());
        line.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_full_with_the_line_that_reaches_its_size() {
        let mut lines = Lines::default();
        for text in ["ab", "", "cdef", "g"] {
            lines.bytes.extend_from_slice(text.as_bytes());
            lines.end();
        }
        assert_eq!(
            [1, 3, 4, 5, 9, 10, 11, 12].map(|room| lines.fill(0, room)),
            [1, 1, 2, 3, 3, 4, 4, 4]
        );
        assert_eq!([1, 2, 6].map(|room| lines.fill(1, room)), [2, 3, 3]);
        assert_eq!(lines.part(1..3), b"\ncdef\n");
    }
}
