//! Answers one request.

use super::request::ChatRequest;
use super::response::Reply;
use crate::app::App;
use crate::body::{Parsed, parse};
use crate::error::ApiError;
use crate::{stream, turn};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use std::time::Instant;

/// Answers a conversation.
pub(crate) async fn chat_completions(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<ChatRequest>(body, app.limits().max_body_bytes)?;
    let response = answer(&app, request, started).await?;
    Ok(ignored.tell(response))
}

async fn answer(app: &App, request: ChatRequest, started: Instant) -> Result<Response, ApiError> {
    let stream = request.stream;
    let mut reply = Reply::new(app, &request);
    let model = turn::language_model(app, &request.model).await?;
    let request = request.turn(model.default_temperature, app.limits().max_messages)?;
    let mut turn = turn::start(app, request, started).await?;
    if stream {
        return Ok(stream::sse(turn, reply));
    }
    let answers = turn.whole().await?;
    Ok(Json(reply.whole(&turn, answers)).into_response())
}
