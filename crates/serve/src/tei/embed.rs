//! `POST /embed`.

use super::texts::{PROMPT_NAME, ToEmbed};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, object, read};
use crate::error::ApiError;
use crate::vectors::{self, EmbedOptions};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EmbedRequest {
    #[serde(flatten)]
    texts: ToEmbed,
    normalize: Option<bool>,
    #[schemars(range(min = 1))]
    dimensions: Option<usize>,
}

impl ApiRequest for EmbedRequest {
    const KNOWN: &'static [&'static str] = &["normalize", "dimensions"];
    const SHARED: &'static [&'static str] = ToEmbed::NAMES;
    const REFUSED: &'static [Refused] = &[PROMPT_NAME];
}

/// Turns texts into vectors.
pub(crate) async fn embed(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    embed_fields(&app, object(body, app.limits().max_body_bytes)?).await
}

/// The same of a body's fields.
pub(crate) async fn embed_fields(
    app: &App,
    fields: Map<String, Value>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } = read::<EmbedRequest>(fields)?;
    let options = EmbedOptions {
        truncate: request.texts.truncate,
        normalize: request.normalize.unwrap_or(true),
        dimensions: request.dimensions,
    };
    let ((name, embedder), texts) = request.texts.read(app).await?;
    let embedder = (name.as_str(), embedder);
    let vectors = vectors::embed(app, embedder, texts, options, started).await?;
    let response = Json(&vectors.rows).into_response();
    Ok(ignored.tell(vectors.tell(response)))
}
