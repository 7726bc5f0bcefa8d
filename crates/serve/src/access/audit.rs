//! The audit log: who asked for what, from where, when, and how much it took; never a text, never a secret.
//!
//! One JSON object a line. A thread of its own writes, so that a slow disk delays no answer; what
//! cannot be written is counted and said once a minute.

use super::log::printable;
use super::{Outcome, Peer};
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// Lines that wait for the disk.
const QUEUE: usize = 8192;
/// Size at which a new file is begun; the one before is kept as `<name>.1`.
const MAX_BYTES: u64 = 256 << 20;
/// Longest wait for the last lines.
const FLUSH: Duration = Duration::from_secs(5);
/// How often a full disk is complained about.
const COMPLAIN: Duration = Duration::from_mins(1);

/// Error of opening an audit log.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the audit log `{path}`")]
pub struct AuditError {
    path: Utf8PathBuf,
    #[source]
    source: io::Error,
}

/// What the writing thread is sent.
enum Entry {
    Line(String),
    /// To be answered once all lines before it are written.
    Flush(SyncSender<()>),
    /// The file of the name may be another by now.
    Reopen,
}

/// A log that is appended to. Clones share it.
#[derive(Clone, Debug)]
pub struct AuditLog {
    entries: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl AuditLog {
    /// Appends to the file at `path`, making it and its folder if needed.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn open(path: &Utf8Path) -> Result<Self, AuditError> {
        let error = |source| AuditError { path: path.to_owned(), source };
        let mut writer = Writer::open(path).map_err(error)?;
        let (entries, inbox) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counter = lost.clone();
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run(&inbox, &counter))
            .map_err(error)?;
        Ok(Self { entries, lost })
    }

    /// Lines that could not be written.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Writes to the file that has the log's name now, for programs that move logs away. Lines before
    /// this are in the file that had it. Waits while the queue is full.
    pub fn reopen(&self) {
        // The thread ends with the last log.
        let _ = self.entries.send(Entry::Reopen);
    }

    /// Waits until every line before is written, for a while.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.entries.send(Entry::Flush(done)).is_ok() {
            // A disk that hangs must not keep the process.
            let _ = written.recv_timeout(FLUSH);
        }
    }

    pub(crate) fn write(&self, outcome: &Outcome) {
        let mut line = line(outcome).to_string();
        line.push('\n');
        if self.entries.try_send(Entry::Line(line)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn line(outcome: &Outcome) -> Value {
    let Outcome { context, usage, .. } = outcome;
    let time = outcome.begin.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let key = context.key.as_ref().map(|key| &key.record);
    json!({
        "time": (time * 1e3).round() / 1e3,
        "request_id": context.id,
        "key": key.map(|key| &key.id),
        "name": key.map(|key| &key.name),
        "address": outcome.peer.map(|Peer(address)| address.to_string()),
        "method": outcome.method.as_str(),
        "route": outcome.route,
        "model": usage.model.as_deref().map(printable),
        "status": outcome.status.map(|status| status.as_u16()),
        "complete": outcome.is_whole,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "finish_reason": usage.finish_reason(),
        "error": usage.error,
        "seconds": (outcome.took.as_secs_f64() * 1e4).round() / 1e4,
    })
}

struct Writer {
    path: Utf8PathBuf,
    file: File,
    bytes: u64,
}

impl Writer {
    fn open(path: &Utf8Path) -> io::Result<Self> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes })
    }

    fn run(&mut self, inbox: &Receiver<Entry>, lost: &AtomicU64) {
        let mut complained: Option<Instant> = None;
        while let Ok(entry) = inbox.recv() {
            let line = match entry {
                Entry::Line(line) => line,
                Entry::Flush(done) => {
                    // Nobody waits any more.
                    let _ = done.send(());
                    continue;
                }
                Entry::Reopen => {
                    match Self::open(&self.path) {
                        Ok(writer) => *self = writer,
                        Err(error) => tracing::error!(
                            path = %self.path,
                            "the audit log goes on in its old file: {error}"
                        ),
                    }
                    continue;
                }
            };
            let Err(error) = self.append(&line) else { continue };
            lost.fetch_add(1, Ordering::Relaxed);
            if complained.is_none_or(|last| last.elapsed() >= COMPLAIN) {
                complained = Some(Instant::now());
                let lost = lost.load(Ordering::Relaxed);
                tracing::error!(path = %self.path, lost, "the audit log cannot be written: {error}");
            }
        }
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        if self.bytes >= MAX_BYTES {
            std::fs::rename(&self.path, format!("{}.1", self.path))?;
            *self = Self::open(&self.path)?;
        }
        if let Err(error) = self.file.write_all(line.as_bytes()) {
            // Half a line would spoil the next one.
            let _ = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += line.len() as u64;
        Ok(())
    }
}
