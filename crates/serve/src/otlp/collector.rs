//! Where spans and metrics are sent.

use super::headers;
use super::value::text;
use axum::http::{HeaderName, HeaderValue, Uri};
use serde_json::{Value, json};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Longest time that a message may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the last message.
pub(crate) const FLUSH: Duration = Duration::from_secs(5);
/// How often a collector that does not answer is complained about.
const COMPLAIN: Duration = Duration::from_mins(1);

/// Error of beginning to send to a collector.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
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
    #[error("cannot start the thread that sends to the collector")]
    Thread(#[source] io::Error),
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    /// Where it goes on a collector that takes all of them.
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// What the protocol calls the list of a resource's, of a scope's, and of the things themselves.
    fn lists(self) -> [&'static str; 3] {
        match self {
            Self::Traces => ["resourceSpans", "scopeSpans", "spans"],
            Self::Metrics => ["resourceMetrics", "scopeMetrics", "metrics"],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

/// A collector of one signal.
pub(crate) struct Collector {
    signal: Signal,
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    service: String,
    agent: ureq::Agent,
}

impl Collector {
    /// The collector at `url`, at the signal's path unless `url` has one, that `service` sends to with
    /// `headers` in the form of `OTEL_EXPORTER_OTLP_HEADERS`.
    ///
    /// # Errors
    /// [`CollectorError::BadUrl`], [`CollectorError::BadHeader`].
    pub(crate) fn at(
        signal: Signal,
        url: &str,
        service: &str,
        headers: &str,
    ) -> Result<Self, CollectorError> {
        let headers = headers::parse(headers)?;
        let bad = || CollectorError::BadUrl { url: url.chars().take(200).collect() };
        let uri: Uri = url.parse().map_err(|_| bad())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(bad());
        }
        let url = match uri.path() {
            "/" => format!("{}{}", url.trim_end_matches('/'), signal.path()),
            _ => url.to_owned(),
        };
        let agent =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).proxy(None).build().into();
        Ok(Self { signal, url, headers, service: service.to_owned(), agent })
    }

    /// Sends `things`, of which each is one of the signal's.
    ///
    /// # Errors
    /// What the collector, or the way to it, met.
    pub(crate) fn send(&self, things: &[Value]) -> Result<(), ureq::Error> {
        let mut request = self.agent.post(&self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.send_json(self.message(things)).map(|_| ())
    }

    fn message(&self, things: &[Value]) -> Value {
        let version = env!("CARGO_PKG_VERSION");
        let attributes = [
            text("service.name", &self.service),
            text("service.version", version),
            text("service.instance.id", instance()),
        ];
        let [of_resource, of_scope, list] = self.signal.lists();
        json!({of_resource: [{
            "resource": {"attributes": attributes},
            of_scope: [{"scope": {"name": "catena-serve", "version": version}, list: things}],
        }]})
    }
}

/// Tells this process from others of the same service: their counts are not one another's.
fn instance() -> &'static str {
    static INSTANCE: OnceLock<String> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        let mut bytes = [0; 16];
        // Without random numbers all are zero, as if there were one process only.
        let _ = getrandom::fill(&mut bytes);
        // The form of a random UUID (RFC 9562, version 4).
        let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62);
        let hex = format!("{:032x}", number | (4 << 76) | (0b10 << 62));
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        parts.join("-")
    })
}

/// What a collector did not take, counted; said now and then.
pub(crate) struct Losses {
    signal: Signal,
    lost: Arc<AtomicU64>,
    complained: Option<Instant>,
}

impl Losses {
    /// Losses that `lost` counts.
    pub(crate) fn counted_by(signal: Signal, lost: Arc<AtomicU64>) -> Self {
        Self { signal, lost, complained: None }
    }

    /// Counts `count` more, lost by `error`.
    pub(crate) fn add(&mut self, count: u64, error: &ureq::Error) {
        let lost = self.lost.fetch_add(count, Ordering::Relaxed) + count;
        if self.complained.is_none_or(|last| last.elapsed() >= COMPLAIN) {
            self.complained = Some(Instant::now());
            let signal = self.signal.name();
            tracing::warn!(lost, "the collector of {signal} takes nothing: {error}");
        }
    }
}
