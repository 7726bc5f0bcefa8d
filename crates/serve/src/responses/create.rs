//! `POST /v1/responses`.

use super::background;
use super::object::{ResponseObject, output_items, said};
use super::request::{ResponseRequest, echoed};
use super::routes::seen;
use super::store::Response as Stored;
use super::stream::Reply;
use crate::app::App;
use crate::blocking::brief;
use crate::body::{Parsed, parse};
use crate::error::ApiError;
use crate::turn::{EndReason, Turn, TurnRequest};
use crate::{stream, turn};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use catena_protocol::ChatMessage;
use serde_json::Value;
use std::time::Instant;

/// A response before it is answered.
pub(super) struct Begun {
    pub(super) object: ResponseObject,
    pub(super) turn: TurnRequest,
    /// The items that were sent, as they are listed.
    pub(super) input: Vec<Value>,
    /// The conversation without instructions.
    pub(super) conversation: Vec<ChatMessage>,
    pub(super) keeping: Keeping,
}

/// Whether a response is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeping {
    Not,
    /// Once it is whole.
    AtItsEnd,
    /// Already while it runs in the background.
    Running,
}

/// Answers, now or in the background.
pub(crate) async fn create(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<ResponseRequest>(body, app.limits().max_body_bytes)?;
    if request.background && !request.is_stored() {
        let reason = "it needs `store`: nobody could ask for the response".to_owned();
        return Err(ApiError::InvalidField { field: "background", reason });
    }
    let begun = begin(&app, &request).await?;
    let response = match (request.background, request.stream) {
        (true, true) => background::streamed(&app, begun, started).await?,
        (true, false) => Json(background::whole(&app, begun, started).await?).into_response(),
        (false, true) => {
            let turn = turn::start(&app, begun.turn.clone(), started).await?;
            stream::sse(turn, Reply::new(&app, begun))
        }
        (false, false) => Json(whole(&app, &begun, started).await?).into_response(),
    };
    Ok(ignored.tell(response))
}

/// Reads the request and the conversation that it goes on from.
pub(super) async fn begin(app: &App, request: &ResponseRequest) -> Result<Begun, ApiError> {
    let model = turn::language_model(app, &request.model).await?;
    let earlier = match &request.previous_response_id {
        None => Vec::new(),
        Some(id) => earlier(app, id)?,
    };
    let max_messages = app.limits().max_messages;
    let (turn, conversation) = request.turn(model.default_temperature, max_messages, &earlier)?;
    let echoed = echoed(request, &turn.params);
    let object = ResponseObject::new(app, &request.model, echoed, request.with_logprobs());
    let input = request.input.listed(|prefix| super::object::item_id(app, prefix));
    let keeping = match (request.is_stored(), request.background) {
        (false, _) => Keeping::Not,
        (true, false) => Keeping::AtItsEnd,
        (true, true) => Keeping::Running,
    };
    Ok(Begun { object, turn, input, conversation, keeping })
}

fn earlier(app: &App, id: &str) -> Result<Vec<ChatMessage>, ApiError> {
    let field = "previous_response_id";
    match seen(app, id)?.conversation(id) {
        None => Err(ApiError::NotFound { what: "response", id: id.chars().take(80).collect() }),
        Some(Err(status)) => {
            let reason = format!("that response is {status}; it has no answer to go on from");
            Err(ApiError::InvalidField { field, reason })
        }
        Some(Ok(conversation)) => Ok(conversation),
    }
}

/// Waits for the answer and remembers it.
async fn whole(app: &App, begun: &Begun, started: Instant) -> Result<Value, ApiError> {
    let mut turn = turn::start(app, begun.turn.clone(), started).await?;
    let (object, said) = answered(app, &begun.object, &mut turn).await?;
    if begun.keeping == Keeping::Not {
        return Ok(object);
    }
    let conversation = begun.conversation.iter().cloned().chain([said]).collect();
    Ok(keep(app, object, begun.input.clone(), conversation).await)
}

/// Remembers an answer; gives its object. Where the disk fails it says that it is not stored.
pub(super) async fn keep(
    app: &App,
    mut object: Value,
    input: Vec<Value>,
    conversation: Vec<ChatMessage>,
) -> Value {
    let store = app.responses().clone();
    let response = Stored { object: object.clone(), input, conversation };
    // The log has what failed.
    if brief(move || store.put(response, None)).await.is_err() {
        object["store"] = Value::Bool(false);
    }
    object
}

/// The object of the whole answer, and the answer as a turn.
pub(super) async fn answered(
    app: &App,
    object: &ResponseObject,
    turn: &mut Turn,
) -> Result<(Value, ChatMessage), ApiError> {
    let answer = turn.whole_first().await?;
    let output = output_items(app, object, turn, &answer);
    let whole = object.ended(&output, answer.reason, turn.counts(), app.now());
    Ok((whole, said(&answer.thoughts, &answer.text, &answer.calls)))
}

/// Whether an answer ended as far as it could.
pub(super) fn status(reason: EndReason) -> &'static str {
    if reason == EndReason::Length { "incomplete" } else { "completed" }
}
