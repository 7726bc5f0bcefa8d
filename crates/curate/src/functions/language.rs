//! The language of a text.

use super::function::{Function, texts, udf};
use crate::error::CurateError;
use arrow_array::builder::{Float32Builder, StringBuilder};
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_schema::{DataType, Field, Fields};
use catena_corpus::LanguageDetector;
use datafusion::logical_expr::ScalarUDF;
use std::sync::{Arc, LazyLock};

/// Code of a text without letters: undetermined, as in ISO 639-2.
pub(crate) const UNDETERMINED: &str = "und";

/// `code` and `score`.
static LANGUAGE: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("code", DataType::Utf8, true),
        Field::new("score", DataType::Float32, true),
    ])
});

/// `detect_language(text)`.
#[derive(Debug)]
struct Detect {
    detector: LanguageDetector,
    settings: String,
}

impl Function for Detect {
    fn name(&self) -> &'static str {
        "detect_language"
    }

    fn settings(&self) -> String {
        self.settings.clone()
    }

    fn returns(&self) -> DataType {
        DataType::Struct(LANGUAGE.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let texts = texts(&columns[0])?;
        let mut codes = StringBuilder::new();
        let mut scores = Float32Builder::with_capacity(texts.len());
        for text in texts {
            let found = text.and_then(|text| self.detector.detect(text));
            codes.append_value(found.map_or(UNDETERMINED, |language| language.code));
            scores.append_value(found.map_or(0.0, |language| language.score));
        }
        let columns: Vec<ArrayRef> = vec![Arc::new(codes.finish()), Arc::new(scores.finish())];
        Ok(Arc::new(StructArray::new(LANGUAGE.clone(), columns, texts.nulls().cloned())))
    }
}

/// `detect_language(text)` by `detector`, which `settings` tell from others.
pub(crate) fn language(detector: LanguageDetector, settings: String) -> Arc<ScalarUDF> {
    udf(Detect { detector, settings })
}

/// The type of what it gives.
pub(crate) fn language_type() -> DataType {
    DataType::Struct(LANGUAGE.clone())
}
