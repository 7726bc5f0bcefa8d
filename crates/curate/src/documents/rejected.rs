//! Rows that were no documents, as a table.

use super::part::Part;
use crate::error::CurateError;
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{Place, ReadOptions, Step};
use catena_protocol::Cancel;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures_util::stream;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, LazyLock};

/// Rows of a batch.
const BATCH_ROWS: usize = 1024;

/// Where they stand, why they are none in a word and as JSON, and how they begin.
static REJECTED: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(["place", "reason", "detail", "sample"].map(text).to_vec()))
});

/// Where rows that were no documents are found.
#[derive(Debug)]
pub(crate) enum Rejected {
    /// Among the rows of a part, which is read for it.
    Part { part: Part, options: Box<ReadOptions>, cancel: Cancel },
    /// In a file that a run wrote.
    File(Utf8PathBuf),
}

/// The rows, as runs write them.
type Rows = Box<dyn Iterator<Item = Result<Value, CurateError>> + Send>;

impl Rejected {
    fn rows(&self) -> Rows {
        match self {
            Self::Part { part, options, cancel } => {
                let (cancel, mut reader) = (cancel.clone(), part.reader(options));
                Box::new(std::iter::from_fn(move || {
                    loop {
                        if cancel.is_cancelled() {
                            return Some(Err(CurateError::Interrupted));
                        }
                        match reader.advance()? {
                            Ok(Step::Document) => {}
                            Ok(Step::Bad(bad)) => {
                                let bad = serde_json::to_value(bad);
                                return Some(Ok(bad.expect("a bad row is plain data")));
                            }
                            Err(error) => return Some(Err(error.into())),
                        }
                    }
                }))
            }
            Self::File(path) => match lines(path) {
                Ok(rows) => rows,
                Err(error) => Box::new(std::iter::once(Err(error))),
            },
        }
    }
}

/// The rows in a file that a run wrote.
fn lines(path: &Utf8Path) -> Result<Rows, CurateError> {
    let file = File::open(path).map_err(CurateError::io("read", path))?;
    let path = path.to_owned();
    Ok(Box::new(BufReader::new(file).lines().map(move |line| {
        let line = line.map_err(CurateError::io("read", &path))?;
        Ok(serde_json::from_str(&line).map(Value::Object).unwrap_or_default())
    })))
}

impl PartitionStream for Rejected {
    fn schema(&self) -> &SchemaRef {
        &REJECTED
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut rows = self.rows();
        let batches = std::iter::from_fn(move || gather(&mut rows).transpose());
        let stream = stream::iter(batches.map(|batch| batch.map_err(DataFusionError::from)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&REJECTED), stream))
    }
}

/// The next batch; none at the end.
fn gather(rows: &mut Rows) -> Result<Option<RecordBatch>, CurateError> {
    let mut columns: [StringBuilder; 4] = Default::default();
    let mut count = 0;
    for row in rows.take(BATCH_ROWS) {
        let mut row = row?;
        let place = serde_json::from_value::<Place>(row["place"].take());
        let place = place.map(|place| place.to_string()).unwrap_or_default();
        let reason = row["reason"]["reason"].as_str().unwrap_or("other").to_owned();
        let mut detail = row["reason"].take();
        if let Some(detail) = detail.as_object_mut() {
            detail.shift_remove("reason");
        }
        let sample = row["sample"].as_str().unwrap_or_default();
        for (column, value) in
            columns.iter_mut().zip([&place, &reason, &detail.to_string(), sample])
        {
            column.append_value(value);
        }
        count += 1;
    }
    let columns = columns.iter_mut().map(|one| Arc::new(one.finish()) as ArrayRef).collect();
    let batch = RecordBatch::try_new(Arc::clone(&REJECTED), columns);
    Ok((count > 0).then(|| batch.expect("four columns of texts of one length")))
}

/// The table of rows that were no documents.
pub(crate) fn rejected(places: Vec<Rejected>) -> Result<Arc<StreamingTable>, CurateError> {
    let places = places.into_iter().map(|place| Arc::new(place) as Arc<dyn PartitionStream>);
    Ok(Arc::new(StreamingTable::try_new(Arc::clone(&REJECTED), places.collect())?))
}
