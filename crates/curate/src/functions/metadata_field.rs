//! One field of metadata.

use super::function::{Function, texts, udf};
use crate::error::CurateError;
use arrow_array::ArrayRef;
use arrow_array::builder::StringBuilder;
use arrow_schema::DataType;
use datafusion::logical_expr::ScalarUDF;
use serde_json::{Map, Value};
use std::sync::Arc;

/// `metadata_field(metadata)`.
#[derive(Debug)]
struct MetadataField(String);

impl Function for MetadataField {
    fn name(&self) -> &'static str {
        "metadata_field"
    }

    fn settings(&self) -> String {
        self.0.clone()
    }

    fn returns(&self) -> DataType {
        DataType::Utf8
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let mut values = StringBuilder::new();
        for metadata in texts(&columns[0])? {
            values.append_option(metadata.and_then(|metadata| self.of(metadata)));
        }
        Ok(Arc::new(values.finish()))
    }
}

impl MetadataField {
    fn of(&self, metadata: &str) -> Option<String> {
        let mut fields: Map<String, Value> = serde_json::from_str(metadata).ok()?;
        match fields.remove(&self.0)? {
            // An empty cell of a table.
            Value::Null => None,
            Value::String(text) => Some(text),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(other.to_string())
            }
        }
    }
}

/// `metadata_field(metadata)`: the field `name` as a text, as JSON if it is none; null where there
/// is no such field.
pub(crate) fn metadata_field(name: String) -> Arc<ScalarUDF> {
    udf(MetadataField(name))
}
