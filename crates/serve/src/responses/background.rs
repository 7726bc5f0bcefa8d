//! Responses that nobody waits for.

use super::create::{Begun, answered};
use super::log::EventLog;
use super::store::{Response as Stored, ResponseStore, Run};
use super::stream::Reply;
use crate::app::App;
use crate::blocking::brief;
use crate::context;
use crate::error::ApiError;
use crate::stream::{self, Form, Out, Render};
use crate::turn::{self, Turn};
use axum::response::Response;
use futures_util::StreamExt;
use serde_json::{Value, json};
use std::future::Future;
use std::pin::pin;
use std::time::Instant;
use tokio::sync::oneshot;

/// Bytes of events after which it is looked whether all that is kept is too much.
const GROWTH: usize = 64 << 10;

/// Answers in a task of its own; gives the object of a response that waits.
///
/// # Errors
/// [`ApiError::Storage`]; nothing runs then.
pub(super) async fn whole(app: &App, begun: Begun, started: Instant) -> Result<Value, ApiError> {
    let (queued, cancelled) = remember(app, &begun, None).await?;
    let task = app.clone();
    let work = async move {
        let Begun { object, turn: request, .. } = begun;
        let answer = async {
            let mut turn = turn::start(&task, request, started).await?;
            task.responses().set_running(&object.id);
            answered(&task, &object, &mut turn).await
        };
        let (object, said) = match answer.await {
            Ok((whole, said)) => (whole, Some(said)),
            Err(error) => (object.failed(&error), None),
        };
        let store = task.responses().clone();
        // Where the disk fails, which the log tells, it is remembered as long as the server runs.
        let _ = brief(move || store.end(object, said)).await;
    };
    run(app, cancelled, work);
    Ok(queued)
}

/// Answers in a task of its own, and streams its events: the client may leave, and read on later.
///
/// # Errors
/// As [`whole`].
pub(super) async fn streamed(
    app: &App,
    begun: Begun,
    started: Instant,
) -> Result<Response, ApiError> {
    let log = EventLog::default();
    let (_, cancelled) = remember(app, &begun, Some(log.clone())).await?;
    let (store, id) = (app.responses().clone(), begun.object.id.clone());
    let mut writer = Writer { log: log.clone(), store, id, grown: 0 };
    let request = begun.turn.clone();
    let mut reply = Reply::new(app, begun);
    let mut out = Out::new(Form::Events);
    reply.queued(&mut out);
    writer.write(&out.into_bytes()).await;
    let task = app.clone();
    let work = async move {
        match turn::start(&task, request, started).await {
            Ok(turn) => {
                task.responses().set_running(&writer.id);
                let mut batches = pin!(stream::batches(Form::Events, turn, reply));
                while let Some(bytes) = batches.next().await {
                    writer.write(&bytes).await;
                }
            }
            Err(error) => {
                let mut out = Out::new(Form::Events);
                Render::<Turn>::failed(&mut reply, &error, &mut out);
                Render::<Turn>::last(&mut reply, &mut out).await;
                writer.write(&out.into_bytes()).await;
            }
        }
    };
    run(app, cancelled, work);
    context::note_stream();
    Ok(stream::events(log.read(0), stream::COMMENT))
}

/// Remembers a response that waits; gives its object, and what tells that it is cancelled.
async fn remember(
    app: &App,
    begun: &Begun,
    events: Option<EventLog>,
) -> Result<(Value, oneshot::Receiver<()>), ApiError> {
    let (cancel, cancelled) = oneshot::channel();
    let queued = begun.object.begun("queued");
    let (input, conversation) = (begun.input.clone(), begun.conversation.clone());
    let response = Stored { object: queued.clone(), input, conversation };
    let (store, run) = (app.responses().clone(), Run { cancel, events });
    brief(move || store.put(response, Some(run))).await?;
    Ok((queued, cancelled))
}

/// Runs `work` in a task of its own. Where the response is cancelled or deleted it is dropped, which frees
/// its place.
fn run(
    app: &App,
    cancelled: oneshot::Receiver<()>,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let running = app.background().begin();
    // Its tokens are counted as the request's.
    tokio::spawn(context::carried(async move {
        let _running = running;
        tokio::select! {
            () = work => {}
            // The sender goes without a word where the response ends by itself.
            Ok(()) = cancelled => {}
        }
    }));
}

/// Writes the events of a response, which end with it, however it ends.
struct Writer {
    log: EventLog,
    store: ResponseStore,
    id: String,
    /// Bytes since the last look.
    grown: usize,
}

impl Writer {
    async fn write(&mut self, events: &[u8]) {
        self.log.push(events);
        self.grown += events.len();
        if self.grown >= GROWTH {
            self.grown = 0;
            let store = self.store.clone();
            // The log has what failed.
            let _ = brief(move || store.make_room()).await;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // One that was deleted is told no more of.
        let cancelled =
            self.store.object(&self.id).filter(|object| object["status"] == "cancelled");
        if let Some(object) = cancelled {
            let kind = "response.cancelled";
            let number = self.log.count();
            let mut out = Out::new(Form::Events);
            out.named(kind, &json!({"type": kind, "sequence_number": number, "response": object}));
            self.log.push(&out.into_bytes());
        }
        self.log.end();
    }
}
