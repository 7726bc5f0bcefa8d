//! The protocol of Hugging Face's text-embeddings-inference: vectors, ranks and labels of texts.
//!
//! Its requests name no model. The first that fits is taken; a field `model` of ours chooses another.

mod embed;
mod predict;
mod rerank;
mod similarity;

pub(crate) use embed::{embed, embed_fields};
pub(crate) use predict::{predict, predict_fields};
pub(crate) use rerank::{rerank, rerank_fields};
pub(crate) use similarity::{similarity, similarity_fields};

use crate::error::{ApiError, Problem};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

/// One text or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

/// Which end of a long text is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Direction {
    #[serde(alias = "left")]
    Left,
    #[default]
    #[serde(alias = "right")]
    Right,
}

impl Direction {
    /// # Errors
    /// [`ApiError::Unsupported`] if texts would be cut at their beginning.
    fn check(self, truncate: bool) -> Result<(), ApiError> {
        if truncate && self == Self::Left {
            let hint = " with the value `Left`; texts are cut at their end";
            return Err(ApiError::Unsupported { field: "truncation_direction", hint });
        }
        Ok(())
    }
}

/// The error as its clients read it.
pub(crate) fn error(problem: &Problem) -> (StatusCode, Value) {
    let (status, kind) = match problem.status {
        StatusCode::BAD_REQUEST if problem.code == "context_length_exceeded" => {
            (StatusCode::PAYLOAD_TOO_LARGE, "Validation")
        }
        StatusCode::BAD_REQUEST => (StatusCode::UNPROCESSABLE_ENTITY, "Validation"),
        StatusCode::TOO_MANY_REQUESTS => (problem.status, "Overloaded"),
        StatusCode::SERVICE_UNAVAILABLE => (problem.status, "Unhealthy"),
        StatusCode::INTERNAL_SERVER_ERROR => (StatusCode::FAILED_DEPENDENCY, "Backend"),
        other => (other, "Validation"),
    };
    (status, json!({"error": problem.message, "error_type": kind}))
}
