//! Texts as requests have them.

use crate::error::ApiError;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// One text or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Texts {
    One(#[schemars(length(min = 1))] String),
    Many(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
    /// Refused, with words of its own.
    #[schemars(skip)]
    Others(Vec<Value>),
}

impl Texts {
    /// Whether they came as a list.
    pub(crate) fn is_list(&self) -> bool {
        !matches!(self, Self::One(_))
    }

    /// All of them, as they stand in `field`: at least one, at most `limit`, none empty.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`].
    pub(crate) fn read(self, field: &'static str, limit: usize) -> Result<Vec<String>, ApiError> {
        let texts = match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
            Self::Others(values) => {
                let reason = format!("{} values were sent that are no texts", values.len());
                return Err(ApiError::InvalidField { field, reason });
            }
        };
        check_texts(field, &texts, limit)?;
        Ok(texts)
    }
}

/// Refuses too few, too many and empty texts in `field`.
///
/// # Errors
/// [`ApiError::InvalidField`].
pub(crate) fn check_texts(
    field: &'static str,
    texts: &[String],
    limit: usize,
) -> Result<(), ApiError> {
    let invalid = |reason| Err(ApiError::InvalidField { field, reason });
    if texts.is_empty() || texts.len() > limit {
        let count = texts.len();
        return invalid(format!("{count} texts were sent, 1 to {limit} are taken"));
    }
    match texts.iter().position(String::is_empty) {
        Some(idx) => invalid(format!("text {idx} is empty")),
        None => Ok(()),
    }
}
