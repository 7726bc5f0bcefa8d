//! The form of errors.

use crate::error::Problem;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error as its clients read it.
pub(crate) fn error(problem: &Problem) -> (StatusCode, Value) {
    (problem.status, json!({"error": problem.message}))
}
