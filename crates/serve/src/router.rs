//! The routes.

use crate::app::App;
use crate::error::ApiError;
use crate::extract::Path;
use crate::models::{self, Listed, ServedModel, routes as admin};
use crate::openapi::{self, Endpoint, delete, get, post};
use crate::{
    anthropic, batches, chat, cohere, completions, context, embeddings, files, huggingface,
    metrics, ollama, responses, tei, tgi,
};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Well-known values of `gen_ai.operation.name`.
const CHAT: &str = "chat";
const COMPLETION: &str = "text_completion";
const EMBEDDINGS: &str = "embeddings";

/// The API's routes. Has no fallback: whoever merges it brings one.
pub fn router(app: App) -> Router {
    routes(app)
}

/// [`router`] for servers without pages. Its root says that there is somebody: Ollama's programs ask for
/// that, in these words, before all else.
pub fn alone(app: App) -> Router {
    let root = axum::routing::get(async || "Ollama is running");
    router(app).route("/", root).fallback(no_route)
}

/// The answer to a path at which nothing stands: the fallback of servers without pages.
pub async fn no_route(uri: Uri) -> ApiError {
    ApiError::NoRoute { path: uri.path().chars().take(200).collect() }
}

/// The routes with nothing before them that asks who is there: batches use them too.
pub(crate) fn routes(app: App) -> Router {
    let limit = DefaultBodyLimit::max(app.limits().max_body_bytes);
    table().into_router().layer(limit).with_state(app)
}

/// The paths of the API as they stand in its router.
pub fn paths() -> Vec<&'static str> {
    let mut paths: Vec<&str> = table().endpoints.iter().map(|(path, _)| *path).collect();
    paths.dedup();
    paths
}

/// The document about the routes, as `/openapi.json` gives it.
pub fn document() -> Value {
    let table = table();
    openapi::document(table.endpoints.iter().map(|(path, endpoint)| (*path, endpoint)))
}

/// Stands behind the route of a request that a batch makes.
pub(crate) const IN_BATCH: &str = " (batch)";

/// What OpenTelemetry's conventions call the work of a route, by method and path; none if it is no
/// model's.
pub(crate) fn gen_ai_operation(method: &Method, route: &str) -> Option<&'static str> {
    type Operations = BTreeMap<&'static str, (Method, &'static str)>;
    static OPERATIONS: OnceLock<Operations> = OnceLock::new();
    let operations = OPERATIONS.get_or_init(|| {
        let endpoints = table().endpoints.into_iter();
        let named = |(path, endpoint): (&'static str, Endpoint)| {
            Some((path, (endpoint.method, endpoint.gen_ai?)))
        };
        endpoints.filter_map(named).collect()
    });
    let (known, name) = operations.get(route.strip_suffix(IN_BATCH).unwrap_or(route))?;
    (known == method).then_some(*name)
}

/// The routes, each with what the document says of it.
#[derive(Default)]
pub(crate) struct Routes {
    endpoints: Vec<(&'static str, Endpoint)>,
}

impl Routes {
    pub(crate) fn route<const N: usize>(
        mut self,
        path: &'static str,
        endpoints: [Endpoint; N],
    ) -> Self {
        self.endpoints.extend(endpoints.map(|endpoint| (path, endpoint)));
        self
    }

    fn into_router(self) -> Router<App> {
        let add = |router: Router<App>, (path, endpoint): (&str, Endpoint)| {
            router.route(path, endpoint.into_router())
        };
        let router = self.endpoints.into_iter().fold(Router::new(), add);
        router.method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
    }
}

fn table() -> Routes {
    of_server(of_others(of_files(of_openai(Routes::default()))))
}

fn of_openai(routes: Routes) -> Routes {
    routes
        .route(
            "/v1/chat/completions",
            [post(chat::chat_completions, chat::operation()).traced_as(CHAT)],
        )
        .route(
            "/v1/completions",
            [post(completions::completions, completions::operation()).traced_as(COMPLETION)],
        )
        .route(
            "/v1/responses",
            [post(responses::create, responses::operations::create()).traced_as(CHAT)],
        )
        .route(
            "/v1/responses/input_tokens",
            [post(responses::input_tokens, responses::operations::input_tokens())],
        )
        .route(
            "/v1/responses/{id}",
            [
                get(responses::retrieve, responses::operations::retrieve()),
                delete(responses::delete, responses::operations::delete()),
            ],
        )
        .route(
            "/v1/responses/{id}/cancel",
            [post(responses::cancel, responses::operations::cancel())],
        )
        .route(
            "/v1/responses/{id}/input_items",
            [get(responses::input_items, responses::operations::input_items())],
        )
        .route(
            "/v1/embeddings",
            [post(embeddings::embeddings, embeddings::operation()).traced_as(EMBEDDINGS)],
        )
        .route("/v1/models", [get(list_models, operations::list_models())])
        .route("/v1/models/{*name}", [get(one_model, operations::one_model())])
}

fn of_files(routes: Routes) -> Routes {
    // A form is a little longer than its file.
    let upload_limit = files::MAX_FILE_BYTES + (64 << 10);
    routes
        .route(
            "/v1/files",
            [
                get(files::list, files::operations::list()),
                post(files::upload, files::operations::upload()).with_body_limit(upload_limit),
            ],
        )
        .route(
            "/v1/files/{id}",
            [
                get(files::retrieve, files::operations::retrieve()),
                delete(files::delete, files::operations::delete()),
            ],
        )
        .route("/v1/files/{id}/content", [get(files::content, files::operations::content())])
        .route(
            "/v1/batches",
            [
                get(batches::list, batches::operations::list_batches()),
                post(batches::create, batches::operations::create()),
            ],
        )
        .route("/v1/batches/{id}", [get(batches::retrieve, batches::operations::retrieve())])
        .route("/v1/batches/{id}/cancel", [post(batches::cancel, batches::operations::cancel())])
}

fn of_others(routes: Routes) -> Routes {
    routes
        .route("/", [post(huggingface::root, huggingface::operations::root())])
        .route("/info", [get(huggingface::info, huggingface::operations::info())])
        .route("/tokenize", [post(huggingface::tokenize, huggingface::operations::tokenize())])
        .route(
            "/generate",
            [post(tgi::generate, tgi::operations::generate()).traced_as(COMPLETION)],
        )
        .route(
            "/generate_stream",
            [post(tgi::generate_stream, tgi::operations::generate_stream()).traced_as(COMPLETION)],
        )
        .route("/embed", [post(tei::embed, tei::operations::embed()).traced_as(EMBEDDINGS)])
        .route("/rerank", [post(tei::rerank, tei::operations::rerank())])
        .route("/predict", [post(tei::predict, tei::operations::predict())])
        .route("/similarity", [post(tei::similarity, tei::operations::similarity())])
        .route(
            "/embed_all",
            [post(tei::embed_all, tei::operations::embed_all()).traced_as(EMBEDDINGS)],
        )
        .route("/embed_sparse", [post(tei::embed_sparse, tei::operations::embed_sparse())])
        .route("/decode", [post(huggingface::decode, huggingface::operations::decode())])
        .route("/api/chat", [post(ollama::chat, ollama::operations::chat()).traced_as(CHAT)])
        .route(
            "/api/generate",
            [post(ollama::generate, ollama::operations::generate()).traced_as(COMPLETION)],
        )
        .route(
            "/api/embed",
            [post(ollama::embed, ollama::operations::embed()).traced_as(EMBEDDINGS)],
        )
        .route(
            "/api/embeddings",
            [post(ollama::embeddings, ollama::operations::embeddings()).traced_as(EMBEDDINGS)],
        )
        .route("/api/tags", [get(ollama::tags, ollama::operations::tags())])
        .route("/api/ps", [get(ollama::ps, ollama::operations::ps())])
        .route("/api/show", [post(ollama::show, ollama::operations::show())])
        .route("/api/version", [get(ollama::version, ollama::operations::version())])
        .route(
            "/v1/messages",
            [post(anthropic::messages, anthropic::operations::messages()).traced_as(CHAT)],
        )
        .route(
            "/v1/messages/count_tokens",
            [post(anthropic::count_tokens, anthropic::operations::count_tokens())],
        )
        .route("/v2/chat", [post(cohere::chat, cohere::operations::chat()).traced_as(CHAT)])
        .route(
            "/v2/embed",
            [post(cohere::embed, cohere::operations::embed()).traced_as(EMBEDDINGS)],
        )
        .route("/v2/rerank", [post(cohere::rerank, cohere::operations::rerank())])
}

fn of_server(routes: Routes) -> Routes {
    routes
        .route("/admin/models", [get(admin::list, models::operations::list_models())])
        .route("/admin/models/load", [post(admin::load, models::operations::load())])
        .route("/admin/models/unload", [post(admin::unload, models::operations::unload())])
        .route("/admin/models/swap", [post(admin::swap, models::operations::swap())])
        .route(
            "/v1/load_lora_adapter",
            [post(admin::load_lora_adapter, models::operations::load_lora_adapter())],
        )
        .route(
            "/v1/unload_lora_adapter",
            [post(admin::unload_lora_adapter, models::operations::unload_lora_adapter())],
        )
        .route("/health", [get(ready, operations::ready())])
        .route("/readyz", [get(ready, operations::ready())])
        .route("/livez", [get(alive, operations::alive())])
        .route("/metrics", [get(scrape, operations::scrape())])
        .route("/openapi.json", [get(openapi::openapi, openapi::openapi_operation())])
        .route("/docs", [get(openapi::docs, openapi::docs_operation())])
        .route("/docs/{name}", [get(openapi::file, openapi::file_operation())])
}

/// What the document says of the handlers below.
mod operations {
    use crate::openapi::shapes::{count, list, nullable, object, text, word, words};
    use crate::openapi::{Operation, Tag};
    use axum::http::StatusCode;
    use serde_json::Value;

    pub(super) fn list_models() -> Operation {
        let all = || object([("object", word("list")), ("data", list(model()))]);
        Operation::new(Tag::OpenAi, "List the models that are served").gives("ModelList", all)
    }

    pub(super) fn one_model() -> Operation {
        let operation =
            Operation::new(Tag::OpenAi, "Tell about a model; its name may hold slashes");
        operation.gives("Model", model).with_model()
    }

    fn model() -> Value {
        object([
            ("id", text()),
            ("object", word("model")),
            ("created", count()),
            ("owned_by", text()),
            ("root", text()),
            ("parent", nullable(text())),
            ("max_model_len", nullable(count())),
        ])
    }

    pub(super) fn ready() -> Operation {
        health("Tell whether requests should be sent here")
    }

    pub(super) fn alive() -> Operation {
        health("Tell whether the process works")
    }

    fn health(summary: &'static str) -> Operation {
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        Operation::new(Tag::Server, summary).gives("Health", state).gives_with(
            unavailable,
            "Health",
            state,
        )
    }

    fn state() -> Value {
        let states = words(&["ok", "draining", "engine_stopped"]);
        object([("status", states), ("stopped", list(text()))])
    }

    pub(super) fn scrape() -> Operation {
        Operation::new(Tag::Server, "Tell the metrics, as Prometheus reads them")
            .gives_text("text/plain")
    }
}

async fn list_models(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let list = app.registry().list().await?;
    // A key sees the names that it is for.
    let shown = |listed: &Listed| -> Vec<Value> {
        let names = app.usable_names(&listed.name);
        names.iter().map(|name| describe(&app, name, listed)).collect()
    };
    let data: Vec<Value> = list.iter().flat_map(shown).collect();
    Ok(Json(json!({"object": "list", "data": data})))
}

async fn one_model(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    context::check_model(&name)?;
    let listed = app.registry().listed(&app.meant(&name)).await;
    let listed = listed.map_err(|error| app.as_asked(&name, error))?;
    Ok(Json(describe(&app, &name, &listed)))
}

/// A model by one of its names, as OpenAI lists it, with vLLM's members: `root` is its own name, if that
/// may be known, `parent` the model that an adapter is for, and `max_model_len` is known of what is in
/// memory.
fn describe(app: &App, name: &str, listed: &Listed) -> Value {
    let own = listed.name.as_str();
    json!({
        "id": name,
        "object": "model",
        "created": app.created(),
        "owned_by": "catena",
        "root": if context::may_use(own) { own } else { name },
        "parent": listed.base,
        "max_model_len": listed.model.as_ref().map(ServedModel::max_tokens),
    })
}

/// 200 while every engine runs or can be had again and no shutdown has begun, otherwise 503: whether a
/// load balancer should send requests.
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

/// 200 while every engine runs or can be had again, otherwise 503: whether the process should be
/// started again. One that drains is alive.
async fn alive(State(app): State<App>) -> Response {
    let stopped = stopped(&app);
    told(if stopped.is_empty() { "ok" } else { "engine_stopped" }, &stopped)
}

/// The engines that have stopped for good.
fn stopped(app: &App) -> Vec<String> {
    let engines = app.engines().into_iter();
    let stopped = engines.filter(|(_, engine)| !engine.stats().alive).map(|(name, _)| name);
    stopped.filter(|name| !app.registry().can_return(name)).collect()
}

fn told(status: &str, stopped: &[String]) -> Response {
    let code = if status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(json!({"status": status, "stopped": stopped}))).into_response()
}

async fn scrape(State(app): State<App>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (kind, metrics::render(&app)).into_response()
}

#[cfg(test)]
mod tests {
    use super::alone;
    use crate::app::{App, ServeLimits};
    use axum::body::{Body, to_bytes};
    use axum::http::{Method, Request, StatusCode};
    use tower::ServiceExt;

    /// Ollama's programs ask with HEAD, browsers with GET; Hugging Face's clients post there.
    #[tokio::test]
    async fn the_root_of_a_server_without_pages_says_that_there_is_somebody() {
        let app = App::new(Vec::new(), ServeLimits::default());
        for (method, path, status, said) in [
            (Method::GET, "/", StatusCode::OK, Some("Ollama is running")),
            (Method::HEAD, "/", StatusCode::OK, Some("")),
            (Method::POST, "/", StatusCode::BAD_REQUEST, None),
            (Method::DELETE, "/", StatusCode::METHOD_NOT_ALLOWED, None),
            (Method::GET, "/none", StatusCode::NOT_FOUND, None),
        ] {
            let request = Request::builder().method(&method).uri(path).body(Body::empty());
            let request = request.expect("a request");
            let Ok(answer) = alone(app.clone()).oneshot(request).await;
            assert_eq!(answer.status(), status, "{method} {path}");
            let body = to_bytes(answer.into_body(), 1 << 10).await.expect("a body");
            assert!(said.is_none_or(|said| body == said), "{method} {path}");
        }
    }
}
