//! `POST /embed_all` and `POST /embed_sparse`.

use super::texts::{PROMPT_NAME, ToEmbed};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, parse};
use crate::error::ApiError;
use crate::vectors::{embed_tokens, tell_cut};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct EmbedAllRequest {
    #[serde(flatten)]
    texts: ToEmbed,
}

impl ApiRequest for EmbedAllRequest {
    const KNOWN: &'static [&'static str] = ToEmbed::NAMES;
    const REFUSED: &'static [Refused] = &[PROMPT_NAME];
}

/// A vector for each token of texts, special ones included, before anything is made of them.
pub(crate) async fn embed_all(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<EmbedAllRequest>(body, app.limits().max_body_bytes)?;
    let truncate = request.texts.truncate;
    let ((name, embedder), texts) = request.texts.read(&app).await?;
    let embedder = (name.as_str(), embedder);
    let (rows, cut) = embed_tokens(&app, embedder, texts, truncate, started).await?;
    Ok(ignored.tell(tell_cut(cut, Json(rows).into_response())))
}

/// Refused: there is no model here whose vectors have a weight for each token of the vocabulary.
pub(crate) async fn embed_sparse() -> ApiError {
    ApiError::NoModel { needs: "a sparse embedding model (SPLADE), which this server cannot run" }
}
