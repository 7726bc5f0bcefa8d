//! Answers one request: prepares, generates, replies.

use super::request::read_request;
use super::response::Reply;
use crate::app::App;
use crate::body::object;
use crate::error::ApiError;
use crate::generation::Generation;
use crate::models::ServedModel;
use crate::stream;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::Event;
use serde_json::{Map, Value};
use std::time::Instant;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An object, or a stream if the request asks for one.
    Object,
    /// The same in a list, as the root answers.
    List,
    /// A stream.
    Stream,
}

/// Continues a text.
pub(crate) async fn generate(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    generate_fields(&app, object(body, app.limits().max_body_bytes)?, Form::Object).await
}

/// The same, token by token.
pub(crate) async fn generate_stream(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    generate_fields(&app, object(body, app.limits().max_body_bytes)?, Form::Stream).await
}

/// Continues the text of a body's fields.
pub(crate) async fn generate_fields(
    app: &App,
    fields: Map<String, Value>,
    form: Form,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let mut read = read_request(fields)?;
    let ignored = std::mem::take(&mut read.ignored);
    let needs = "a bare language model";
    let named = read.parameters.adapter_id.as_deref().or(read.request.model.as_deref());
    let (name, model) = app.model_for(named, needs, ServedModel::language).await?;
    let asked = model.clone();
    let stream = form == Form::Stream || read.request.stream;
    let hint = " in a stream";
    if stream && read.parameters.decoder_input_details {
        return Err(ApiError::Unsupported { field: "decoder_input_details", hint });
    }
    if stream && read.parameters.best_of.is_some_and(|n| n > 1) {
        return Err(ApiError::Unsupported { field: "best_of", hint });
    }
    let with_tokens = stream || read.parameters.details;
    let prepare = move || {
        let prepared = read.prepare(&asked, with_tokens)?;
        // Before there is room made for the answers.
        prepared.request.params.validate()?;
        let reply = Reply::new(asked.engine.clone(), &read.parameters, &prepared);
        Ok((prepared.request, reply))
    };
    let (request, mut reply) = app.workers().run(prepare).await?;
    let mut generation = Generation::start(app, &name, &model, vec![request], started).await?;
    if stream {
        return Ok(ignored.tell(stream::sse(generation, reply)));
    }
    let mut completions = Vec::new();
    while let Some(event) = generation.next().await {
        match event? {
            (_, Event::Token(token)) => reply.add_token(&token),
            (_, Event::Finished(completion)) => completions.push(completion),
            (_, Event::Failed(reason)) => return Err(ApiError::Internal { reason }),
        }
    }
    let body = reply.whole(completions);
    let body = if form == Form::List { Value::Array(vec![body]) } else { body };
    Ok(ignored.tell(Json(body).into_response()))
}
