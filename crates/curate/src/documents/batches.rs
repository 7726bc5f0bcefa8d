//! Rows of files, gathered into batches of columns.

use super::schema::DOCUMENTS;
use crate::error::CurateError;
use arrow_array::builder::{BooleanBuilder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use catena_corpus::{BadRow, CorpusError, Markup, Row, SourceDocument};
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

/// Turns rows into batches of [`DOCUMENTS`]; bad rows go aside.
pub(crate) struct Batches<R> {
    pub(crate) rows: R,
    pub(crate) aside: Aside,
    /// Bad rows so far.
    pub(crate) num_bad: u64,
    pub(crate) cancel: Cancel,
    /// The key of a plan that cuts lines out of texts, which turns do not bear.
    pub(crate) cuts_lines: Option<&'static str>,
}

impl<R: Iterator<Item = Result<Row, CorpusError>>> Batches<R> {
    fn gather(&mut self) -> Result<Option<RecordBatch>, CurateError> {
        let mut columns = Columns::default();
        let (mut bytes, mut count) = (0, 0);
        while bytes < BATCH_BYTES && count < BATCH_ROWS {
            if self.cancel.is_cancelled() {
                return Err(CurateError::Interrupted);
            }
            match self.rows.next().transpose()? {
                Some(Row::Document(document)) => {
                    if let (true, Some(key)) = (document.turns, self.cuts_lines) {
                        let place = document.place.to_string();
                        return Err(CurateError::TurnsCut { key, place });
                    }
                    bytes += document.text.len();
                    count += 1;
                    columns.append(&document);
                }
                Some(Row::Bad(bad)) => {
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
        Ok(Some(columns.finish()))
    }
}

impl<R: Iterator<Item = Result<Row, CorpusError>>> Iterator for Batches<R> {
    type Item = Result<RecordBatch, CurateError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.gather().transpose()
    }
}

/// The columns of a batch that grows.
#[derive(Default)]
struct Columns {
    texts: [StringBuilder; 6],
    turns: BooleanBuilder,
}

impl Columns {
    fn append(&mut self, document: &SourceDocument) {
        let format = match document.markup {
            Some(Markup::Html) => "html",
            Some(Markup::Markdown) | None => "text",
        };
        let metadata = serde_json::to_string(&document.metadata).expect("JSON values become JSON");
        let place = document.place.to_string();
        let values = [&document.id, &document.source, &place, format, &metadata, &document.text];
        for (column, value) in self.texts.iter_mut().zip(values) {
            column.append_value(value);
        }
        self.turns.append_value(document.turns);
    }

    fn finish(mut self) -> RecordBatch {
        let texts = self.texts.iter_mut().map(|one| Arc::new(one.finish()) as ArrayRef);
        let mut columns: Vec<ArrayRef> = texts.collect();
        columns.push(Arc::new(self.turns.finish()));
        let batch = RecordBatch::try_new(Arc::clone(&DOCUMENTS), columns);
        batch.expect("the columns of documents, of one length")
    }
}
