//! Counting tokens, and dropping documents by their number.

use super::function::{Function, texts, udf};
use super::verdict::{VERDICT, Verdict, VerdictBuilder};
use crate::error::CurateError;
use arrow_array::builder::UInt64Builder;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use catena_text::Tokenizer;
use datafusion::logical_expr::ScalarUDF;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

/// `count_tokens(text)`.
struct CountTokens {
    tokenizer: Tokenizer,
    path: String,
}

impl Debug for CountTokens {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "count_tokens({})", self.path)
    }
}

impl Function for CountTokens {
    fn name(&self) -> &'static str {
        "count_tokens"
    }

    fn settings(&self) -> String {
        self.path.clone()
    }

    fn returns(&self) -> DataType {
        DataType::UInt64
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let texts = texts(&columns[0])?;
        let mut counts = UInt64Builder::with_capacity(texts.len());
        for text in texts {
            // What the tokenizer cannot write has no number.
            let ids = text.and_then(|text| self.tokenizer.encode(text, false, false).ok());
            counts.append_option(ids.map(|ids| ids.len() as u64));
        }
        Ok(Arc::new(counts.finish()))
    }
}

/// `keep_tokens(tokens)`.
#[derive(Debug)]
struct KeepTokens {
    at_least: Option<u64>,
    at_most: Option<u64>,
}

impl Function for KeepTokens {
    fn name(&self) -> &'static str {
        "keep_tokens"
    }

    fn settings(&self) -> String {
        format!("{:?} {:?}", self.at_least, self.at_most)
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::UInt64]
    }

    fn returns(&self) -> DataType {
        DataType::Struct(VERDICT.clone())
    }

    fn apply(&self, columns: &[ArrayRef]) -> Result<ArrayRef, CurateError> {
        let counts = columns[0].as_primitive::<UInt64Type>();
        let mut verdicts = VerdictBuilder::new(counts.len());
        for count in counts {
            verdicts.push(count.and_then(|count| self.verdict(count)).as_ref());
        }
        Ok(verdicts.finish())
    }
}

impl KeepTokens {
    fn verdict(&self, count: u64) -> Option<Verdict> {
        let (rule, expected) = match (self.at_least, self.at_most) {
            (Some(least), _) if count < least => ("at_least", format!("at least {least} tokens")),
            (_, Some(most)) if count > most => ("at_most", format!("at most {most} tokens")),
            _ => return None,
        };
        let (rule, value) = (rule.to_owned(), Some(count as f64));
        Some(Verdict { step: "tokens", rule, value, expected })
    }
}

/// `count_tokens(text)` by the tokenizer of the file at `path`, without those that frame a text.
pub(crate) fn count_tokens(tokenizer: Tokenizer, path: String) -> Arc<ScalarUDF> {
    udf(CountTokens { tokenizer, path })
}

/// `keep_tokens(tokens)`: drops documents with fewer or more tokens. What was not counted stays.
pub(crate) fn keep_tokens(at_least: Option<u64>, at_most: Option<u64>) -> Arc<ScalarUDF> {
    udf(KeepTokens { at_least, at_most })
}
