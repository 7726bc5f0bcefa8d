//! The form of errors.

use crate::error::Problem;
use axum::http::StatusCode;
use serde_json::{Value, json};

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
