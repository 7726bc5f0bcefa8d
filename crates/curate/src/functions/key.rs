//! What tells texts that are the same.

use super::function::{Function, texts, udf};
use crate::error::CurateError;
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use catena_corpus::{KeyOptions, content_key};
use datafusion::logical_expr::ScalarUDF;
use std::fmt::Write;
use std::sync::Arc;

/// `content_key(text)`.
#[derive(Debug)]
struct ContentKey;

impl Function for ContentKey {
    fn name(&self) -> &'static str {
        "content_key"
    }

    fn returns(&self) -> DataType {
        DataType::Utf8
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let texts = texts(&columns[0])?;
        let mut keys = StringBuilder::with_capacity(texts.len(), texts.len() * 32);
        for text in texts {
            match text {
                Some(text) => {
                    let _ = write!(keys, "{:032x}", content_key(text, KeyOptions::LOOSE));
                    keys.append_value("");
                }
                None => keys.append_null(),
            }
        }
        Ok(Arc::new(keys.finish()))
    }
}

/// The number that `content_key` wrote; 0 for what it did not write.
pub(crate) fn read_key(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap_or_default()
}

/// `content_key(text)`: 32 hexadecimal digits that are the same for texts that are the same but
/// for case and white space.
pub(crate) fn key() -> Arc<ScalarUDF> {
    udf(ContentKey)
}
