//! Rows of files, gathered into batches of columns.

use super::part::PartReader;
use super::schema::DOCUMENTS;
use crate::error::CurateError;
use arrow_array::builder::{BooleanBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use catena_corpus::{BadRow, LentDocument, Markup, Step};
use catena_protocol::Cancel;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Bytes of text after which a batch is handed on. Together with the threads it bounds what a
/// plan holds, whatever the size of the input.
const BATCH_BYTES: usize = 4 << 20;
/// Documents after which a batch is handed on.
const BATCH_ROWS: usize = 1024;

/// What becomes of rows that are no documents while a part is read.
#[derive(Clone, Debug)]
pub(crate) enum Aside {
    /// They are kept.
    Kept(Arc<Mutex<Vec<BadRow>>>),
    /// They are counted; of a part that is read twice, once.
    Counted(Arc<AtomicU64>),
}

/// Turns the rows of a part into batches of [`DOCUMENTS`]; bad rows go aside.
pub(crate) struct Batches {
    reader: PartReader,
    aside: Aside,
    /// Bad rows so far.
    num_bad: u64,
    cancel: Cancel,
    /// The key of a plan that cuts lines out of texts, which turns do not bear.
    cuts_lines: Option<&'static str>,
    /// Bytes of each column of the batch before: the next one will have about as many.
    sizes: [usize; TEXTS],
}

/// Columns of texts.
const TEXTS: usize = 6;

impl Batches {
    /// The batches of the rows that `reader` gives.
    pub(crate) fn new(
        reader: PartReader,
        aside: Aside,
        cancel: Cancel,
        cuts_lines: Option<&'static str>,
    ) -> Self {
        Self { reader, aside, num_bad: 0, cancel, cuts_lines, sizes: [0; TEXTS] }
    }

    fn gather(&mut self) -> Result<Option<RecordBatch>, CurateError> {
        let mut columns = Columns::new(&self.sizes);
        let (mut bytes, mut count) = (0, 0);
        while bytes < BATCH_BYTES && count < BATCH_ROWS {
            if self.cancel.is_cancelled() {
                return Err(CurateError::Interrupted);
            }
            match self.reader.advance().transpose()? {
                Some(Step::Document) => {
                    let document = self.reader.document();
                    if let (true, Some(key)) = (document.turns, self.cuts_lines) {
                        let place = document.place.to_owned();
                        return Err(CurateError::TurnsCut { key, place });
                    }
                    bytes += document.text.len();
                    count += 1;
                    columns.append(&document);
                }
                Some(Step::Bad(bad)) => {
                    self.num_bad += 1;
                    match &self.aside {
                        Aside::Kept(rows) => {
                            rows.lock().expect("no holder of the lock panics").push(bad);
                        }
                        Aside::Counted(most) => {
                            most.fetch_max(self.num_bad, Ordering::Relaxed);
                        }
                    }
                }
                None => break,
            }
        }
        if count == 0 {
            return Ok(None);
        }
        self.sizes = columns.sizes();
        Ok(Some(columns.finish()))
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch, CurateError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.gather().transpose()
    }
}

/// The columns of a batch that grows.
struct Columns {
    texts: [StringBuilder; TEXTS],
    turns: BooleanBuilder,
}

impl Columns {
    fn new(sizes: &[usize; TEXTS]) -> Self {
        let texts = sizes.map(|bytes| StringBuilder::with_capacity(BATCH_ROWS, bytes + bytes / 8));
        Self { texts, turns: BooleanBuilder::with_capacity(BATCH_ROWS) }
    }

    fn append(&mut self, document: &LentDocument<'_>) {
        let format = match document.markup {
            Some(Markup::Html) => "html",
            Some(Markup::Markdown) | None => "text",
        };
        let LentDocument { id, source, place, metadata, text, .. } = *document;
        for (column, value) in
            self.texts.iter_mut().zip([id, source, place, format, metadata, text])
        {
            column.append_value(value);
        }
        self.turns.append_value(document.turns);
    }

    fn sizes(&self) -> [usize; TEXTS] {
        self.texts.each_ref().map(|column| column.values_slice().len())
    }

    fn finish(mut self) -> RecordBatch {
        let texts = self.texts.iter_mut().map(|one| Arc::new(one.finish()) as ArrayRef);
        let mut columns: Vec<ArrayRef> = texts.collect();
        columns.push(Arc::new(self.turns.finish()));
        let batch = RecordBatch::try_new(Arc::clone(&DOCUMENTS), columns);
        batch.expect("the columns of documents, of one length")
    }
}
