//! Responses that are remembered.

use catena_protocol::ChatMessage;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Most responses remembered.
const MAX_RESPONSES: usize = 1024;
/// Most bytes of their JSON.
const MAX_BYTES: usize = 64 << 20;

/// Responses by identity, bounded; the oldest are forgotten first.
#[derive(Clone, Default)]
pub(crate) struct ResponseStore(Arc<Mutex<VecDeque<Stored>>>);

/// One of them.
struct Stored {
    id: String,
    /// The object as clients see it.
    object: Value,
    /// The items that were sent with it.
    input: Vec<Value>,
    /// The conversation with the answer, without instructions.
    conversation: Vec<ChatMessage>,
    /// Bytes of all that.
    bytes: usize,
    /// Cancels it while it runs in the background.
    cancel: Option<oneshot::Sender<()>>,
}

impl ResponseStore {
    /// Remembers a response; `cancel` stops it while it runs.
    pub(crate) fn put(
        &self,
        object: Value,
        input: Vec<Value>,
        conversation: Vec<ChatMessage>,
        cancel: Option<oneshot::Sender<()>>,
    ) {
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        let bytes = object.to_string().len()
            + json!(input).to_string().len()
            + json!(conversation).to_string().len();
        let mut all = self.lock();
        all.retain(|stored| stored.id != id);
        all.push_back(Stored { id, object, input, conversation, bytes, cancel });
        let total = |all: &VecDeque<Stored>| all.iter().map(|stored| stored.bytes).sum::<usize>();
        while all.len() > MAX_RESPONSES || (total(&all) > MAX_BYTES && all.len() > 1) {
            all.pop_front();
        }
    }

    /// The end of a response that ran in the background: nothing if it was deleted or cancelled.
    pub(crate) fn end(&self, object: Value, said: Option<ChatMessage>) {
        let mut all = self.lock();
        let id = object["id"].as_str().unwrap_or_default();
        let Some(stored) = all.iter_mut().find(|stored| stored.id == id) else { return };
        if stored.object["status"] == "cancelled" {
            return;
        }
        stored.bytes += object.to_string().len();
        stored.object = object;
        stored.conversation.extend(said);
        stored.cancel = None;
    }

    /// Sets the status of a response that is running.
    pub(crate) fn set_status(&self, id: &str, status: &str) {
        if let Some(stored) = self.lock().iter_mut().find(|stored| stored.id == id) {
            stored.object["status"] = json!(status);
        }
    }

    /// The object.
    pub(crate) fn object(&self, id: &str) -> Option<Value> {
        self.lock().iter().find(|stored| stored.id == id).map(|stored| stored.object.clone())
    }

    /// The items that were sent with it.
    pub(crate) fn input(&self, id: &str) -> Option<Vec<Value>> {
        self.lock().iter().find(|stored| stored.id == id).map(|stored| stored.input.clone())
    }

    /// The conversation up to its answer; an error says that there is none yet.
    pub(crate) fn conversation(&self, id: &str) -> Option<Result<Vec<ChatMessage>, String>> {
        let all = self.lock();
        let stored = all.iter().find(|stored| stored.id == id)?;
        let status = stored.object["status"].as_str().unwrap_or_default();
        Some(match status {
            "completed" | "incomplete" => Ok(stored.conversation.clone()),
            other => Err(other.to_owned()),
        })
    }

    /// Forgets it; says whether it was there. What runs is cancelled.
    pub(crate) fn remove(&self, id: &str) -> bool {
        let mut all = self.lock();
        let before = all.len();
        // Dropping the sender tells the task.
        all.retain(|stored| stored.id != id);
        all.len() < before
    }

    /// Cancels it if it runs; the object afterwards.
    pub(crate) fn cancel(&self, id: &str) -> Option<Value> {
        let mut all = self.lock();
        let stored = all.iter_mut().find(|stored| stored.id == id)?;
        if let Some(cancel) = stored.cancel.take() {
            // A task that ended meanwhile has nothing to cancel.
            let _ = cancel.send(());
            stored.object["status"] = json!("cancelled");
        }
        Some(stored.object.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
