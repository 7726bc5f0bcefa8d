//! Dropping documents by their language.

use super::function::{Function, udf};
use super::language::language_type;
use super::verdict::{VERDICT, Verdict, VerdictBuilder};
use crate::error::CurateError;
use arrow_array::cast::AsArray;
use arrow_array::types::Float32Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use datafusion::logical_expr::ScalarUDF;
use std::sync::Arc;

/// `keep_languages(language)`.
#[derive(Debug)]
struct KeepLanguages {
    keep: Vec<String>,
    min_score: f32,
}

impl Function for KeepLanguages {
    fn name(&self) -> &'static str {
        "keep_languages"
    }

    fn settings(&self) -> String {
        format!("{} {}", self.keep.join(","), self.min_score)
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![language_type()]
    }

    fn returns(&self) -> DataType {
        DataType::Struct(VERDICT.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let language = columns[0].as_struct();
        let codes = language.column(0).as_string::<i32>();
        let scores = language.column(1).as_primitive::<Float32Type>();
        let mut verdicts = VerdictBuilder::new(language.len());
        for row in 0..language.len() {
            let (code, score) = (codes.value(row), scores.value(row));
            verdicts.push(self.verdict(code, score).as_ref());
        }
        Ok(verdicts.finish())
    }
}

impl KeepLanguages {
    fn verdict(&self, code: &str, score: f32) -> Option<Verdict> {
        if !self.keep.is_empty() && !self.keep.iter().any(|keep| keep == code) {
            return Some(Verdict {
                step: "language",
                rule: code.to_owned(),
                value: Some(f64::from(score)),
                expected: format!("one of {}", self.keep.join(", ")),
            });
        }
        (score < self.min_score).then(|| Verdict {
            step: "language",
            rule: "score".to_owned(),
            value: Some(f64::from(score)),
            expected: format!("at least {}", self.min_score),
        })
    }
}

/// Keeps the languages `keep` (none: all) that have `min_score` or more.
pub(crate) fn keep_languages(keep: Vec<String>, min_score: f32) -> Arc<ScalarUDF> {
    udf(KeepLanguages { keep, min_score })
}
