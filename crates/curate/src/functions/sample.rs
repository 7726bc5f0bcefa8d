//! What tells rows that are the same sample, and rows that may be compared by their words.

use super::change_row::arguments;
use super::function::{Function, texts, udf};
use crate::error::CurateError;
use arrow_array::builder::{StringBuilder, UInt64Builder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use catena_corpus::Sample;
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Calls `take` with the text and the sample of every row of the columns `text`, `metadata` and
/// `turns`; `id_column` is the column that the user named for ids.
fn for_each_sample(
    columns: &[ArrayRef],
    id_column: Option<&str>,
    mut take: impl FnMut(&str, &Sample<'_>),
) -> Result<(), CurateError> {
    let (texts, metadata, turns) =
        (texts(&columns[0])?, texts(&columns[1])?, columns[2].as_boolean());
    for row in 0..texts.len() {
        let fields: Map<String, Value> =
            serde_json::from_str(metadata.value(row)).unwrap_or_default();
        let sample = if turns.value(row) {
            Sample::of_turns(&fields, id_column)
        } else {
            Sample::beside_text(&fields)
        };
        take(texts.value(row), &sample);
    }
    Ok(())
}

/// `sample_key(text, metadata, turns)`.
#[derive(Debug)]
struct SampleKey {
    id_column: Option<String>,
}

impl Function for SampleKey {
    fn name(&self) -> &'static str {
        "sample_key"
    }

    fn settings(&self) -> String {
        self.id_column.clone().unwrap_or_default()
    }

    fn arguments(&self) -> Vec<DataType> {
        arguments()
    }

    fn returns(&self) -> DataType {
        DataType::Utf8
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let rows = columns[0].len();
        let mut keys = StringBuilder::with_capacity(rows, rows * 32);
        for_each_sample(columns, self.id_column.as_deref(), |text, sample| {
            keys.append_value(format!("{:032x}", sample.key(text)));
        })?;
        Ok(Arc::new(keys.finish()))
    }
}

/// `sample_shape(text, metadata, turns)`.
#[derive(Debug)]
struct SampleShape {
    id_column: Option<String>,
    threshold: f64,
}

impl Function for SampleShape {
    fn name(&self) -> &'static str {
        "sample_shape"
    }

    fn settings(&self) -> String {
        format!("{:?} {}", self.id_column, self.threshold)
    }

    fn arguments(&self) -> Vec<DataType> {
        arguments()
    }

    fn returns(&self) -> DataType {
        DataType::UInt64
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let mut shapes = UInt64Builder::with_capacity(columns[0].len());
        for_each_sample(columns, self.id_column.as_deref(), |_, sample| {
            shapes.append_value(sample.shape(self.threshold));
        })?;
        Ok(Arc::new(shapes.finish()))
    }
}

/// `sample_key(text, metadata, turns)`: 32 hexadecimal digits that are the same for rows with the
/// same [`Sample`], whatever their column `id_column` says.
pub(crate) fn sample_key(id_column: Option<String>) -> Arc<ScalarUDF> {
    udf(SampleKey { id_column })
}

/// `sample_shape(text, metadata, turns)`: the same for rows that may be compared by their words,
/// where those are near duplicates from `threshold`; see [`Sample::shape`].
pub(crate) fn sample_shape(id_column: Option<String>, threshold: f64) -> Arc<ScalarUDF> {
    udf(SampleShape { id_column, threshold })
}
