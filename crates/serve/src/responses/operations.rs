//! What the document says of the routes.

use super::request::ResponseRequest;
use super::routes::Retrieval;
use crate::logprobs::token_logprobs_shape;
use crate::openapi::shapes::{
    anything, count, either, flag, list, map, nullable, number, object, some, text, word, words,
};
use crate::openapi::{Operation, Tag};
use crate::paging::page_shape;
use axum::http::StatusCode;
use serde_json::{Value, json};

/// `POST /v1/responses`.
pub(crate) fn create() -> Operation {
    let example = json!({
        "model": "MODEL",
        "input": "Which colours has a traffic light?",
        "max_output_tokens": 64,
        "stream": true,
    });
    Operation::new(Tag::OpenAi, "Answer, now or in the background")
        .asks::<ResponseRequest>(example)
        .with_model()
        .gives("Response", response)
        .streams("ResponseEvent", event)
}

/// `POST /v1/responses/input_tokens`.
pub(crate) fn input_tokens() -> Operation {
    let answer = || object([("object", word("response.input_tokens")), ("input_tokens", count())]);
    Operation::new(Tag::OpenAi, "Count the tokens of what would be asked")
        .asks::<ResponseRequest>(json!({"model": "MODEL", "input": "A green light."}))
        .with_model()
        .gives("ResponseInputTokens", answer)
}

/// `GET /v1/responses/{id}`.
pub(crate) fn retrieve() -> Operation {
    Operation::new(Tag::OpenAi, "Give a response again, or read on in its events")
        .queries::<Retrieval>()
        .gives("Response", response)
        .streams("ResponseEvent", event)
}

/// `DELETE /v1/responses/{id}`.
pub(crate) fn delete() -> Operation {
    let answer = || object([("id", text()), ("object", word("response")), ("deleted", flag())]);
    Operation::new(Tag::OpenAi, "Forget a response").gives("DeletedResponse", answer)
}

/// `POST /v1/responses/{id}/cancel`.
pub(crate) fn cancel() -> Operation {
    Operation::new(Tag::OpenAi, "Cancel a response in the background")
        .gives("Response", response)
        .fails_with(StatusCode::BAD_REQUEST)
}

/// `GET /v1/responses/{id}/input_items`.
pub(crate) fn input_items() -> Operation {
    Operation::new(Tag::OpenAi, "List what a response was asked with")
        .pages()
        .gives("ResponseInputItems", || page_shape(object([("id", text()), ("type", text())])))
}

/// The data of an event, which names itself.
fn event() -> Value {
    object([("type", text()), ("sequence_number", count())])
}

fn response() -> Value {
    let states = ["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"];
    let detail = |name| object([(name, count())]);
    let usage = object([
        ("input_tokens", count()),
        ("input_tokens_details", detail("cached_tokens")),
        ("output_tokens", count()),
        ("output_tokens_details", detail("reasoning_tokens")),
        ("total_tokens", count()),
    ]);
    let format = object([("type", words(&["text", "json_object", "json_schema"]))]);
    object([
        ("id", text()),
        ("object", word("response")),
        ("created_at", count()),
        ("completed_at", nullable(count())),
        ("status", words(&states)),
        ("error", nullable(object([("code", text()), ("message", text())]))),
        ("incomplete_details", nullable(object([("reason", text())]))),
        ("model", text()),
        ("output", list(item())),
        ("usage", nullable(usage)),
        ("background", flag()),
        ("instructions", nullable(text())),
        ("max_output_tokens", nullable(count())),
        ("metadata", map(anything())),
        ("parallel_tool_calls", flag()),
        ("previous_response_id", nullable(text())),
        ("store", flag()),
        ("temperature", number()),
        ("text", object([("format", format)])),
        ("tool_choice", anything()),
        ("tools", list(anything())),
        ("top_logprobs", count()),
        ("top_p", number()),
    ])
}

fn item() -> Value {
    let state = || words(&["in_progress", "completed", "incomplete"]);
    let content = object([
        ("type", word("output_text")),
        ("text", text()),
        ("annotations", list(anything())),
        ("logprobs", list(token_logprobs_shape())),
    ]);
    let message = object([
        ("type", word("message")),
        ("id", text()),
        ("status", state()),
        ("role", word("assistant")),
        ("content", some(content)),
    ]);
    let call = object([
        ("type", word("function_call")),
        ("id", text()),
        ("status", state()),
        ("call_id", text()),
        ("name", text()),
        ("arguments", text()),
    ]);
    let thoughts = object([("type", word("reasoning_text")), ("text", text())]);
    let reasoning = object([
        ("type", word("reasoning")),
        ("id", text()),
        ("status", state()),
        ("summary", list(anything())),
        ("content", list(thoughts)),
    ]);
    either([message, call, reasoning])
}
