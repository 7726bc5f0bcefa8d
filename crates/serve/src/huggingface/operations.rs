//! What the document says of the routes.

use super::decode::DecodeRequest;
use super::tokenize::TokenizeRequest;
use crate::openapi::shapes::{
    anything, count, either, flag, list, map, null, nullable, object, some, text,
};
use crate::openapi::{Fields, Operation, Tag};
use crate::{tei, tgi};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

/// `POST /`.
pub(crate) fn root() -> Operation {
    Operation::new(Tag::Tgi, "Do any task of the two servers; the body tells which one")
        .asks_any(any_task, json!({"inputs": "The colours of a traffic light are", "stream": true}))
        .with_model()
        .gives("AnyTask", || {
            use tei::operations::{predictions, ranks, similarities, vectors};
            let texts = some(tgi::operations::generation());
            either([texts, vectors(), ranks(), predictions(), similarities()])
        })
        .streams("GenerationEvent", tgi::operations::event)
}

fn any_task(generator: &mut SchemaGenerator) -> Schema {
    let tasks = [
        generator.subschema_for::<Fields<tgi::GenerateRequest>>(),
        generator.subschema_for::<Fields<tei::EmbedRequest>>(),
        generator.subschema_for::<Fields<tei::RerankRequest>>(),
        generator.subschema_for::<Fields<tei::PredictRequest>>(),
        generator.subschema_for::<Fields<tei::SimilarityRequest>>(),
    ];
    json_schema!({ "anyOf": tasks })
}

/// `GET /info`.
pub(crate) fn info() -> Operation {
    let answer = || {
        object([
            ("model_id", text()),
            ("model_sha", null()),
            ("model_type?", map(anything())),
            ("model_pipeline_tag?", text()),
            ("max_input_length?", count()),
            ("max_input_tokens?", count()),
            ("max_total_tokens?", count()),
            ("max_concurrent_requests?", count()),
            ("max_best_of", count()),
            ("max_stop_sequences", count()),
            ("max_client_batch_size", count()),
            ("validation_workers", count()),
            ("tokenization_workers", count()),
            ("auto_truncate", flag()),
            ("router", text()),
            ("version", text()),
        ])
    };
    Operation::new(Tag::Tgi, "Tell what is served").with_model().gives("Info", answer)
}

/// `POST /tokenize`.
pub(crate) fn tokenize() -> Operation {
    Operation::new(Tag::Tgi, "Tell the tokens of texts")
        .asks::<TokenizeRequest>(json!({"inputs": "A green light."}))
        .with_model()
        .gives("Tokens", tokens)
}

/// `POST /decode`.
pub(crate) fn decode() -> Operation {
    Operation::new(Tag::Tei, "Tell the texts of tokens")
        .asks::<DecodeRequest>(json!({"ids": [1, 2]}))
        .with_model()
        .gives("DecodedTexts", || list(text()))
}

fn tokens() -> Value {
    let place = || nullable(count());
    let token = || {
        object([
            ("id", count()),
            ("text", text()),
            ("special", flag()),
            ("start", place()),
            ("stop", place()),
        ])
    };
    either([list(token()), list(list(token()))])
}
