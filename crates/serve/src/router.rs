//! The routes.

use crate::app::App;
use crate::chat::chat_completions;
use crate::completions::completions;
use crate::embeddings::embeddings;
use crate::error::ApiError;
use crate::models::{Listed, ServedModel, routes as admin};
use crate::{anthropic, batches, cohere, files, huggingface, metrics, ollama, responses, tei, tgi};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// The API's routes. Has no fallback: whoever merges it brings one.
pub fn router(app: App) -> Router {
    routes(app)
}

/// The routes with nothing before them that asks who is there: batches use them too.
pub(crate) fn routes(app: App) -> Router {
    let limit = DefaultBodyLimit::max(app.limits().max_body_bytes);
    table().router.layer(limit).with_state(app)
}

/// The paths of the API as they stand in its router.
pub fn paths() -> Vec<&'static str> {
    table().paths
}

/// A router that knows its paths.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<App>,
    paths: Vec<&'static str>,
}

impl Routes {
    pub(crate) fn route(mut self, path: &'static str, methods: MethodRouter<App>) -> Self {
        self.router = self.router.route(path, methods);
        self.paths.push(path);
        self
    }
}

fn table() -> Routes {
    // A form is a little longer than its file.
    let upload_limit = DefaultBodyLimit::max(files::MAX_FILE_BYTES + (64 << 10));
    Routes::default()
        .route("/v1/chat/completions", post(chat_completions))
        .route("/v1/completions", post(completions))
        .route("/v1/responses", post(responses::create))
        .route("/v1/responses/input_tokens", post(responses::input_tokens))
        .route("/v1/responses/{id}", get(responses::retrieve).delete(responses::delete))
        .route("/v1/responses/{id}/cancel", post(responses::cancel))
        .route("/v1/responses/{id}/input_items", get(responses::input_items))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/files", get(files::list).post(files::upload).layer(upload_limit))
        .route("/v1/files/{id}", get(files::retrieve).delete(files::delete))
        .route("/v1/files/{id}/content", get(files::content))
        .route("/v1/batches", get(batches::list).post(batches::create))
        .route("/v1/batches/{id}", get(batches::retrieve))
        .route("/v1/batches/{id}/cancel", post(batches::cancel))
        .route("/v1/models", get(list_models))
        .route("/v1/models/{*name}", get(one_model))
        .route("/", post(huggingface::root))
        .route("/info", get(huggingface::info))
        .route("/tokenize", post(huggingface::tokenize))
        .route("/generate", post(tgi::generate))
        .route("/generate_stream", post(tgi::generate_stream))
        .route("/embed", post(tei::embed))
        .route("/embed_all", post(tei::embed_all))
        .route("/embed_sparse", post(tei::embed_sparse))
        .route("/decode", post(huggingface::decode))
        .route("/rerank", post(tei::rerank))
        .route("/predict", post(tei::predict))
        .route("/similarity", post(tei::similarity))
        .route("/api/chat", post(ollama::chat))
        .route("/api/generate", post(ollama::generate))
        .route("/api/embed", post(ollama::embed))
        .route("/api/embeddings", post(ollama::embeddings))
        .route("/api/tags", get(ollama::tags))
        .route("/api/ps", get(ollama::ps))
        .route("/api/show", post(ollama::show))
        .route("/api/version", get(ollama::version))
        .route("/v1/messages", post(anthropic::messages))
        .route("/v1/messages/count_tokens", post(anthropic::count_tokens))
        .route("/v2/chat", post(cohere::chat))
        .route("/v2/embed", post(cohere::embed))
        .route("/v2/rerank", post(cohere::rerank))
        .route("/admin/models", get(admin::list))
        .route("/admin/models/load", post(admin::load))
        .route("/admin/models/unload", post(admin::unload))
        .route("/admin/models/swap", post(admin::swap))
        .route("/v1/load_lora_adapter", post(admin::load_lora_adapter))
        .route("/v1/unload_lora_adapter", post(admin::unload_lora_adapter))
        .route("/health", get(ready))
        .route("/readyz", get(ready))
        .route("/livez", get(alive))
        .route("/metrics", get(scrape))
}

async fn list_models(State(app): State<App>) -> Json<Value> {
    let data: Vec<Value> = app.registry().list().iter().map(|one| describe(&app, one)).collect();
    Json(json!({"object": "list", "data": data}))
}

async fn one_model(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let settings = app.settings();
    let meant = settings.aliases.get(&name).unwrap_or(&name);
    let list = app.registry().list();
    let listed = list.iter().find(|listed| listed.name == *meant);
    let listed = listed.ok_or_else(|| app.registry().unknown(&name))?;
    let mut described = describe(&app, listed);
    described["id"] = json!(name);
    Ok(Json(described))
}

/// A model as OpenAI lists it, with vLLM's members: `parent` is the model that an adapter is for, and
/// `max_model_len` is known of what is in memory.
fn describe(app: &App, listed: &Listed) -> Value {
    json!({
        "id": listed.name,
        "object": "model",
        "created": app.created(),
        "owned_by": "catena",
        "parent": listed.base,
        "max_model_len": listed.model.as_ref().map(ServedModel::max_tokens),
    })
}

/// 200 while every engine runs and no shutdown has begun, otherwise 503: whether a load balancer
/// should send requests.
async fn ready(State(app): State<App>) -> Response {
    let stopped = stopped(&app);
    let status = if app.is_draining() {
        "draining"
    } else if stopped.is_empty() {
        "ok"
    } else {
        "engine_stopped"
    };
    told(status, &stopped)
}

/// 200 while every engine runs, otherwise 503: whether the process should be started again. One that
/// drains is alive.
async fn alive(State(app): State<App>) -> Response {
    let stopped = stopped(&app);
    told(if stopped.is_empty() { "ok" } else { "engine_stopped" }, &stopped)
}

fn stopped(app: &App) -> Vec<String> {
    let engines = app.engines().into_iter();
    engines.filter(|(_, engine)| !engine.stats().alive).map(|(name, _)| name).collect()
}

fn told(status: &str, stopped: &[String]) -> Response {
    let code = if status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({"status": status, "stopped": stopped}))).into_response()
}

async fn scrape(State(app): State<App>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics::render(&app)).into_response()
}
