//! OpenTelemetry traces: a span for each request, by the conventions for generative AI.
//!
//! Written here because what is needed is small: spans are made when their request has ended, so
//! there is no context to carry, and OTLP over HTTP takes JSON. The `opentelemetry` crates would
//! bring protocol buffers, a second HTTP client and their own runtime glue for one kind of span.

mod export;
mod headers;
mod span;
#[cfg(test)]
mod tests;

pub use export::{Traces, TracesError};
