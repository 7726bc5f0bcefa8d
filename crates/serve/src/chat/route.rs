//! Answers one request: prepares, generates, replies.

use super::request::ChatRequest;
use super::response::Reply;
use crate::app::{App, LanguageModel, ServedModel};
use crate::body::{Parsed, parse};
use crate::error::ApiError;
use crate::generation::Generation;
use crate::sampling::max_new_tokens;
use crate::sse::{self, Framing};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_engine::{Event, Request};
use catena_protocol::{Message, Passage};
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
    let served = app.model(&request.model)?.clone();
    let messages = request.messages(app.limits().max_messages)?;
    let model = language_model(&served, &request.model)?.clone();
    let engine = model.engine.clone();
    let stream = request.stream;
    let name = request.model.clone();
    let (engine_request, reply) = {
        let app_for_reply = app.clone();
        let prepare = move || prepare(&app_for_reply, &served, &model, &request, &messages);
        app.workers().run(prepare).await?
    };
    let mut generation =
        Generation::start(app, &name, &engine, vec![engine_request], started).await?;
    if stream {
        return Ok(sse::respond(Framing::DataAndDone, generation, reply));
    }
    let mut reply = reply;
    while let Some(event) = generation.next().await {
        match event? {
            (_, Event::Token(token)) => reply.add_token(&token),
            (_, Event::Finished(completion)) => {
                return Ok(Json(reply.whole(completion)).into_response());
            }
            (_, Event::Failed(reason)) => return Err(ApiError::Internal { reason }),
        }
    }
    Err(ApiError::Internal { reason: "the engine gave no end".to_owned() })
}

fn language_model<'a>(served: &'a ServedModel, name: &str) -> Result<&'a LanguageModel, ApiError> {
    match served {
        ServedModel::Language(model) => Ok(model),
        ServedModel::Assistant(assistant) => Ok(&assistant.model),
        ServedModel::Embedder(_) | ServedModel::Classifier(_) => Err(ApiError::WrongModel {
            model: name.to_owned(),
            needs: "a model that answers conversations",
        }),
    }
}

/// Retrieves, words the prompt and encodes it. Computes.
fn prepare(
    app: &App,
    served: &ServedModel,
    model: &LanguageModel,
    request: &ChatRequest,
    messages: &[Message],
) -> Result<(Request, Reply), ApiError> {
    let mut passages: Option<Vec<Passage>> = None;
    let prompt_tokens = match served {
        ServedModel::Assistant(assistant) => {
            let (grounded, found) = assistant.ground(messages)?;
            passages = Some(found);
            model.codec.encode_chat(&grounded)?
        }
        ServedModel::Language(_) | ServedModel::Embedder(_) | ServedModel::Classifier(_) => {
            model.codec.encode_chat(messages)?
        }
    };
    let mut params = request.sampling.params(model.default_temperature)?;
    params.max_new_tokens = max_new_tokens(
        request.max_tokens()?,
        model.default_max_tokens,
        prompt_tokens.len(),
        model.engine.intake().context_tokens(),
    )?;
    params.logprobs = request.logprobs()?;
    let reply = Reply::new(app, request, model.engine.clone(), passages, params.logprobs.is_some());
    let constraint = request.sampling.constraint()?;
    Ok((Request { constraint, ..Request::new(prompt_tokens, params) }, reply))
}
