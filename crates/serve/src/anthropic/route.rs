//! `POST /v1/messages` and `POST /v1/messages/count_tokens`.

use super::events::Events;
use super::request::MessagesRequest;
use super::response::{blocks, end, message, usage};
use crate::app::App;
use crate::body::{Parsed, parse};
use crate::context;
use crate::error::ApiError;
use crate::stream;
use crate::turn;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::time::Instant;

/// Answers a conversation.
pub(crate) async fn messages(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<MessagesRequest>(body, app.limits().max_body_bytes)?;
    request.check_limit()?;
    let (stream, name) = (request.stream, request.model.clone());
    let temperature = turn::language_model(&app, &name).await?.default_temperature;
    let request = request.turn(temperature, app.limits().max_messages)?;
    let mut turn = turn::start(&app, request, started).await?;
    let id = context::answered_as(app.answer_id("msg").replace('-', "_"));
    if stream {
        return Ok(ignored.tell(stream::sse(turn, Events::new(id, name))));
    }
    let answer = turn.whole_first().await?;
    let ended = end(answer.reason, answer.stop.as_deref());
    let body = message(&id, &name, &blocks(answer), &ended, &usage(&turn.counts()));
    Ok(ignored.tell(Json(body).into_response()))
}

/// The tokens of a conversation with its tools; nothing is generated.
pub(crate) async fn count_tokens(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let Parsed { value: request, ignored } =
        parse::<MessagesRequest>(body, app.limits().max_body_bytes)?;
    let request = request.turn(0.0, app.limits().max_messages)?;
    let input_tokens = turn::count_tokens(&app, request).await?;
    Ok(ignored.tell(Json(json!({"input_tokens": input_tokens})).into_response()))
}
