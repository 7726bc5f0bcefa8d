//! What can be done with responses besides making them.

use super::create::begin;
use super::request::ResponseRequest;
use super::store::ResponseStore;
use crate::app::App;
use crate::blocking::brief;
use crate::body::{Parsed, parse};
use crate::context;
use crate::error::ApiError;
use crate::extract::{Path, Query};
use crate::ignored::Ignored;
use crate::paging::{Page, page};
use crate::{stream, turn};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

fn unknown(id: &str) -> ApiError {
    ApiError::NotFound { what: "response", id: id.chars().take(80).collect() }
}

/// The responses, if the request may see the one called `id`.
pub(super) fn seen<'a>(app: &'a App, id: &str) -> Result<&'a ResponseStore, ApiError> {
    if context::may_see(id) { Ok(app.responses()) } else { Err(unknown(id)) }
}

/// How a response is to be told.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Retrieval {
    /// As its events, of one that was begun with `background` and `stream`.
    #[serde(default)]
    stream: bool,
    /// The number of the last event that the client has; the events behind it are streamed.
    #[schemars(range(max = u32::MAX))]
    starting_after: Option<u32>,
}

/// `GET /v1/responses/{id}`.
pub(crate) async fn retrieve(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(asked): Query<Retrieval>,
) -> Result<Response, ApiError> {
    let store = seen(&app, &id)?;
    let object = store.object(&id).ok_or_else(|| unknown(&id))?;
    if !asked.stream {
        let mut ignored = Ignored::default();
        if asked.starting_after.is_some() {
            ignored.add_field("?starting_after");
        }
        return Ok(ignored.tell(Json(object).into_response()));
    }
    let Some(events) = store.events(&id) else {
        let reason = "the response was not begun with `background` and `stream`, or its events are \
                      no longer kept; ask for it without `stream`";
        return Err(ApiError::InvalidField { field: "stream", reason: reason.to_owned() });
    };
    let first = asked.starting_after.map_or(0, |last| last as usize + 1);
    Ok(stream::events(events.read(first), stream::COMMENT))
}

/// `DELETE /v1/responses/{id}`.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (store, gone) = (seen(&app, &id)?.clone(), id.clone());
    if !brief(move || store.remove(&gone)).await? {
        return Err(unknown(&id));
    }
    Ok(Json(json!({"id": id, "object": "response", "deleted": true})))
}

/// `POST /v1/responses/{id}/cancel`.
pub(crate) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let (store, named) = (seen(&app, &id)?.clone(), id.clone());
    let object = brief(move || store.cancel(&named)).await?.ok_or_else(|| unknown(&id))?;
    if object["background"] != true {
        let reason = "only a response in the background can be cancelled".to_owned();
        return Err(ApiError::InvalidField { field: "response_id", reason });
    }
    Ok(Json(object))
}

/// `GET /v1/responses/{id}/input_items`.
pub(crate) async fn input_items(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(asked): Query<Page>,
) -> Result<Json<Value>, ApiError> {
    let items = seen(&app, &id)?.input(&id).ok_or_else(|| unknown(&id))?;
    page(items, &asked).map(Json)
}

/// `POST /v1/responses/input_tokens`.
pub(crate) async fn input_tokens(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<ResponseRequest>(body, app.limits().max_body_bytes)?;
    let begun = begin(&app, &request).await?;
    let tokens = turn::count_tokens(&app, begun.turn).await?;
    let body = json!({"object": "response.input_tokens", "input_tokens": tokens});
    Ok(ignored.tell(Json(body).into_response()))
}
