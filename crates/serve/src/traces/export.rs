//! Sends spans to a collector, on a thread of its own.

use super::headers;
use super::span::span;
use crate::access::Outcome;
use axum::http::{HeaderName, HeaderValue};
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
/// Longest wait for the last spans.
const FLUSH: Duration = Duration::from_secs(5);
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
    /// The headers for the collector are none.
    #[error(
        "`{pair}` is no header, such as authorization=Bearer%20KEY; a comma stands between two"
    )]
    BadHeader {
        /// The part that is none, without its value.
        pair: String,
    },
    /// The system gives no thread.
    #[error("cannot start the thread that sends traces")]
    Thread(#[source] io::Error),
}

/// What the sending thread is sent.
enum Entry {
    Span(Value),
    /// To be answered once all spans before it are sent, or lost.
    Flush(SyncSender<()>),
}

/// A collector that spans are sent to. Clones share it.
#[derive(Clone, Debug)]
pub struct Traces {
    spans: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

impl Traces {
    /// Sends spans of `service` to the collector at `url`, over OTLP/HTTP: to its path `/v1/traces`
    /// unless `url` has a path.
    ///
    /// # Errors
    /// [`TracesError`]. Whether the collector answers is seen later.
    pub fn to(url: &str, service: &str) -> Result<Self, TracesError> {
        Self::with_headers(url, service, "")
    }

    /// [`Traces::to`] with headers for the collector in the form of `OTEL_EXPORTER_OTLP_HEADERS`:
    /// `name=value` pairs with commas between them, values percent-encoded where need be.
    ///
    /// # Errors
    /// As [`Traces::to`].
    pub fn with_headers(url: &str, service: &str, headers: &str) -> Result<Self, TracesError> {
        let headers = headers::parse(headers)?;
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
        let sender = Sender { url, headers, service: service.to_owned(), lost: lost.clone() };
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
        if self.spans.try_send(Entry::Span(span)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until every span before is sent, for a while.
    pub(crate) fn flush(&self) {
        let (done, sent) = sync_channel(1);
        // A collector that hangs must not keep the process, nor a queue that is full of its spans.
        if self.spans.try_send(Entry::Flush(done)).is_ok() {
            let _ = sent.recv_timeout(FLUSH);
        }
    }
}

struct Sender {
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    service: String,
    lost: Arc<AtomicU64>,
}

impl Sender {
    fn run(&self, inbox: &Receiver<Entry>) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).proxy(None).build().into();
        let mut complained: Option<Instant> = None;
        while let Ok(first) = inbox.recv() {
            let (batch, flushed) = collect(first, inbox);
            if !batch.is_empty()
                && let Err(error) = self.send(&agent, &batch)
            {
                let count = batch.len() as u64;
                let lost = self.lost.fetch_add(count, Ordering::Relaxed) + count;
                if complained.is_none_or(|last| last.elapsed() >= COMPLAIN) {
                    complained = Some(Instant::now());
                    tracing::warn!(lost, "the collector of traces takes nothing: {error}");
                }
            }
            if let Some(done) = flushed {
                // Nobody waits any more.
                let _ = done.send(());
            }
        }
    }

    fn send(&self, agent: &ureq::Agent, batch: &[Value]) -> Result<(), ureq::Error> {
        let mut request = agent.post(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.send_json(self.message(batch)).map(|_| ())
    }

    fn message(&self, spans: &[Value]) -> Value {
        let version = env!("CARGO_PKG_VERSION");
        let attributes = json!([
            {"key": "service.name", "value": {"stringValue": self.service}},
            {"key": "service.version", "value": {"stringValue": version}},
        ]);
        json!({"resourceSpans": [{
            "resource": {"attributes": attributes},
            "scopeSpans": [{
                "scope": {"name": "catena-serve", "version": version},
                "spans": spans,
            }],
        }]})
    }
}

/// The spans of `first` and of what comes within the pause, and who waits for them to be sent.
fn collect(first: Entry, inbox: &Receiver<Entry>) -> (Vec<Value>, Option<SyncSender<()>>) {
    let (mut batch, mut next) = (Vec::new(), Ok(first));
    let end = Instant::now() + PAUSE;
    loop {
        match next {
            Ok(Entry::Span(span)) => batch.push(span),
            Ok(Entry::Flush(done)) => return (batch, Some(done)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
        if batch.len() == BATCH {
            break;
        }
        next = inbox.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
    (batch, None)
}
