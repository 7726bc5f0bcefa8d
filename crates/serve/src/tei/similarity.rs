//! `POST /similarity`.

use super::texts::{Direction, PROMPT_NAME};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, object, read};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::openapi::Fields;
use crate::scores::cosines;
use crate::texts::check_texts;
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
pub(crate) struct SimilarityRequest {
    model: Option<String>,
    inputs: Sentences,
    #[serde(default)]
    #[schemars(with = "Fields<SimilarityParameters>")]
    parameters: Map<String, Value>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Sentences {
    source_sentence: String,
    #[schemars(length(min = 1), inner(length(min = 1)))]
    sentences: Vec<String>,
}

/// How texts are read.
#[derive(Debug, Deserialize, JsonSchema)]
struct SimilarityParameters {
    #[serde(default)]
    truncate: bool,
    #[serde(default)]
    truncation_direction: Direction,
}

impl ApiRequest for SimilarityRequest {
    const KNOWN: &'static [&'static str] = &["model", "inputs", "parameters"];
    const REFUSED: &'static [Refused] = &[];
    const APART: &'static [&'static str] = &["parameters"];
}

impl ApiRequest for SimilarityParameters {
    const KNOWN: &'static [&'static str] = &["truncate", "truncation_direction"];
    const REFUSED: &'static [Refused] = &[PROMPT_NAME];
}

/// How similar sentences are to one.
pub(crate) async fn similarity(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    similarity_fields(&app, object(body, app.limits().max_body_bytes)?).await
}

/// The same of a body's fields.
pub(crate) async fn similarity_fields(
    app: &App,
    fields: Map<String, Value>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, mut ignored } = read::<SimilarityRequest>(fields)?;
    let parameters = read::<SimilarityParameters>(request.parameters)?;
    ignored.add("parameters", parameters.ignored);
    let parameters = parameters.value;
    parameters.truncation_direction.check(parameters.truncate)?;
    let needs = "an embedding model";
    let (name, embedder) =
        app.model_for(request.model.as_deref(), needs, ServedModel::embedder).await?;
    let Sentences { source_sentence, sentences } = request.inputs;
    check_texts("inputs", &sentences, app.limits().max_inputs)?;
    let texts = (source_sentence, sentences);
    let embedder = (name.as_str(), embedder.clone());
    let cosines = cosines(app, embedder, texts, parameters.truncate, started).await?;
    Ok(ignored.tell(Json(cosines).into_response()))
}
