//! What the document says of the routes.

use super::embed::EmbedRequest;
use super::embed_all::EmbedAllRequest;
use super::predict::PredictRequest;
use super::rerank::RerankRequest;
use super::similarity::SimilarityRequest;
use crate::openapi::shapes::{count, either, list, number, object, some, text};
use crate::openapi::{Operation, Tag};
use serde_json::{Value, json};

/// `POST /embed`.
pub(crate) fn embed() -> Operation {
    Operation::new(Tag::Tei, "Turn texts into vectors")
        .asks::<EmbedRequest>(json!({"inputs": ["A green light.", "A red light."]}))
        .with_model()
        .gives("Vectors", vectors)
}

/// `POST /embed_all`.
pub(crate) fn embed_all() -> Operation {
    Operation::new(Tag::Tei, "Tell the vectors of all tokens of texts")
        .asks::<EmbedAllRequest>(json!({"inputs": "A green light."}))
        .with_model()
        .gives("TokenVectors", || some(vectors()))
}

/// `POST /embed_sparse`.
pub(crate) fn embed_sparse() -> Operation {
    Operation::new(Tag::Tei, "Turn texts into sparse vectors, which no model here does")
        .with_model()
        .gives("SparseVectors", || list(list(object([("index", count()), ("value", number())]))))
}

/// `POST /rerank`.
pub(crate) fn rerank() -> Operation {
    let example = json!({
        "query": "When may I go?",
        "texts": ["Red means stop.", "Green means go."],
    });
    Operation::new(Tag::Tei, "Order texts by how well they answer a query")
        .asks::<RerankRequest>(example)
        .with_model()
        .gives("Ranks", ranks)
}

/// `POST /predict`.
pub(crate) fn predict() -> Operation {
    Operation::new(Tag::Tei, "Label texts")
        .asks::<PredictRequest>(json!({"inputs": "The light is green, what luck!"}))
        .with_model()
        .gives("Predictions", predictions)
}

/// `POST /similarity`.
pub(crate) fn similarity() -> Operation {
    let inputs = json!({"source_sentence": "A green light.", "sentences": ["A red light."]});
    Operation::new(Tag::Tei, "Compare sentences with one")
        .asks::<SimilarityRequest>(json!({ "inputs": inputs }))
        .with_model()
        .gives("Similarities", similarities)
}

/// A vector for each text.
pub(crate) fn vectors() -> Value {
    some(list(number()))
}

/// Texts by their places, best first.
pub(crate) fn ranks() -> Value {
    some(object([("index", count()), ("score", number()), ("text?", text())]))
}

/// Labels, best first, of a text or of several.
pub(crate) fn predictions() -> Value {
    let labels = || some(object([("score", number()), ("label", text())]));
    either([labels(), some(labels())])
}

/// A cosine for each sentence.
pub(crate) fn similarities() -> Value {
    some(number())
}
