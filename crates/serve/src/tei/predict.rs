//! `POST /predict`.

use super::texts::ToScore;
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, object, read};
use crate::error::ApiError;
use crate::models::ServedModel;
use crate::scores::{Input, logits, probabilities};
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
pub(crate) struct PredictRequest {
    #[serde(flatten)]
    how: ToScore,
    inputs: PredictInputs,
}

/// A text; a text or pair as a list; or a list of such lists.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
enum PredictInputs {
    Text(String),
    Pair(#[schemars(length(min = 1, max = 2))] Vec<String>),
    Batch(#[schemars(length(min = 1), inner(length(min = 1, max = 2)))] Vec<Vec<String>>),
}

impl ApiRequest for PredictRequest {
    const KNOWN: &'static [&'static str] = &["inputs"];
    const SHARED: &'static [&'static str] = ToScore::NAMES;
    const REFUSED: &'static [Refused] =
        &[Refused { field: "parameters", is_neutral: is_empty, hint: "; use `raw_scores`" }];
}

/// Labels of texts with their scores.
pub(crate) async fn predict(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    predict_fields(&app, object(body, app.limits().max_body_bytes)?).await
}

/// The same of a body's fields.
pub(crate) async fn predict_fields(
    app: &App,
    fields: Map<String, Value>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    // What only `InferenceClient.text_classification` sends, which reads a list for each text.
    let is_nested = fields.contains_key("parameters");
    let Parsed { value: request, ignored } = read::<PredictRequest>(fields)?;
    let needs = "a classifier of texts";
    let how = request.how;
    let (name, classifier) = how.model(app, needs, ServedModel::classifier).await?;
    let labels = classifier.labels().to_vec();
    let (inputs, is_batch) = inputs(request.inputs, app.limits().max_inputs)?;
    let model = (name.as_str(), classifier.clone());
    let scores = logits(app, model, inputs, how.truncate, started).await?;
    let mut predictions: Vec<Value> =
        scores.iter().map(|logits| prediction(&labels, logits, how.raw_scores)).collect();
    let body =
        if is_batch || is_nested { Value::Array(predictions) } else { predictions.remove(0) };
    Ok(ignored.tell(Json(body).into_response()))
}

/// The texts and pairs, and whether they came as a list.
fn inputs(inputs: PredictInputs, limit: usize) -> Result<(Vec<Input>, bool), ApiError> {
    let invalid = |reason| ApiError::InvalidField { field: "inputs", reason };
    let input = |texts: Vec<String>| {
        let count = texts.len();
        let mut texts = texts.into_iter();
        match (count, texts.next(), texts.next()) {
            (1 | 2, Some(first), second) => Ok((first, second)),
            _ => Err(invalid(format!("an input has {count} texts, 1 or 2 are taken"))),
        }
    };
    match inputs {
        PredictInputs::Text(text) => Ok((vec![(text, None)], false)),
        PredictInputs::Pair(texts) => Ok((vec![input(texts)?], false)),
        PredictInputs::Batch(batch) if batch.len() > limit => {
            let count = batch.len();
            Err(invalid(format!("{count} inputs were sent, 1 to {limit} are taken")))
        }
        PredictInputs::Batch(batch) => {
            Ok((batch.into_iter().map(input).collect::<Result<_, _>>()?, true))
        }
    }
}

/// The labels, best first.
fn prediction(labels: &[String], logits: &[f32], raw: bool) -> Value {
    let scores = if raw { logits.to_vec() } else { probabilities(logits) };
    let mut scored: Vec<(f32, &String)> = scores.into_iter().zip(labels).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.iter().map(|(score, label)| json!({"score": score, "label": label})).collect()
}
