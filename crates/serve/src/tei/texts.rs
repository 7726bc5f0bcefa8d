//! What requests have in common.

use crate::error::ApiError;
use schemars::JsonSchema;
use serde::Deserialize;

/// One text or several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Texts {
    One(#[schemars(length(min = 1))] String),
    Many(#[schemars(length(min = 1), inner(length(min = 1)))] Vec<String>),
}

impl Texts {
    /// All of them.
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// Which end of a long text is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "TruncationDirection")]
pub(super) enum Direction {
    #[serde(alias = "left")]
    Left,
    #[default]
    #[serde(alias = "right")]
    Right,
}

impl Direction {
    /// Checks that it can be honoured.
    ///
    /// # Errors
    /// [`ApiError::Unsupported`] if texts would be cut at their beginning.
    pub(super) fn check(self, truncate: bool) -> Result<(), ApiError> {
        if truncate && self == Self::Left {
            let hint = " with the value `Left`; texts are cut at their end";
            return Err(ApiError::Unsupported { field: "truncation_direction", hint });
        }
        Ok(())
    }
}
