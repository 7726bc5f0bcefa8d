//! What the document says of chat completions.

use super::request::ChatRequest;
use crate::counts::usage_shape;
use crate::logprobs::token_logprobs_shape;
use crate::openapi::shapes::{
    anything, count, either, list, map, null, nullable, object, some, text, word, words,
};
use crate::openapi::{Operation, Tag};
use serde_json::{Value, json};

/// `POST /v1/chat/completions`.
pub(crate) fn operation() -> Operation {
    let example = json!({
        "model": "MODEL",
        "messages": [{"role": "user", "content": "Which colours has a traffic light?"}],
        "max_completion_tokens": 64,
        "stream": true,
    });
    Operation::new(Tag::OpenAi, "Answer a conversation")
        .asks::<ChatRequest>(example)
        .with_model()
        .gives("ChatCompletion", answer)
        .streams("ChatCompletionEvent", chunk)
}

fn answer() -> Value {
    let choice = object([
        ("index", count()),
        ("message", message()),
        ("logprobs", nullable(logprobs())),
        ("finish_reason", words(&["stop", "length", "tool_calls"])),
    ]);
    object([
        ("id", text()),
        ("object", word("chat.completion")),
        ("created", count()),
        ("model", text()),
        ("choices", some(choice)),
        ("usage", usage_shape()),
    ])
}

fn chunk() -> Value {
    let function = object([("name?", text()), ("arguments", text())]);
    let call =
        object([("index", count()), ("id?", text()), ("type?", text()), ("function", function)]);
    let delta = object([
        ("role?", word("assistant")),
        ("content?", text()),
        ("reasoning_content?", text()),
        ("reasoning?", text()),
        ("tool_calls?", some(call)),
        ("citations?", list(source("quote"))),
        ("passages?", list(source("text"))),
    ]);
    let reasons = words(&["stop", "length", "tool_calls"]);
    let choice = object([
        ("index", count()),
        ("delta", delta),
        ("logprobs", nullable(logprobs())),
        ("finish_reason", nullable(reasons)),
    ]);
    let chunk = object([
        ("id", text()),
        ("object", word("chat.completion.chunk")),
        ("created", count()),
        ("model", text()),
        ("choices", list(choice)),
        ("usage?", nullable(usage_shape())),
    ]);
    either([chunk, object([("error", map(anything()))])])
}

fn logprobs() -> Value {
    object([("content", list(token_logprobs_shape())), ("refusal", null())])
}

/// A source of an answer, with what is told of it under the name `last`.
fn source(last: &str) -> Value {
    let span = object([("start", count()), ("end", count())]);
    object([
        ("number", count()),
        ("document_id", text()),
        ("title", text()),
        ("span", span),
        (last, text()),
    ])
}

fn message() -> Value {
    object([
        ("role", word("assistant")),
        ("content", nullable(text())),
        ("refusal", null()),
        ("reasoning_content?", text()),
        ("reasoning?", text()),
        ("tool_calls?", list(call_shape())),
        ("citations?", list(source("quote"))),
        ("passages?", list(source("text"))),
    ])
}

/// A call of a tool, its arguments as a text.
pub(crate) fn call_shape() -> Value {
    let function = object([("name", text()), ("arguments", text())]);
    object([("id", text()), ("type", word("function")), ("function", function)])
}
