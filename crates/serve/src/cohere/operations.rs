//! What the document says of the routes.

use super::chat::ChatRequest;
use super::embed::EmbedRequest;
use super::rerank::RerankRequest;
use crate::chat::call_shape;
use crate::openapi::shapes::{
    count, either, list, nullable, number, object, some, text, word, words,
};
use crate::openapi::{Operation, Tag};
use serde_json::{Value, json};

/// `POST /v2/chat`.
pub(crate) fn chat() -> Operation {
    let example = json!({
        "model": "MODEL",
        "messages": [{"role": "user", "content": "Which colours has a traffic light?"}],
        "max_tokens": 64,
        "stream": true,
    });
    Operation::new(Tag::Cohere, "Answer a conversation")
        .asks::<ChatRequest>(example)
        .with_model()
        .gives("CohereAnswer", answer)
        .streams("CohereEvent", event)
}

/// The data of an event, which names itself.
fn event() -> Value {
    object([("type", text())])
}

fn answer() -> Value {
    let said = object([("type", word("text")), ("text", text())]);
    let thoughts = object([("type", word("thinking")), ("thinking", text())]);
    let content = either([said, thoughts]);
    let message = object([
        ("role", word("assistant")),
        ("content?", some(content)),
        ("tool_calls?", some(call_shape())),
        ("tool_plan?", text()),
        ("citations?", list(citation())),
    ]);
    let tokens = || object([("input_tokens", count()), ("output_tokens", count())]);
    let usage =
        object([("billed_units", tokens()), ("tokens", tokens()), ("cached_tokens", count())]);
    let logprobs = object([
        ("text", text()),
        ("token_ids", some(count())),
        ("logprobs", nullable(some(number()))),
    ]);
    object([
        ("id", text()),
        ("finish_reason", words(&["COMPLETE", "STOP_SEQUENCE", "MAX_TOKENS", "TOOL_CALL"])),
        ("message", message),
        ("usage", usage),
        ("logprobs?", list(logprobs)),
    ])
}

fn citation() -> Value {
    let document = object([("id", text()), ("title", text()), ("text", text())]);
    let source = object([("type", word("document")), ("id", text()), ("document", document)]);
    object([
        ("start", count()),
        ("end", count()),
        ("text", text()),
        ("sources", some(source)),
        ("type", word("TEXT_CONTENT")),
    ])
}

/// `POST /v2/embed`.
pub(crate) fn embed() -> Operation {
    let example = json!({
        "model": "MODEL",
        "input_type": "search_document",
        "texts": ["A green light.", "A red light."],
        "embedding_types": ["int8"],
    });
    Operation::new(Tag::Cohere, "Turn texts into vectors")
        .asks::<EmbedRequest>(example)
        .with_model()
        .gives("CohereEmbeddings", vectors)
}

fn vectors() -> Value {
    let numbers = || list(list(number()));
    let embeddings = object([
        ("float?", numbers()),
        ("int8?", numbers()),
        ("uint8?", numbers()),
        ("binary?", numbers()),
        ("ubinary?", numbers()),
        ("base64?", list(text())),
    ]);
    object([
        ("id", text()),
        ("embeddings", embeddings),
        ("texts", some(text())),
        ("meta", meta("input_tokens")),
        ("response_type", word("embeddings_by_type")),
    ])
}

/// `POST /v2/rerank`.
pub(crate) fn rerank() -> Operation {
    let example = json!({
        "model": "MODEL",
        "query": "When may I go?",
        "documents": ["Red means stop.", "Green means go."],
    });
    Operation::new(Tag::Cohere, "Order documents by how well they answer a query")
        .asks::<RerankRequest>(example)
        .with_model()
        .gives("CohereRanks", ranks)
}

fn ranks() -> Value {
    let result = object([
        ("index", count()),
        ("relevance_score", number()),
        ("document?", object([("text", text())])),
    ]);
    object([("id", text()), ("results", list(result)), ("meta", meta("search_units"))])
}

fn meta(unit: &str) -> Value {
    object([
        ("api_version", object([("version", text())])),
        ("billed_units", object([(unit, count())])),
        ("warnings?", list(text())),
    ])
}
