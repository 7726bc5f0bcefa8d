//! What is sent to a collector of OpenTelemetry: OTLP over HTTP, in its JSON form.
//!
//! Written here because what is needed is small: spans are made when their request has ended, so that
//! there is no context to carry, and metrics are counted for Prometheus anyway. The `opentelemetry`
//! crates would bring protocol buffers, a second HTTP client and their own runtime glue.

mod collector;
mod headers;
#[cfg(test)]
mod tests;
mod value;

pub use collector::CollectorError;
pub(crate) use collector::{Collector, FLUSH, Losses, Signal};
pub(crate) use value::{decimal, nanos, number, text};
