//! `POST /v1/embeddings`.

use crate::app::App;
use crate::base64;
use crate::body::{ApiRequest, Parsed, Refused, is_true, parse};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::openapi::shapes::{count, either, list, number, object, some, text, word};
use crate::openapi::{Operation, Tag};
use crate::texts::Texts;
use crate::vectors::{self, EmbedOptions, Vectors};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
struct EmbeddingRequest {
    model: String,
    input: Texts,
    #[serde(default)]
    encoding_format: Encoding,
    #[schemars(range(min = 1))]
    dimensions: Option<usize>,
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "EmbeddingEncoding")]
enum Encoding {
    #[default]
    Float,
    /// Little-endian f32 in base64, what OpenAI's own client asks for.
    Base64,
}

impl ApiRequest for EmbeddingRequest {
    const KNOWN: &'static [&'static str] = &["model", "input", "encoding_format", "dimensions"];
    /// vLLM's.
    const REFUSED: &'static [Refused] = &[
        Refused {
            field: "truncate_prompt_tokens",
            is_neutral: |_| false,
            hint: "; a text is never cut: what is too long is an error",
        },
        Refused {
            field: "normalize",
            is_neutral: is_true,
            hint: " with the value false; use `/embed`",
        },
    ];
}

/// Turns texts into vectors.
pub(crate) async fn embeddings(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<EmbeddingRequest>(body, app.limits().max_body_bytes)?;
    let ServedModel::Embedder(embedder) = app.model(&request.model).await? else {
        return Err(ApiError::WrongModel { model: request.model, needs: "an embedding model" });
    };
    let texts = request.input.read("input", app.limits().max_inputs)?;
    let encoding = request.encoding_format;
    let embedder = (request.model.as_str(), embedder);
    let options = EmbedOptions { dimensions: request.dimensions, ..EmbedOptions::default() };
    let Vectors { rows: vectors, tokens, .. } =
        vectors::embed(&app, embedder, texts, options, started).await?;
    let data: Vec<Value> = vectors
        .into_iter()
        .enumerate()
        .map(|(idx, vector)| {
            let embedding = match encoding {
                Encoding::Float => json!(vector),
                Encoding::Base64 => Value::String(base64::encode_f32(&vector)),
            };
            json!({"object": "embedding", "index": idx, "embedding": embedding})
        })
        .collect();
    let body = json!({
        "object": "list",
        "data": data,
        "model": request.model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    });
    Ok(ignored.tell(Json(body).into_response()))
}

/// What the document says of it.
pub(crate) fn operation() -> Operation {
    let example = json!({"model": "MODEL", "input": ["A green light.", "A red light."]});
    Operation::new(Tag::OpenAi, "Turn texts into vectors")
        .asks::<EmbeddingRequest>(example)
        .with_model()
        .gives("EmbeddingList", answer)
}

fn answer() -> Value {
    let entry = object([
        ("object", word("embedding")),
        ("index", count()),
        ("embedding", either([list(number()), text()])),
    ]);
    object([
        ("object", word("list")),
        ("data", some(entry)),
        ("model", text()),
        ("usage", object([("prompt_tokens", count()), ("total_tokens", count())])),
    ])
}
