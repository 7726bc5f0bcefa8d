//! `POST /api/embed` and the older `POST /api/embeddings`.

use super::name::served_name;
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, parse};
use crate::error::ApiError;
use crate::ignored::Ignored;
use crate::models::ServedModel;
use crate::texts::Texts;
use crate::vectors::{self, EmbedOptions, Vectors};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaEmbedRequest")]
pub(super) struct EmbedRequest {
    model: String,
    input: Texts,
    truncate: Option<bool>,
    #[schemars(range(min = 1))]
    dimensions: Option<usize>,
}

/// What a client of the older route sends.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaEmbeddingsRequest")]
pub(super) struct EmbeddingsRequest {
    model: String,
    #[schemars(length(min = 1))]
    prompt: String,
}

impl ApiRequest for EmbedRequest {
    const KNOWN: &'static [&'static str] = &["model", "input", "truncate", "dimensions"];
    const REFUSED: &'static [Refused] = &[];
}

impl ApiRequest for EmbeddingsRequest {
    const KNOWN: &'static [&'static str] = &["model", "prompt"];
    const REFUSED: &'static [Refused] = &[];
}

/// Turns texts into vectors. Texts that are too long are cut, as the protocol has it, unless
/// `truncate` is false; the answer's header says how many were.
pub(crate) async fn embed(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<EmbedRequest>(body, app.limits().max_body_bytes)?;
    let options = EmbedOptions {
        truncate: request.truncate.unwrap_or(true),
        dimensions: request.dimensions,
        ..EmbedOptions::default()
    };
    let vectors = compute(&app, request.model.clone(), request.input, options, started).await?;
    let body = json!({
        "model": request.model,
        "embeddings": vectors.rows,
        "total_duration": u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX),
        "load_duration": 0,
        "prompt_eval_count": vectors.tokens,
    });
    Ok(tell(Json(body).into_response(), &ignored, &vectors))
}

/// Turns one text into a vector.
pub(crate) async fn embeddings(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<EmbeddingsRequest>(body, app.limits().max_body_bytes)?;
    let options = EmbedOptions { truncate: true, ..EmbedOptions::default() };
    let vectors =
        compute(&app, request.model, Texts::One(request.prompt), options, started).await?;
    let body = json!({"embedding": vectors.rows[0]});
    Ok(tell(Json(body).into_response(), &ignored, &vectors))
}

async fn compute(
    app: &App,
    name: String,
    texts: Texts,
    options: EmbedOptions,
    started: Instant,
) -> Result<Vectors, ApiError> {
    let name = served_name(app, name);
    let needs = "an embedding model";
    let (name, embedder) = app.model_for(Some(&name), needs, ServedModel::embedder).await?;
    let texts = texts.read("input", app.limits().max_inputs)?;
    vectors::embed(app, (name.as_str(), embedder.clone()), texts, options, started).await
}

fn tell(response: Response, ignored: &Ignored, vectors: &Vectors) -> Response {
    ignored.tell(vectors.tell(response))
}
