//! What tells texts that are the same.

use super::function::{Function, texts, udf};
use crate::error::CurateError;
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use catena_corpus::{KeyOptions, Keys};
use datafusion::logical_expr::ScalarUDF;
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
        let mut keys = KeyBuilder::new(texts.len());
        let mut of = Keys::new(KeyOptions::LOOSE);
        for text in texts {
            keys.push(text.map(|text| of.key(text)));
        }
        Ok(keys.finish())
    }
}

/// A column of keys as 32 hexadecimal digits each.
pub(super) struct KeyBuilder(StringBuilder);

impl KeyBuilder {
    /// Room for so many keys.
    pub(super) fn new(rows: usize) -> Self {
        Self(StringBuilder::with_capacity(rows, rows * 32))
    }

    pub(super) fn push(&mut self, key: Option<u128>) {
        let Some(key) = key else { return self.0.append_null() };
        let mut digits = [0; 32];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(key.to_be_bytes()) {
            *pair = [byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]);
        }
        self.0.append_value(str::from_utf8(&digits).expect("digits are ASCII"));
    }

    pub(super) fn finish(mut self) -> ArrayRef {
        Arc::new(self.0.finish())
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

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;

    #[test]
    fn keys_are_read_as_they_were_written() {
        let keys = [Some(0), Some(u128::MAX), None, Some(0x0123_4567_89ab_cdef << 40 | 7)];
        let mut column = KeyBuilder::new(keys.len());
        for key in keys {
            column.push(key);
        }
        let column = column.finish();
        for (written, key) in column.as_string::<i32>().iter().zip(keys) {
            assert_eq!(written.map(str::to_owned), key.map(|key| format!("{key:032x}")));
            assert_eq!(written.map(read_key), key);
        }
    }
}
