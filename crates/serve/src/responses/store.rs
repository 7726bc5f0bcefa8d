//! Responses that are remembered.

use super::log::EventLog;
use super::shelf::Shelf;
use crate::error::ApiError;
use crate::files::is_id;
use camino::Utf8Path;
use catena_protocol::ChatMessage;
use catena_store::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::oneshot;

/// Most responses remembered.
const MAX_RESPONSES: usize = 1024;
/// Most bytes of their JSON and of their events.
pub(super) const MAX_BYTES: usize = 64 << 20;

/// Responses by identity, bounded; the oldest are forgotten first. With a folder they are there again
/// after a restart.
#[derive(Clone, Default)]
pub(crate) struct ResponseStore(Arc<Inner>);

#[derive(Default)]
struct Inner {
    all: Mutex<VecDeque<Stored>>,
    /// Where they are kept. Locked before `all` by whoever changes both, so that the disk never has an
    /// older state than the memory.
    shelf: Mutex<()>,
    folder: OnceLock<Shelf>,
}

/// One of them.
struct Stored {
    response: Response,
    /// Bytes of its JSON.
    bytes: usize,
    /// Cancels it while it runs in the background.
    cancel: Option<Cancel>,
    /// What was streamed of it in the background, as long as there is room.
    events: Option<EventLog>,
}

impl Stored {
    fn new(response: Response, bytes: usize) -> Self {
        Self { response, bytes, cancel: None, events: None }
    }

    fn bytes(&self) -> usize {
        self.bytes + self.events.as_ref().map_or(0, EventLog::bytes)
    }
}

/// Cancels what runs in the background when it is dropped.
struct Cancel(Option<oneshot::Sender<()>>);

impl Cancel {
    /// Lets it come to its end.
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(());
        }
    }
}

/// A response that runs in the background.
pub(crate) struct Run {
    /// Cancels it.
    pub(super) cancel: oneshot::Sender<()>,
    /// Its events, if they are streamed.
    pub(super) events: Option<EventLog>,
}

/// What is kept of a response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Response {
    /// The object as clients see it.
    pub(crate) object: Value,
    /// The items that were sent with it.
    pub(crate) input: Vec<Value>,
    /// The conversation with the answer, without instructions.
    pub(crate) conversation: Vec<ChatMessage>,
}

impl Response {
    /// Its identity.
    pub(super) fn id(&self) -> &str {
        self.object["id"].as_str().unwrap_or_default()
    }

    fn status(&self) -> &str {
        self.object["status"].as_str().unwrap_or_default()
    }
}

impl ResponseStore {
    /// Keeps responses in `folder` from now on, and remembers those that are there. What ran in the
    /// background when the server ended has failed.
    ///
    /// # Errors
    /// If the folder cannot be made, read or written.
    ///
    /// # Panics
    /// If it has a folder already: a caller's bug.
    pub(crate) fn keep_in(&self, folder: &Utf8Path) -> Result<(), StoreError> {
        let (shelf, mut kept) = Shelf::open(folder)?;
        let _guard = self.shelf();
        for (response, bytes) in &mut kept {
            if matches!(response.status(), "queued" | "in_progress") {
                response.object["status"] = json!("failed");
                response.object["error"] = json!({"code": "server_error",
                    "message": "the server ended before the response did"});
                *bytes = shelf.write(response)?;
            }
        }
        let mut all = self.all();
        all.extend(kept.into_iter().map(|(response, bytes)| Stored::new(response, bytes)));
        let forgotten = shorten(&mut all);
        drop(all);
        shelf.remove(&forgotten)?;
        assert!(self.0.folder.set(shelf).is_ok(), "responses are kept in one folder");
        Ok(())
    }

    /// Remembers a response, on disk too when this returns; `run` is how it runs in the background. Waits
    /// for the disk: not for async threads.
    ///
    /// # Errors
    /// [`ApiError::Storage`]; it is not remembered then.
    pub(crate) fn put(&self, response: Response, run: Option<Run>) -> Result<(), ApiError> {
        let _guard = self.shelf();
        let bytes = self.write(&response)?;
        let mut all = self.all();
        all.retain(|stored| stored.response.id() != response.id());
        let mut stored = Stored::new(response, bytes);
        if let Some(Run { cancel, events }) = run {
            (stored.cancel, stored.events) = (Some(Cancel(Some(cancel))), events);
        }
        all.push_back(stored);
        let forgotten = shorten(&mut all);
        drop(all);
        self.remove_files(&forgotten)
    }

    /// Forgets what there is no room for, after events were added. Waits for the disk.
    ///
    /// # Errors
    /// [`ApiError::Storage`].
    pub(crate) fn make_room(&self) -> Result<(), ApiError> {
        let _guard = self.shelf();
        let forgotten = shorten(&mut self.all());
        self.remove_files(&forgotten)
    }

    /// The end of a response that ran in the background; whether it is one, and not of one that was
    /// deleted or cancelled. Waits for the disk.
    ///
    /// # Errors
    /// [`ApiError::Storage`]; the end is remembered, but not on disk.
    pub(crate) fn end(&self, object: Value, said: Option<ChatMessage>) -> Result<bool, ApiError> {
        let _guard = self.shelf();
        let id = object["id"].as_str().unwrap_or_default().to_owned();
        let Some(ended) = self.change(&id, |stored| {
            let is_over = stored.response.status() == "cancelled";
            if !is_over {
                stored.response.object = object;
                stored.response.conversation.extend(said);
                // Its last events are still to be written.
                if let Some(cancel) = stored.cancel.take() {
                    cancel.disarm();
                }
            }
            (!is_over).then(|| stored.response.clone())
        }) else {
            return Ok(false);
        };
        let bytes = self.write(&ended)?;
        self.change(&id, |stored| {
            stored.bytes = bytes;
            Some(())
        });
        Ok(true)
    }

    /// A response that waited runs from now on; one that was cancelled meanwhile stays so.
    pub(crate) fn set_running(&self, id: &str) {
        self.change(id, |stored| {
            let status = &mut stored.response.object["status"];
            if *status == "queued" {
                *status = json!("in_progress");
            }
            Some(())
        });
    }

    /// The object.
    pub(crate) fn object(&self, id: &str) -> Option<Value> {
        self.change(id, |stored| Some(stored.response.object.clone()))
    }

    /// What was streamed of it in the background, as far as that is kept.
    pub(crate) fn events(&self, id: &str) -> Option<EventLog> {
        self.change(id, |stored| stored.events.clone())
    }

    /// The items that were sent with it.
    pub(crate) fn input(&self, id: &str) -> Option<Vec<Value>> {
        self.change(id, |stored| Some(stored.response.input.clone()))
    }

    /// The conversation up to its answer; an error says that there is none yet.
    pub(crate) fn conversation(&self, id: &str) -> Option<Result<Vec<ChatMessage>, String>> {
        self.change(id, |Stored { response, .. }| {
            Some(match response.status() {
                "completed" | "incomplete" => Ok(response.conversation.clone()),
                other => Err(other.to_owned()),
            })
        })
    }

    /// Forgets it; says whether it was there. What runs is cancelled. Waits for the disk.
    ///
    /// # Errors
    /// [`ApiError::Storage`].
    pub(crate) fn remove(&self, id: &str) -> Result<bool, ApiError> {
        let _guard = self.shelf();
        let mut all = self.all();
        let Some(place) = all.iter().position(|stored| stored.response.id() == id) else {
            return Ok(false);
        };
        // That tells the task.
        all.remove(place);
        drop(all);
        self.remove_files(&[id.to_owned()])?;
        Ok(true)
    }

    /// Cancels it if it runs; the object afterwards. Waits for the disk.
    ///
    /// # Errors
    /// [`ApiError::Storage`]; it is cancelled all the same.
    pub(crate) fn cancel(&self, id: &str) -> Result<Option<Value>, ApiError> {
        let _guard = self.shelf();
        let cancelled = self.change(id, |stored| {
            // A task that ended meanwhile has nothing to cancel.
            let runs = stored.cancel.take().is_some();
            if runs {
                stored.response.object["status"] = json!("cancelled");
            }
            Some((stored.response.clone(), runs))
        });
        let Some((response, runs)) = cancelled else { return Ok(None) };
        if runs {
            self.write(&response)?;
        }
        Ok(Some(response.object))
    }

    /// Does something with the response called `id`, if it is there.
    fn change<T>(&self, id: &str, with: impl FnOnce(&mut Stored) -> Option<T>) -> Option<T> {
        with(self.all().iter_mut().find(|stored| stored.response.id() == id)?)
    }

    /// Writes it if there is a folder; gives its bytes.
    fn write(&self, response: &Response) -> Result<usize, ApiError> {
        match self.0.folder.get() {
            Some(shelf) => Ok(shelf.write(response)?),
            None => Ok(json!(response).to_string().len()),
        }
    }

    fn remove_files(&self, ids: &[String]) -> Result<(), ApiError> {
        match self.0.folder.get() {
            Some(shelf) => Ok(shelf.remove(ids)?),
            None => Ok(()),
        }
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Stored>> {
        self.0.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelf(&self) -> MutexGuard<'_, ()> {
        self.0.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the oldest until the others fit; gives their identities. Events of what has ended go first: what they
/// told can be asked for.
fn shorten(all: &mut VecDeque<Stored>) -> Vec<String> {
    let mut total: usize = all.iter().map(Stored::bytes).sum();
    for stored in all.iter_mut().filter(|stored| stored.cancel.is_none()) {
        if total <= MAX_BYTES {
            break;
        }
        if let Some(events) = stored.events.take() {
            total -= events.bytes();
            events.lose();
        }
    }
    let mut forgotten = Vec::new();
    while all.len() > MAX_RESPONSES || (total > MAX_BYTES && all.len() > 1) {
        let Some(oldest) = all.pop_front() else { break };
        // Those that run on add to theirs meanwhile.
        total = total.saturating_sub(oldest.bytes());
        forgotten.push(oldest.response.id().to_owned());
    }
    debug_assert!(forgotten.iter().all(|id| is_id(id)), "identities are ours");
    forgotten
}

#[cfg(test)]
mod tests {
    use super::{EventLog, MAX_BYTES, MAX_RESPONSES, Response, ResponseStore, Run};
    use camino::Utf8Path;
    use serde_json::json;
    use tokio::sync::oneshot::{self, error::TryRecvError};

    fn response(idx: usize, bytes: usize) -> Response {
        let object =
            json!({"id": format!("resp_{idx:06}"), "created_at": idx, "status": "completed"});
        Response { object, input: vec![json!("x".repeat(bytes))], conversation: Vec::new() }
    }

    #[test]
    fn the_oldest_are_forgotten_on_disk_too() {
        let temporary = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(temporary.path()).expect("UTF-8").join("responses");
        let store = ResponseStore::default();
        store.keep_in(&folder).expect("a folder");
        let files = || std::fs::read_dir(&folder).expect("a folder").count();
        for idx in 0..MAX_RESPONSES + 3 {
            store.put(response(idx, 1), None).expect("it is written");
        }
        assert_eq!((files(), store.object("resp_000002")), (MAX_RESPONSES, None));
        for idx in 2000..2003 {
            store.put(response(idx, 30 << 20), None).expect("it is written");
        }
        assert_eq!(files(), 2, "two of 30 MB fit");
        let again = ResponseStore::default();
        again.keep_in(&folder).expect("a folder");
        assert!(again.object("resp_002000").is_none() && again.object("resp_002002").is_some());
    }

    #[test]
    fn events_are_forgotten_before_responses_and_only_of_what_has_ended() {
        let store = ResponseStore::default();
        let mut cancelled = Vec::new();
        let mut begin = |idx: usize| {
            let (cancel, receiver) = oneshot::channel();
            cancelled.push(receiver);
            let events = EventLog::default();
            events.push(&vec![b'x'; MAX_BYTES / 4]);
            let run = Run { cancel, events: Some(events) };
            store.put(response(idx, 1), Some(run)).expect("it is remembered");
        };
        (0..3).for_each(&mut begin);
        let ended = |idx: usize| response(idx, 1).object;
        assert!(store.end(ended(1), None).expect("there is no disk"));
        begin(3);
        let kept =
            |idx: usize| store.events(&format!("resp_{idx:06}")).map(|events| events.bytes());
        let part = Some(MAX_BYTES / 4);
        assert_eq!([0, 1, 2, 3].map(kept), [part, None, part, part]);
        assert!(store.object("resp_000001").is_some());
        // None of the others has ended: the oldest goes, which cancels it.
        begin(4);
        assert!(store.object("resp_000000").is_none());
        assert_eq!(cancelled[0].try_recv(), Ok(()));
        assert_eq!(cancelled[1].try_recv(), Err(TryRecvError::Closed), "its end cancelled nothing");
        assert_eq!([2, 3, 4].map(kept), [part; 3]);
        // What is gone has no end.
        assert!(!store.end(ended(0), None).expect("there is no disk"));
    }

    #[test]
    fn what_was_cancelled_does_not_begin() {
        let store = ResponseStore::default();
        let status = |id: &str| store.object(id).map(|object| object["status"].clone());
        for id in ["resp_000000", "resp_000001"] {
            let mut waiting = response(usize::from(id.ends_with('1')), 1);
            waiting.object["status"] = json!("queued");
            let (cancel, _receiver) = oneshot::channel();
            store.put(waiting, Some(Run { cancel, events: None })).expect("it is remembered");
        }
        store.cancel("resp_000000").expect("there is no disk");
        for id in ["resp_000000", "resp_000001"] {
            store.set_running(id);
        }
        assert_eq!(status("resp_000000"), Some(json!("cancelled")));
        assert_eq!(status("resp_000001"), Some(json!("in_progress")));
    }
}
