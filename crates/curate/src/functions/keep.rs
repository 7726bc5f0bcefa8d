//! Functions that drop documents by looking at each text.

use super::function::{Function, texts, udf};
use super::verdict::{VERDICT, Verdict, VerdictBuilder};
use crate::error::CurateError;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use datafusion::logical_expr::ScalarUDF;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// What judges one text.
type Judge = dyn Fn(&str) -> Result<Option<Verdict>, CurateError> + Send + Sync;

/// A function that judges texts one by one.
struct Keep {
    name: &'static str,
    settings: String,
    judge: Box<Judge>,
}

impl Debug for Keep {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.settings)
    }
}

impl Function for Keep {
    fn name(&self) -> &'static str {
        self.name
    }

    fn settings(&self) -> String {
        self.settings.clone()
    }

    fn returns(&self) -> DataType {
        DataType::Struct(VERDICT.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let texts = texts(&columns[0])?;
        let mut verdicts = VerdictBuilder::new(texts.len());
        for text in texts {
            let verdict = text.map(|text| (self.judge)(text)).transpose()?.flatten();
            verdicts.push(verdict.as_ref());
        }
        Ok(verdicts.finish())
    }
}

/// The function `name` that drops the texts for which `judge` finds a reason.
pub(crate) fn keep(
    name: &'static str,
    settings: String,
    judge: impl Fn(&str) -> Result<Option<Verdict>, CurateError> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    udf(Keep { name, settings, judge: Box::new(judge) })
}
