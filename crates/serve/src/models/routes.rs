//! `/admin/models`: what is in memory, and changes to it; and vLLM's two routes for adapters.
//!
//! With keys, all of them need one with `admin`.

use super::entry::Listed;
use crate::app::App;
use crate::blocking::brief;
use crate::body::{ApiRequest, Parsed, Refused, is_empty, parse};
use crate::context::note;
use crate::error::ApiError;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest name that a request gives a model, in characters.
const MAX_NAME: usize = 256;
/// A name without control characters.
const PRINTABLE: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";

type Body = Result<Bytes, BytesRejection>;

/// What is to be loaded.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct LoadRequest {
    model: String,
    /// Whether it stays in memory from now on, or no longer; as it was if left out.
    pinned: Option<bool>,
    /// Read its files again, also if it is in memory.
    #[serde(default)]
    reload: bool,
}

impl ApiRequest for LoadRequest {
    const KNOWN: &'static [&'static str] = &["model", "pinned", "reload"];
    const REFUSED: &'static [Refused] = &[];
}

/// What is to be unloaded.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UnloadRequest {
    model: String,
}

impl ApiRequest for UnloadRequest {
    const KNOWN: &'static [&'static str] = &["model"];
    const REFUSED: &'static [Refused] = &[];
}

/// What an alias is to mean.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SwapRequest {
    #[schemars(length(min = 1, max = MAX_NAME), regex(pattern = PRINTABLE))]
    alias: String,
    model: String,
    /// Take the model out of memory that the alias meant before.
    #[serde(default)]
    unload: bool,
}

impl ApiRequest for SwapRequest {
    const KNOWN: &'static [&'static str] = &["alias", "model", "unload"];
    const REFUSED: &'static [Refused] = &[];
}

/// vLLM's request for an adapter.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct LoadAdapterRequest {
    #[schemars(length(min = 1, max = MAX_NAME), regex(pattern = PRINTABLE))]
    lora_name: String,
    lora_path: String,
    base_model_name: Option<String>,
    #[serde(default)]
    load_inplace: bool,
}

impl ApiRequest for LoadAdapterRequest {
    const KNOWN: &'static [&'static str] =
        &["lora_name", "lora_path", "base_model_name", "load_inplace"];
    const REFUSED: &'static [Refused] =
        &[Refused { field: "is_3d_lora_weight", is_neutral: is_empty, hint: "" }];
}

/// vLLM's request to forget one.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct UnloadAdapterRequest {
    lora_name: String,
}

impl ApiRequest for UnloadAdapterRequest {
    const KNOWN: &'static [&'static str] = &["lora_name"];
    const REFUSED: &'static [Refused] = &[];
}

/// Every model with its state, and the memory.
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let registry = app.registry().clone();
    let data: Vec<Value> =
        brief(move || Ok(registry.list_now().iter().map(described).collect())).await?;
    let memory = json!({
        "used_bytes": app.registry().used_bytes(),
        "budget_bytes": app.registry().budget(),
    });
    let settings = app.settings();
    let aliases = &settings.aliases;
    Ok(Json(json!({"object": "list", "data": data, "memory": memory, "aliases": aliases})))
}

/// Waits for the disk; not for async threads.
fn described(listed: &Listed) -> Value {
    let engine = listed.model.as_ref().and_then(|model| model.engine());
    json!({
        "id": listed.name,
        "object": "model",
        "base": listed.base,
        "state": listed.state.name(),
        "pinned": listed.is_pinned,
        "bytes": listed.bytes(),
        "running": engine.map_or(0, |engine| engine.stats().running),
    })
}

/// Loads a model, or loads it anew.
pub(crate) async fn load(State(app): State<App>, body: Body) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<LoadRequest>(body, app.limits().max_body_bytes)?;
    let (registry, patience) = (app.registry(), app.limits().max_wait);
    let model = app.meant(&request.model);
    if request.reload {
        registry.reload(&model, patience).await?;
    } else {
        registry.get(&model, patience).await?;
    }
    if let Some(pinned) = request.pinned {
        registry.pin(&model, pinned).await?;
    }
    Ok(ignored.tell(state(&app, &model).await?.into_response()))
}

/// Takes a model out of memory.
pub(crate) async fn unload(State(app): State<App>, body: Body) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<UnloadRequest>(body, app.limits().max_body_bytes)?;
    let model = app.meant(&request.model);
    app.registry().unload(&model, app.limits().max_wait).await?;
    Ok(ignored.tell(state(&app, &model).await?.into_response()))
}

/// Has an alias mean another model, once that is in memory.
pub(crate) async fn swap(State(app): State<App>, body: Body) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<SwapRequest>(body, app.limits().max_body_bytes)?;
    check_name("alias", &request.alias)?;
    let before = app.swap(&request.alias, &request.model).await?;
    if let Some(before) = before.as_ref().filter(|_| request.unload) {
        app.registry().unload(before, app.limits().max_wait).await?;
    }
    let body = json!({"alias": request.alias, "model": request.model, "before": before});
    Ok(ignored.tell(Json(body).into_response()))
}

/// Refuses what is no name for a model: it is listed, logged and kept.
fn check_name(field: &'static str, name: &str) -> Result<(), ApiError> {
    let reason = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.chars().nth(MAX_NAME).is_some() {
        format!("it has more than {MAX_NAME} characters")
    } else if name.chars().any(char::is_control) {
        "it has a control character".to_owned()
    } else {
        return Ok(());
    };
    Err(ApiError::InvalidField { field, reason })
}

async fn state(app: &App, name: &str) -> Result<Json<Value>, ApiError> {
    let listed = app.registry().listed(name).await?;
    brief(move || Ok(Json(described(&listed)))).await
}

/// `POST /v1/load_lora_adapter`.
pub(crate) async fn load_lora_adapter(
    State(app): State<App>,
    body: Body,
) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<LoadAdapterRequest>(body, app.limits().max_body_bytes)?;
    let name = request.lora_name;
    check_name("lora_name", &name)?;
    note(|usage| usage.model = Some(name.clone()));
    let (registry, patience) = (app.registry(), app.limits().max_wait);
    let folder = registry.adapter_folder(&request.lora_path)?;
    let base = match request.base_model_name {
        Some(base) => app.meant(&base),
        None => app.first_language_model().await?,
    };
    if request.load_inplace && registry.knows(&name) {
        registry.remove_adapter(&name, patience).await?;
    }
    registry.declare_adapter(&name, base, folder)?;
    if let Err(error) = registry.get(&name, patience).await {
        // Nothing of it is in memory, so this waits for nobody's turn.
        registry.remove(&name);
        return Err(error);
    }
    let said = format!("Success: LoRA adapter '{name}' added successfully.");
    Ok(ignored.tell(said.into_response()))
}

/// `POST /v1/unload_lora_adapter`.
pub(crate) async fn unload_lora_adapter(
    State(app): State<App>,
    body: Body,
) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<UnloadAdapterRequest>(body, app.limits().max_body_bytes)?;
    note(|usage| usage.model = Some(request.lora_name.clone()));
    app.registry().remove_adapter(&request.lora_name, app.limits().max_wait).await?;
    let said = format!("Success: LoRA adapter '{}' removed successfully.", request.lora_name);
    Ok(ignored.tell(said.into_response()))
}
