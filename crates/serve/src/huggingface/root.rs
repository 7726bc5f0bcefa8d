//! `POST /`.

use crate::app::App;
use crate::body::object;
use crate::error::ApiError;
use crate::{tei, tgi};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::Response;
use serde_json::{Map, Value};

/// What a body asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Generate,
    Embed,
    Rerank,
    Predict,
    Similarity,
}

/// Hugging Face's clients send every task to a server's root; the body tells which one it is.
pub(crate) async fn root(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let fields = object(body, app.limits().max_body_bytes)?;
    let models = app.registry().loaded();
    let has_classifier = models.iter().any(|(_, model)| model.classifier().is_some());
    let has_embedder = models.iter().any(|(_, model)| model.embedder().is_some());
    match task(&fields, has_embedder, has_classifier) {
        Task::Generate => tgi::generate_fields(&app, fields, tgi::Form::List).await,
        Task::Embed => tei::embed_fields(&app, fields).await,
        Task::Rerank => tei::rerank_fields(&app, fields).await,
        Task::Predict => tei::predict_fields(&app, fields).await,
        Task::Similarity => tei::similarity_fields(&app, fields).await,
    }
}

/// Generation has a field `stream` in all clients, and embedding has no `parameters`.
fn task(fields: &Map<String, Value>, has_embedder: bool, has_classifier: bool) -> Task {
    let inputs = fields.get("inputs");
    if fields.contains_key("query") && fields.contains_key("texts") {
        Task::Rerank
    } else if inputs.is_some_and(Value::is_object) {
        Task::Similarity
    } else if fields.contains_key("stream") {
        Task::Generate
    } else if fields.contains_key("parameters") {
        let is_empty = fields["parameters"].as_object().is_some_and(Map::is_empty);
        if is_empty && has_classifier { Task::Predict } else { Task::Generate }
    } else if has_embedder {
        Task::Embed
    } else if has_classifier {
        Task::Predict
    } else {
        Task::Generate
    }
}
