//! What tells rows that are the same sample, and rows that may be compared by their words.

use super::change_row::arguments;
use super::function::{Function, texts, udf};
use super::key::KeyBuilder;
use crate::error::CurateError;
use arrow_array::builder::UInt64Builder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};
use catena_corpus::{KeyOptions, Keys, Sample};
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};

/// `key` and `shape`.
static SAMPLE: LazyLock<Fields> = LazyLock::new(|| {
    let field = |name: &str, kind| Field::new(name, kind, true);
    Fields::from(vec![field("key", DataType::Utf8), field("shape", DataType::UInt64)])
});

/// `sample(text, metadata, turns)`.
#[derive(Debug)]
struct OfSample {
    id_column: Option<String>,
    threshold: Option<f64>,
}

impl Function for OfSample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn settings(&self) -> String {
        format!("{:?} {:?}", self.id_column, self.threshold)
    }

    fn arguments(&self) -> Vec<DataType> {
        arguments()
    }

    fn returns(&self) -> DataType {
        DataType::Struct(SAMPLE.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let (texts, metadata, turns) =
            (texts(&columns[0])?, texts(&columns[1])?, columns[2].as_boolean());
        let mut keys = KeyBuilder::new(texts.len());
        let mut shapes = UInt64Builder::with_capacity(texts.len());
        let mut of_text = Keys::new(KeyOptions::LOOSE);
        for row in 0..texts.len() {
            let (text, json) = (texts.value(row), metadata.value(row));
            let (key, shape) = if !turns.value(row) && Sample::is_text_alone(json) {
                (of_text.key(text), 0)
            } else {
                self.of_row(text, json, turns.value(row))
            };
            keys.push(Some(key));
            shapes.append_value(shape);
        }
        let columns: Vec<ArrayRef> = vec![keys.finish(), Arc::new(shapes.finish())];
        Ok(Arc::new(StructArray::new(SAMPLE.clone(), columns, None)))
    }
}

impl OfSample {
    fn of_row(&self, text: &str, json: &str, turns: bool) -> (u128, u64) {
        let fields: Map<String, Value> = serde_json::from_str(json).unwrap_or_default();
        let sample = if turns {
            Sample::of_turns(&fields, self.id_column.as_deref())
        } else {
            Sample::beside_text(&fields)
        };
        let shape = self.threshold.map_or(0, |threshold| sample.shape(threshold));
        (sample.key(text), shape)
    }
}

/// `sample(text, metadata, turns)`: a `key` of 32 hexadecimal digits that is the same for rows with
/// the same [`Sample`], whatever their column `id_column` says, and a `shape` that is the same for
/// rows that may be compared by their words, where those are near duplicates from `threshold`; see
/// [`Sample::shape`]. Without a threshold every shape is 0.
pub(crate) fn sample(id_column: Option<String>, threshold: Option<f64>) -> Arc<ScalarUDF> {
    udf(OfSample { id_column, threshold })
}
