//! Sends spans to a collector, on a thread of its own.

use super::span::span;
use crate::access::Outcome;
use crate::otlp::{Collector, CollectorError, FLUSH, Losses, Signal};
use serde_json::Value;
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
    /// [`CollectorError`]. Whether the collector answers is seen later.
    pub fn to(url: &str, service: &str) -> Result<Self, CollectorError> {
        Self::with_headers(url, service, "")
    }

    /// [`Traces::to`] with headers for the collector in the form of `OTEL_EXPORTER_OTLP_HEADERS`:
    /// `name=value` pairs with commas between them, values percent-encoded where need be.
    ///
    /// # Errors
    /// As [`Traces::to`].
    pub fn with_headers(url: &str, service: &str, headers: &str) -> Result<Self, CollectorError> {
        let collector = Collector::at(Signal::Traces, url, service, headers)?;
        let (spans, inbox) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let losses = Losses::counted_by(Signal::Traces, lost.clone());
        std::thread::Builder::new()
            .name("traces".to_owned())
            .spawn(move || run(&collector, losses, &inbox))
            .map_err(CollectorError::Thread)?;
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

fn run(collector: &Collector, mut losses: Losses, inbox: &Receiver<Entry>) {
    while let Ok(first) = inbox.recv() {
        let (batch, flushed) = collect(first, inbox);
        if !batch.is_empty()
            && let Err(error) = collector.send(&batch)
        {
            losses.add(batch.len() as u64, &error);
        }
        if let Some(done) = flushed {
            // Nobody waits any more.
            let _ = done.send(());
        }
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
