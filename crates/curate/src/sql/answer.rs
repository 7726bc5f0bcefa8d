//! The answer to a query, in the forms in which it is shown.

use crate::error::CurateError;
use arrow_array::RecordBatch;
use datafusion::arrow::csv;
use datafusion::arrow::json::LineDelimitedWriter;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::error::DataFusionError;

/// The rows that answer a query.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// Rows of the inputs that were no documents, as far as the inputs were read for the answer.
    pub num_rejected: u64,
}

impl Answer {
    /// The rows as a table for people, or that there are none.
    ///
    /// # Errors
    /// A value that cannot be shown.
    pub fn table(&self) -> Result<String, CurateError> {
        if self.batches.iter().all(|batch| batch.num_rows() == 0) {
            return Ok("no rows".to_owned());
        }
        let table = pretty_format_batches(&self.batches).map_err(DataFusionError::from)?;
        Ok(table.to_string())
    }

    /// One JSON object a row.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn json_lines(&self) -> Result<String, CurateError> {
        let mut writer = LineDelimitedWriter::new(Vec::new());
        for batch in &self.batches {
            writer.write(batch).map_err(DataFusionError::from)?;
        }
        writer.finish().map_err(DataFusionError::from)?;
        Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
    }

    /// Comma-separated values under a line of names.
    ///
    /// # Errors
    /// A list or struct among the columns.
    pub fn csv(&self) -> Result<String, CurateError> {
        let mut writer = csv::Writer::new(Vec::new());
        for batch in &self.batches {
            writer.write(batch).map_err(DataFusionError::from)?;
        }
        Ok(String::from_utf8_lossy(&writer.into_inner()).into_owned())
    }
}
