//! `GET /api/tags`, `/api/ps`, `/api/version` and `POST /api/show`.

use super::name::served_name;
use crate::app::App;
use crate::body::{ApiRequest, Parsed, Refused, parse};
use crate::clock::rfc3339;
use crate::error::ApiError;
use crate::models::{LanguageModel, ServedModel};
use crate::thinking::can_switch;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// What a client sends to learn of a model.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "OllamaShowRequest")]
pub(super) struct ShowRequest {
    #[serde(alias = "name")]
    model: String,
}

impl ApiRequest for ShowRequest {
    const KNOWN: &'static [&'static str] = &["model", "name"];
    const REFUSED: &'static [Refused] = &[];
}

/// The models that are served.
pub(crate) async fn tags(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let since = modified_at(&app);
    let list = app.registry().list().await?;
    let names = list.into_iter().filter_map(|listed| app.usable_name(listed.name));
    let models: Vec<Value> = names.map(|name| entry(&name, &since)).collect();
    Ok(Json(json!({ "models": models })))
}

/// The models in memory. None leaves at a time that is known before.
pub(crate) async fn ps(State(app): State<App>) -> Json<Value> {
    let since = modified_at(&app);
    let running = |(name, model): (String, ServedModel)| {
        let mut entry = entry(&app.usable_name(name)?, &since);
        entry["expires_at"] = json!("9999-12-31T23:59:59Z");
        entry["size_vram"] = json!(0);
        entry["context_length"] = json!(model.max_tokens());
        Some(entry)
    };
    let models: Vec<Value> = app.registry().loaded().into_iter().filter_map(running).collect();
    Json(json!({ "models": models }))
}

/// Our version.
pub(crate) async fn version() -> Json<Value> {
    Json(json!({"version": env!("CARGO_PKG_VERSION")}))
}

/// What is known of a model.
pub(crate) async fn show(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<ShowRequest>(body, app.limits().max_body_bytes)?;
    let name = served_name(&app, request.model);
    let model = app.model(&name).await?;
    let capabilities = match &model {
        ServedModel::Language(language) => conversing(language),
        ServedModel::Assistant(assistant) => conversing(&assistant.model),
        ServedModel::Embedder(_) => json!(["embedding"]),
        ServedModel::Classifier(_) => json!([]),
    };
    let body = json!({
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": details(),
        "model_info": {
            "general.basename": name,
            "general.context_length": model.max_tokens(),
        },
        "capabilities": capabilities,
        "modified_at": modified_at(&app),
    });
    Ok(ignored.tell(Json(body).into_response()))
}

/// What a model can do that holds conversations.
fn conversing(model: &LanguageModel) -> Value {
    if can_switch(&*model.codec) {
        json!(["completion", "tools", "thinking"])
    } else {
        json!(["completion", "tools"])
    }
}

/// Size and digest are those of no file: the server does not know where a model came from.
fn entry(name: &str, modified_at: &str) -> Value {
    json!({
        "name": name,
        "model": name,
        "modified_at": modified_at,
        "size": 0,
        "digest": "",
        "details": details(),
    })
}

fn details() -> Value {
    json!({
        "parent_model": "",
        "format": "",
        "family": "",
        "families": [],
        "parameter_size": "",
        "quantization_level": "",
    })
}

/// When the models were loaded.
fn modified_at(app: &App) -> String {
    rfc3339(Duration::from_secs(app.created()))
}
