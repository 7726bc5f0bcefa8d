//! The form of errors.

use crate::error::Problem;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// Overload as Anthropic's servers say it; its clients try again.
const OVERLOADED: u16 = 529;

/// An error as its clients read it.
pub(crate) fn error(problem: &Problem) -> (StatusCode, Value) {
    let (status, kind) = match problem.status {
        StatusCode::UNAUTHORIZED => (problem.status, "authentication_error"),
        StatusCode::FORBIDDEN => (problem.status, "permission_error"),
        StatusCode::NOT_FOUND => (problem.status, "not_found_error"),
        StatusCode::PAYLOAD_TOO_LARGE => (problem.status, "request_too_large"),
        StatusCode::TOO_MANY_REQUESTS => (problem.status, "rate_limit_error"),
        StatusCode::SERVICE_UNAVAILABLE => {
            (StatusCode::from_u16(OVERLOADED).unwrap_or(problem.status), "overloaded_error")
        }
        status if status.is_server_error() => (status, "api_error"),
        status => (status, "invalid_request_error"),
    };
    let error = json!({"type": kind, "message": problem.message});
    (status, json!({"type": "error", "error": error, "request_id": problem.request_id}))
}
