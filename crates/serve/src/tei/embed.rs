//! `POST /embed`.

use super::texts::{Direction, Texts};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, object, read};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::vectors::{self, EmbedOptions, check_texts};
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
    model: Option<String>,
    inputs: Texts,
    #[serde(default)]
    truncate: bool,
    #[serde(default)]
    truncation_direction: Direction,
    normalize: Option<bool>,
    #[schemars(range(min = 1))]
    dimensions: Option<usize>,
}

impl ApiRequest for EmbedRequest {
    const KNOWN: &'static [&'static str] =
        &["model", "inputs", "truncate", "truncation_direction", "normalize", "dimensions"];
    const REFUSED: &'static [Refused] = &[Refused {
        field: "prompt_name",
        is_neutral: is_empty,
        hint: "; put the prompt before the text",
    }];
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
    let needs = "an embedding model";
    let (name, embedder) =
        app.model_for(request.model.as_deref(), needs, ServedModel::embedder).await?;
    let texts = request.inputs.into_vec();
    check_texts("inputs", &texts, app.limits().max_inputs)?;
    request.truncation_direction.check(request.truncate)?;
    let options = EmbedOptions {
        truncate: request.truncate,
        normalize: request.normalize.unwrap_or(true),
        dimensions: request.dimensions,
    };
    let embedder = (name.as_str(), embedder.clone());
    let vectors = vectors::embed(app, embedder, texts, options, started).await?;
    let response = Json(&vectors.rows).into_response();
    Ok(ignored.tell(vectors.tell(response)))
}
