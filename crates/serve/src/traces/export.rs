//! Sends spans to a collector, on a thread of its own.

use super::span::span;
use crate::access::Outcome;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Spans that wait to be sent.
const QUEUE: usize = 4096;
/// Most spans of one message.
const BATCH: usize = 512;
/// Longest time that a span waits for others.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time that a message may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often a collector that does not answer is complained about.
const COMPLAIN: Duration = Duration::from_mins(1);

/// Error of beginning to trace.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The collector's address is none.
    #[error("`{url}` is no address of a collector, such as http://127.0.0.1:4318")]
    BadUrl {
        /// What was given.
        url: String,
    },
    /// The system gives no thread.
    #[error("cannot start the thread that sends traces")]
    Thread(#[source] io::Error),
}

/// A collector that spans are sent to. Clones share it.
#[derive(Clone, Debug)]
pub struct Traces {
    spans: SyncSender<Value>,
    lost: Arc<AtomicU64>,
}

impl Traces {
    /// Sends spans of `service` to the collector at `url`, over OTLP/HTTP: to its path `/v1/traces`
    /// unless `url` has a path.
    ///
    /// # Errors
    /// [`TracesError`]. Whether the collector answers is seen later.
    pub fn to(url: &str, service: &str) -> Result<Self, TracesError> {
        let bad = || TracesError::BadUrl { url: url.chars().take(200).collect() };
        let uri: axum::http::Uri = url.parse().map_err(|_| bad())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(bad());
        }
        let url = match uri.path() {
            "/" => format!("{}/v1/traces", url.trim_end_matches('/')),
            _ => url.to_owned(),
        };
        let (spans, inbox) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let sender = Sender { url, service: service.to_owned(), lost: lost.clone() };
        std::thread::Builder::new()
            .name("traces".to_owned())
            .spawn(move || sender.run(&inbox))
            .map_err(TracesError::Thread)?;
        Ok(Self { spans, lost })
    }

    /// Spans that were not taken.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    pub(crate) fn record(&self, outcome: &Outcome) {
        let Some(span) = span(outcome) else { return };
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Sender {
    url: String,
    service: String,
    lost: Arc<AtomicU64>,
}

impl Sender {
    fn run(&self, inbox: &Receiver<Value>) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).proxy(None).build().into();
        let mut complained: Option<Instant> = None;
        while let Ok(first) = inbox.recv() {
            let batch = collect(first, inbox);
            let count = batch.len() as u64;
            let Err(error) = agent.post(&self.url).send_json(self.message(&batch)) else {
                continue;
            };
            let lost = self.lost.fetch_add(count, Ordering::Relaxed) + count;
            if complained.is_none_or(|last| last.elapsed() >= COMPLAIN) {
                complained = Some(Instant::now());
                tracing::warn!(lost, "the collector of traces takes nothing: {error}");
            }
        }
    }

    fn message(&self, spans: &[Value]) -> Value {
        let service = json!({"key": "service.name", "value": {"stringValue": self.service}});
        json!({"resourceSpans": [{
            "resource": {"attributes": [service]},
            "scopeSpans": [{
                "scope": {"name": "catena-serve", "version": env!("CARGO_PKG_VERSION")},
                "spans": spans,
            }],
        }]})
    }
}

/// `first` and what comes within the pause.
fn collect(first: Value, inbox: &Receiver<Value>) -> Vec<Value> {
    let mut batch = vec![first];
    let end = Instant::now() + PAUSE;
    while batch.len() < BATCH {
        match inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(span) => batch.push(span),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
    }
    batch
}
