//! Errors as each protocol tells them.

use super::shapes::{nullable, text};
use crate::dialect::Dialect;
use crate::error::Problem;
use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Errors that the guard gives before any handler runs, if the path is behind keys.
const OF_GUARD: [StatusCode; 4] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
];

/// The statuses of an operation's errors in `dialect`, each with what it means.
pub(super) fn statuses(
    dialect: Dialect,
    is_public: bool,
    own: &[StatusCode],
) -> BTreeMap<u16, &'static str> {
    let of_guard = if is_public { &[StatusCode::FORBIDDEN][..] } else { &OF_GUARD };
    let told =
        |&status: &StatusCode| (dialect.tell(&sample(status, None)).0.as_u16(), meaning(status));
    of_guard.iter().chain(own).map(told).collect()
}

/// The schema of an error's body in `dialect`.
pub(super) fn schema(dialect: Dialect) -> Value {
    let body = |param| dialect.tell(&sample(StatusCode::BAD_REQUEST, param)).1;
    shape(&body(None), &body(Some("field")))
}

/// Its name in the document.
pub(super) fn name(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAi => "OpenAiError",
        Dialect::Anthropic => "AnthropicError",
        Dialect::Cohere => "CohereError",
        Dialect::Ollama => "OllamaError",
        Dialect::Tgi => "TgiError",
        Dialect::Tei => "TeiError",
    }
}

fn sample(status: StatusCode, param: Option<&'static str>) -> Problem {
    let (kind, code, message) = ("invalid_request_error", "invalid_value", "what is wrong");
    let request_id = param.map(str::to_owned);
    Problem { status, kind, code, param, message: message.to_owned(), request_id }
}

/// The shape that both have; a member that is null in either may be null.
fn shape(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Object(fields), _) => {
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(name, value)| (name.clone(), shape(value, &other[name])))
                .collect();
            let required: Vec<&String> = fields.keys().collect();
            json!({"type": "object", "properties": properties, "required": required})
        }
        (Value::Null, _) | (_, Value::Null) => nullable(text()),
        _ => text(),
    }
}

fn meaning(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request cannot be answered as it is.",
        StatusCode::UNAUTHORIZED => "No key was sent, or one that is not known.",
        StatusCode::FORBIDDEN => "The key, the page or the host may not ask for this.",
        StatusCode::NOT_FOUND => "There is no such thing, or no model that fits.",
        StatusCode::REQUEST_TIMEOUT => "The body did not come in time.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large.",
        StatusCode::TOO_MANY_REQUESTS => "A limit is used up, or the queue is full.",
        StatusCode::NOT_IMPLEMENTED => "This server keeps no files.",
        StatusCode::SERVICE_UNAVAILABLE => "The server is overloaded or shutting down.",
        StatusCode::CONFLICT => "The name is taken.",
        StatusCode::INSUFFICIENT_STORAGE => "There is no room left, on the disk or in memory.",
        _ => "The server failed.",
    }
}
