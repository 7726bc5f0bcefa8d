//! What the document says of the routes.

use super::request::GenerateRequest;
use crate::openapi::shapes::{
    anything, count, either, flag, list, map, nullable, number, object, text, words,
};
use crate::openapi::{Operation, Tag};
use serde_json::{Map, Value, json};

/// `POST /generate`.
pub(crate) fn generate() -> Operation {
    with_body("Continue a text").gives("Generation", generation).streams("GenerationEvent", event)
}

/// `POST /generate_stream`.
pub(crate) fn generate_stream() -> Operation {
    with_body("Continue a text, token by token").streams("GenerationEvent", event)
}

fn with_body(summary: &'static str) -> Operation {
    let example = json!({
        "inputs": "The colours of a traffic light are",
        "parameters": {"max_new_tokens": 32},
    });
    Operation::new(Tag::Tgi, summary).asks::<GenerateRequest>(example).with_model()
}

/// The schema of an answer.
pub(crate) fn generation() -> Value {
    let mut best = sequence([]);
    best["properties"]["best_of_sequences"] = list(sequence([("generated_text", text())]));
    object([("generated_text", text()), ("details?", best)])
}

/// One of the answers, with `more` members.
fn sequence<const N: usize>(more: [(&str, Value); N]) -> Value {
    let read = object([("id", count()), ("text", text()), ("logprob", nullable(number()))]);
    let mut sequence = object([
        ("finish_reason", words(&["length", "eos_token", "stop_sequence"])),
        ("generated_tokens", count()),
        ("seed", nullable(count())),
        ("prefill", list(read)),
        ("tokens", list(token())),
        ("top_tokens?", list(list(token()))),
    ]);
    let more: Map<String, Value> =
        more.into_iter().map(|(name, shape)| (name.to_owned(), shape)).collect();
    if let Some(properties) = sequence["properties"].as_object_mut() {
        properties.extend(more);
    }
    sequence
}

fn token() -> Value {
    let logprob = nullable(number());
    object([("id", count()), ("text", text()), ("logprob", logprob), ("special", flag())])
}

/// The data of an event.
pub(crate) fn event() -> Value {
    let event = object([
        ("index", count()),
        ("token", token()),
        ("generated_text", nullable(text())),
        ("details", nullable(map(anything()))),
        ("top_tokens?", list(token())),
    ]);
    either([event, object([("error", text())])])
}
