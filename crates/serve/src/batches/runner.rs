//! Runs batches, one after the other, on a thread of its own.

use super::asker::Asker;
use super::input::{self, Line};
use super::object::{become_status, is_over, status};
use super::progress::Progress;
use super::store::BatchStore;
use crate::app::{App, WeakApp};
use crate::context;
use crate::error::ApiError;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Lines that are answered at once.
const AT_ONCE: usize = 8;
/// How often a batch looks whether it was cancelled while its lines run.
const LOOK: Duration = Duration::from_millis(200);

/// Starts the thread that runs what `waiting` tells of; it ends with the app.
///
/// # Errors
/// If the system has no thread to spare.
pub(crate) fn start(app: WeakApp, mut waiting: UnboundedReceiver<String>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let work = async move {
        while let Some(id) = waiting.recv().await {
            let Some(app) = app.upgrade().filter(|app| !app.is_draining()) else { return };
            if let Err(error) = run(&app, &id).await {
                tracing::error!(batch = id, "the batch cannot run: {error}");
                give_up(&app, &id);
            }
        }
    };
    let thread = std::thread::Builder::new().name("batches".to_owned());
    thread.spawn(move || runtime.block_on(work)).map(|_| ())
}

/// How the lines of a batch ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    All,
    Cancelled,
    Expired,
    /// The server ends: the batch goes on when it starts again.
    Interrupted,
}

async fn run(app: &App, id: &str) -> Result<(), ApiError> {
    let (files, store) = (app.files()?.clone(), app.batches()?.clone());
    let batch = store.get(id)?;
    if is_over(&batch) {
        return Ok(());
    }
    let endpoint = batch["endpoint"].as_str().unwrap_or_default().to_owned();
    let input = files.open_data(batch["input_file_id"].as_str().unwrap_or_default())?;
    let Ok(lines) = input::read(input, &endpoint)? else {
        return Err(ApiError::Internal { reason: "the lines of a batch changed".to_owned() });
    };
    let mut progress = Progress::open(&store, id, lines.len())?;
    if status(&batch) == "validating" {
        store.change(id, |batch| become_status(batch, "in_progress", app.now()))?;
    }
    let left: Vec<Line> =
        lines.into_iter().filter(|line| !progress.known.contains(&line.custom_id)).collect();
    let ended = answer_lines(app, &store, &batch, left, &mut progress).await?;
    if ended == Ended::Interrupted {
        return Ok(());
    }
    let counts = progress.counts();
    store.change(id, |batch| {
        if ended == Ended::All {
            become_status(batch, "finalizing", app.now());
        }
    })?;
    let ids = [(); 2].map(|()| context::owned_as(&app.answer_id("file"), id));
    let [output, errors] = progress.publish(&files, ids, id, app.now())?;
    store.change(id, |batch| {
        batch["output_file_id"] = json!(output);
        batch["error_file_id"] = json!(errors);
        batch["request_counts"] = counts;
        let last = match ended {
            Ended::All | Ended::Interrupted => "completed",
            Ended::Cancelled => "cancelled",
            Ended::Expired => "expired",
        };
        become_status(batch, last, app.now());
    })?;
    Ok(store.clear(id)?)
}

/// A batch that cannot run must not be tried for ever.
fn give_up(app: &App, id: &str) {
    let now = app.now();
    if let Ok(store) = app.batches() {
        // The disk may be what failed: then the batch is tried again at the next start.
        let _ = store.change(id, |batch| become_status(batch, "failed", now));
    }
}

/// Answers `lines`, several at once, as long as the batch may run.
async fn answer_lines(
    app: &App,
    store: &BatchStore,
    batch: &Value,
    lines: Vec<Line>,
    progress: &mut Progress,
) -> Result<Ended, ApiError> {
    let id = batch["id"].as_str().unwrap_or_default();
    let endpoint = batch["endpoint"].as_str().unwrap_or_default();
    let expires_at = batch["expires_at"].as_u64().unwrap_or(u64::MAX);
    let asker = Asker::new(app, id, endpoint);
    let answers = stream::iter(lines).map(|line| asker.answer(line));
    let mut answers = std::pin::pin!(answers.buffer_unordered(AT_ONCE));
    let mut look = tokio::time::interval(LOOK);
    loop {
        // Dropping the answers cancels what runs.
        tokio::select! {
            answered = answers.next() => match answered {
                None => return Ok(Ended::All),
                Some(None) => return Ok(Ended::Interrupted),
                Some(Some((is_good, answer))) => {
                    progress.add(is_good, &answer)?;
                    store.count(id, progress.counts());
                }
            },
            _ = look.tick() => {
                if app.is_draining() {
                    return Ok(Ended::Interrupted);
                }
                if status(&store.get(id)?) == "cancelling" {
                    return Ok(Ended::Cancelled);
                }
                if app.now() >= expires_at {
                    return Ok(Ended::Expired);
                }
            }
        }
    }
}
