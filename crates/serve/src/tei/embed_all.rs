//! `POST /embed_all` and `POST /embed_sparse`.

use super::texts::{Direction, Texts};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, parse};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::vectors::{check_texts, embed_tokens, tell_cut};
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
    model: Option<String>,
    inputs: Texts,
    #[serde(default)]
    truncate: bool,
    #[serde(default)]
    truncation_direction: Direction,
}

impl ApiRequest for EmbedAllRequest {
    const KNOWN: &'static [&'static str] = &["model", "inputs", "truncate", "truncation_direction"];
    const REFUSED: &'static [Refused] = &[Refused {
        field: "prompt_name",
        is_neutral: is_empty,
        hint: "; put the prompt before the text",
    }];
}

/// A vector for each token of texts, special ones included, before anything is made of them.
pub(crate) async fn embed_all(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<EmbedAllRequest>(body, app.limits().max_body_bytes)?;
    let needs = "an embedding model";
    let (name, embedder) =
        app.model_for(request.model.as_deref(), needs, ServedModel::embedder).await?;
    let texts = request.inputs.into_vec();
    check_texts("inputs", &texts, app.limits().max_inputs)?;
    request.truncation_direction.check(request.truncate)?;
    let embedder = (name.as_str(), embedder);
    let (rows, cut) = embed_tokens(&app, embedder, texts, request.truncate, started).await?;
    Ok(ignored.tell(tell_cut(cut, Json(rows).into_response())))
}

/// Refused: there is no model here whose vectors have a weight for each token of the vocabulary.
pub(crate) async fn embed_sparse() -> ApiError {
    ApiError::NoModel { needs: "a sparse embedding model (SPLADE), which this server cannot run" }
}
