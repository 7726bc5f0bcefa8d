//! `POST /v1/responses`.

use super::object::{ResponseObject, output_items, said};
use super::request::{ResponseRequest, echoed};
use super::routes::seen;
use super::store::Response as Stored;
use super::stream::Reply;
use crate::app::App;
use crate::blocking::brief;
use crate::body::{Parsed, parse};
use crate::context;
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
use tokio::sync::oneshot;

/// A response before it is answered.
pub(super) struct Begun {
    pub(super) object: ResponseObject,
    pub(super) turn: TurnRequest,
    /// The items that were sent, as they are listed.
    pub(super) input: Vec<Value>,
    /// The conversation without instructions.
    pub(super) conversation: Vec<ChatMessage>,
    pub(super) is_stored: bool,
}

/// Answers, now or in the background.
pub(crate) async fn create(
    State(app): State<App>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let Parsed { value: request, ignored } =
        parse::<ResponseRequest>(body, app.limits().max_body_bytes)?;
    if request.background && (request.stream || !request.is_stored()) {
        let reason =
            "it needs `store` and cannot be streamed; ask for the response later".to_owned();
        return Err(ApiError::InvalidField { field: "background", reason });
    }
    let begun = begin(&app, &request).await?;
    let response = if request.background {
        in_background(app, begun, started).await?.into_response()
    } else if request.stream {
        let turn = turn::start(&app, begun.turn.clone(), started).await?;
        stream::sse(turn, Reply::new(&app, begun))
    } else {
        let object = whole(&app, &begun, started).await?;
        Json(object).into_response()
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
    Ok(Begun { object, turn, input, conversation, is_stored: request.is_stored() })
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
    if !begun.is_stored {
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
async fn answered(
    app: &App,
    object: &ResponseObject,
    turn: &mut Turn,
) -> Result<(Value, ChatMessage), ApiError> {
    let answer = turn.whole_first().await?;
    let output = output_items(app, object, turn, &answer);
    let whole = object.ended(&output, answer.reason, turn.counts(), app.now());
    Ok((whole, said(&answer.thoughts, &answer.text, &answer.calls)))
}

/// Answers in a task of its own; gives the object of a response that waits.
async fn in_background(app: App, begun: Begun, started: Instant) -> Result<Json<Value>, ApiError> {
    let (cancel, cancelled) = oneshot::channel();
    let queued = begun.object.begun("queued");
    let (input, conversation) = (begun.input, begun.conversation);
    let response = Stored { object: queued.clone(), input, conversation };
    let store = app.responses().clone();
    brief(move || store.put(response, Some(cancel))).await?;
    let (object, request) = (begun.object, begun.turn);
    let running = app.background().begin();
    let work = async move {
        let _running = running;
        let answer = async {
            let mut turn = turn::start(&app, request, started).await?;
            app.responses().set_status(&object.id, "in_progress");
            answered(&app, &object, &mut turn).await
        };
        // Cancelled or deleted: the turn is dropped, which frees its place.
        let ended = tokio::select! {
            answer = answer => answer,
            _ = cancelled => return,
        };
        let (object, said) = match ended {
            Ok((whole, said)) => (whole, Some(said)),
            Err(error) => (object.failed(&error), None),
        };
        let store = app.responses().clone();
        // Where the disk fails, which the log tells, it is remembered as long as the server runs.
        let _ = brief(move || store.end(object, said)).await;
    };
    // Its tokens are counted as the request's.
    match context::current() {
        Some(request) => tokio::spawn(context::scope(request, work)),
        None => tokio::spawn(work),
    };
    Ok(Json(queued))
}

/// Whether an answer ended as far as it could.
pub(super) fn status(reason: EndReason) -> &'static str {
    if reason == EndReason::Length { "incomplete" } else { "completed" }
}
