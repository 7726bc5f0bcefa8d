//! Making, listing and cancelling batches.

use super::store::{BatchStore, unknown};
use super::{input, object};
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, parse};
use crate::context;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::files::seen;
use crate::paging::{Page, page};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Routes whose requests batches hold.
pub(super) const ENDPOINTS: [&str; 4] =
    ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"];

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct BatchRequest {
    input_file_id: String,
    #[schemars(extend("enum" = ENDPOINTS))]
    endpoint: String,
    #[schemars(extend("enum" = ["24h"]))]
    completion_window: String,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl ApiRequest for BatchRequest {
    const KNOWN: &'static [&'static str] =
        &["input_file_id", "endpoint", "completion_window", "metadata"];
    const REFUSED: &'static [Refused] = &[];
}

/// `POST /v1/batches`.
pub(crate) async fn create(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<BatchRequest>(body, app.limits().max_body_bytes)?;
    let invalid = |field, reason| Err(ApiError::InvalidField { field, reason });
    if !ENDPOINTS.contains(&request.endpoint.as_str()) {
        return invalid("endpoint", format!("known: {}", ENDPOINTS.join(", ")));
    }
    if request.completion_window != "24h" {
        return invalid("completion_window", "known: 24h".to_owned());
    }
    context::check_route(&request.endpoint)?;
    let files = seen(&app, &request.input_file_id)?.clone();
    let batches = app.batches()?.clone();
    let id = context::owned(&app.answer_id("batch").replace('-', "_"));
    let now = app.now();
    let make = move || {
        let metadata = Value::Object(request.metadata);
        let mut batch = object::new(&id, &request.endpoint, &request.input_file_id, &metadata, now);
        let lines = input::read(files.open_data(&request.input_file_id)?, &request.endpoint)?;
        let models = match lines {
            Ok(lines) => {
                batch["request_counts"]["total"] = lines.len().into();
                lines
                    .iter()
                    .filter_map(|line| line.body.get("model")?.as_str())
                    .map(str::to_owned)
                    .collect()
            }
            Err(errors) => {
                object::refuse(&mut batch, &errors, now);
                BTreeSet::new()
            }
        };
        Ok((batch, models))
    };
    let (batch, models): (Value, BTreeSet<String>) = app.workers().run(make).await?;
    // Who may not use a model may not do so in a batch; here the request's key is known.
    for model in models {
        app.model(&model).await?;
    }
    let stored = batch.clone();
    app.workers().run(move || batches.add(&stored)).await?;
    Ok(ignored.tell(Json(batch).into_response()))
}

/// The batches, if the request may see the one called `id`.
fn known<'a>(app: &'a App, id: &str) -> Result<&'a Arc<BatchStore>, ApiError> {
    let batches = app.batches()?;
    if context::may_see(id) { Ok(batches) } else { Err(unknown(id)) }
}

/// `GET /v1/batches`.
pub(crate) async fn list(
    State(app): State<App>,
    Query(asked): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    let mut batches = app.batches()?.list();
    batches.retain(|batch| batch["id"].as_str().is_some_and(context::may_see));
    page(batches, &asked).map(Json)
}

/// `GET /v1/batches/{id}`.
pub(crate) async fn retrieve(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    known(&app, &id)?.get(&id).map(Json)
}

/// `POST /v1/batches/{id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (batches, now) = (known(&app, &id)?.clone(), app.now());
    let cancel = move || {
        batches.change(&id, |batch| {
            if matches!(object::status(batch), "validating" | "in_progress") {
                object::become_status(batch, "cancelling", now);
            }
        })
    };
    app.workers().run(cancel).await.map(Json)
}
