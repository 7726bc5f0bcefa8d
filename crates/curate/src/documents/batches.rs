//! Rows of files, gathered into batches of columns.

use super::schema::DOCUMENTS;
use crate::error::CurateError;
use arrow_array::RecordBatch;
use arrow_array::builder::StringBuilder;
use catena_corpus::{BadRow, CorpusError, Row, SourceDocument};
use catena_protocol::Cancel;
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// Bytes of text after which a batch is handed on. Together with the threads it bounds what a
/// plan holds, whatever the size of the input.
const BATCH_BYTES: usize = 4 << 20;
/// Documents after which a batch is handed on.
const BATCH_ROWS: usize = 1024;

/// Rows that were no documents, kept aside while a part is read.
pub(crate) type BadRows = Arc<Mutex<Vec<BadRow>>>;

/// Turns rows into batches of [`DOCUMENTS`]; bad rows go aside.
pub(crate) struct Batches<R> {
    pub(crate) rows: R,
    pub(crate) bad: BadRows,
    pub(crate) cancel: Cancel,
}

impl<R: Iterator<Item = Result<Row, CorpusError>>> Batches<R> {
    fn gather(&mut self) -> Result<Option<RecordBatch>, CurateError> {
        let mut columns: [StringBuilder; 6] = std::array::from_fn(|_| StringBuilder::new());
        let (mut bytes, mut count) = (0, 0);
        while bytes < BATCH_BYTES && count < BATCH_ROWS {
            if self.cancel.is_cancelled() {
                return Err(CurateError::Interrupted);
            }
            match self.rows.next().transpose()? {
                Some(Row::Document(document)) => {
                    bytes += document.text.len();
                    count += 1;
                    append(&mut columns, &document);
                }
                Some(Row::Bad(bad)) => {
                    self.bad.lock().expect("no holder of the lock panics").push(bad);
                }
                None => break,
            }
        }
        if count == 0 {
            return Ok(None);
        }
        let columns = columns.into_iter().map(|mut one| Arc::new(one.finish()) as _).collect();
        let batch = RecordBatch::try_new(Arc::clone(&DOCUMENTS), columns);
        Ok(Some(batch.expect("six columns of texts of one length")))
    }
}

impl<R: Iterator<Item = Result<Row, CorpusError>>> Iterator for Batches<R> {
    type Item = Result<RecordBatch, CurateError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.gather().transpose()
    }
}

fn append(columns: &mut [StringBuilder; 6], document: &SourceDocument) {
    let format = document.metadata.get("format").and_then(Value::as_str);
    let format = if format == Some("html") { "html" } else { "text" };
    let metadata = serde_json::to_string(&document.metadata).expect("JSON values become JSON");
    let place = document.place.to_string();
    let values = [&document.id, &document.source, &place, format, &metadata, &document.text];
    for (column, value) in columns.iter_mut().zip(values) {
        column.append_value(value);
    }
}
