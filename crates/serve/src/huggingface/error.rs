//! The form of errors.

use crate::error::Problem;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error as clients of text-generation-inference read it.
pub(crate) fn generation_error(problem: &Problem) -> (StatusCode, Value) {
    let (status, kind) = match problem.status {
        StatusCode::BAD_REQUEST => (StatusCode::UNPROCESSABLE_ENTITY, "validation"),
        StatusCode::TOO_MANY_REQUESTS => (problem.status, "overloaded"),
        StatusCode::SERVICE_UNAVAILABLE => (problem.status, "unhealthy"),
        StatusCode::INTERNAL_SERVER_ERROR => (StatusCode::FAILED_DEPENDENCY, "generation"),
        other => (other, "validation"),
    };
    (status, json!({"error": problem.message, "error_type": kind}))
}
