//! `GET /api/tags`, `/api/ps`, `/api/version` and `POST /api/show`.

use super::details::{details, digest, info};
use super::name::served_name;
use crate::app::App;
use crate::blocking::brief;
use crate::body::{ApiRequest, Parsed, Refused, parse};
use crate::clock::rfc3339;
use crate::error::ApiError;
use crate::models::{LanguageModel, Listed, ModelFiles, ServedModel};
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

/// What is told of a model wherever it is listed.
struct Known {
    files: ModelFiles,
    digest: String,
    details: Value,
    modified_at: String,
}

impl Known {
    /// Looks at the model's files; not for async threads.
    fn of(app: &App, listed: &Listed) -> Self {
        let files = app.registry().files(listed);
        // What stands in no file is as old as the server.
        let modified =
            files.as_ref().map_or_else(|| Duration::from_secs(app.created()), |it| it.modified);
        let files = files.unwrap_or_default();
        Self {
            digest: digest(&files, &listed.name),
            details: details(&files, listed.base.as_deref()),
            modified_at: rfc3339(modified),
            files,
        }
    }

    /// The model as one of a list, by one of its names.
    fn entry(&self, name: &str) -> Value {
        json!({
            "name": name,
            "model": name,
            "modified_at": self.modified_at,
            "size": self.files.bytes,
            "digest": self.digest,
            "details": self.details,
        })
    }
}

/// The models that are served, by every name that they have.
pub(crate) async fn tags(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let list = move || {
        let mut models = Vec::new();
        for listed in app.registry().list_now() {
            let names = app.usable_names(&listed.name);
            if !names.is_empty() {
                let known = Known::of(&app, &listed);
                models.extend(names.iter().map(|name| known.entry(name)));
            }
        }
        Ok(Json(json!({ "models": models })))
    };
    brief(list).await
}

/// The models in memory, each by one of its names. None leaves at a time that is known before.
pub(crate) async fn ps(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let list = move || {
        let running = |listed: &Listed| {
            let model = listed.model.as_ref()?;
            let name = app.usable_names(&listed.name).into_iter().next()?;
            let mut entry = Known::of(&app, listed).entry(&name);
            if listed.bytes_in_memory() > 0 {
                entry["size"] = json!(listed.bytes_in_memory());
            }
            entry["expires_at"] = json!("9999-12-31T23:59:59Z");
            entry["size_vram"] = json!(0);
            entry["context_length"] = json!(model.max_tokens());
            Some(entry)
        };
        let models: Vec<Value> = app.registry().declared().iter().filter_map(running).collect();
        Ok(Json(json!({ "models": models })))
    };
    brief(list).await
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
    let listed = app.registry().listed(&app.meant(&name)).await?;
    let known = brief(move || Ok(Known::of(&app, &listed))).await?;
    let body = json!({
        "modelfile": "",
        "parameters": "",
        "template": "",
        "details": known.details,
        "model_info": info(&known.files, &name, model.max_tokens()),
        "capabilities": capabilities,
        "modified_at": known.modified_at,
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
