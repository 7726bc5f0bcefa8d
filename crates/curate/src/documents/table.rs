//! Parts of an input as a table of DataFusion: one partition each.

use super::batches::{Aside, Batches};
use super::part::Part;
use super::schema::DOCUMENTS;
use crate::error::CurateError;
use arrow_schema::SchemaRef;
use catena_corpus::ReadOptions;
use catena_protocol::Cancel;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures_util::stream;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// A part that is read when its partition is executed.
pub(crate) struct PartStream {
    pub(crate) part: Part,
    pub(crate) options: ReadOptions,
    pub(crate) aside: Aside,
    pub(crate) cancel: Cancel,
    /// The key of a plan that cuts lines out of texts, which turns do not bear.
    pub(crate) cuts_lines: Option<&'static str>,
}

impl Debug for PartStream {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "part {}", self.part.name())
    }
}

impl PartitionStream for PartStream {
    fn schema(&self) -> &SchemaRef {
        &DOCUMENTS
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let reader = self.part.reader(&self.options);
        let batches =
            Batches::new(reader, self.aside.clone(), self.cancel.clone(), self.cuts_lines);
        let stream = stream::iter(batches.map(|batch| batch.map_err(DataFusionError::from)));
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&DOCUMENTS), stream))
    }
}

/// The table of `parts`.
pub(crate) fn table(parts: Vec<PartStream>) -> Result<Arc<StreamingTable>, CurateError> {
    let parts = parts.into_iter().map(|part| Arc::new(part) as Arc<dyn PartitionStream>);
    let table = StreamingTable::try_new(Arc::clone(&DOCUMENTS), parts.collect())?;
    Ok(Arc::new(table))
}
