//! `POST /rerank`.

use super::texts::ToScore;
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, object, read};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::scores::{Ranked, Ranker, rank};
use crate::texts::check_texts;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// What a client sends.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RerankRequest {
    #[serde(flatten)]
    how: ToScore,
    query: String,
    #[schemars(length(min = 1), inner(length(min = 1)))]
    texts: Vec<String>,
    #[serde(default)]
    return_text: bool,
}

impl ApiRequest for RerankRequest {
    const KNOWN: &'static [&'static str] = &["query", "texts", "return_text"];
    const SHARED: &'static [&'static str] = ToScore::NAMES;
    const REFUSED: &'static [Refused] = &[];
}

/// Orders texts by how well they answer a query.
pub(crate) async fn rerank(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    rerank_fields(&app, object(body, app.limits().max_body_bytes)?).await
}

/// The same of a body's fields.
pub(crate) async fn rerank_fields(
    app: &App,
    fields: Map<String, Value>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } = read::<RerankRequest>(fields)?;
    let needs = "a cross-encoder";
    let (name, model) = request.how.model(app, needs, ServedModel::cross_encoder).await?;
    check_texts("texts", &request.texts, app.limits().max_inputs)?;
    let model = (name.as_str(), Ranker::CrossEncoder(model.clone()));
    let texts = request.return_text.then(|| request.texts.clone());
    let how = (request.how.truncate, request.how.raw_scores);
    let ranked = rank(app, model, (request.query, request.texts), how, started).await?;
    let entry = |Ranked { index, score }: &Ranked| match &texts {
        Some(texts) => json!({"index": index, "text": texts[*index], "score": score}),
        None => json!({"index": index, "score": score}),
    };
    let body: Vec<Value> = ranked.iter().map(entry).collect();
    Ok(ignored.tell(Json(body).into_response()))
}
