//! OpenTelemetry traces: a span for each request, by the conventions for generative AI.

mod export;
mod span;
#[cfg(test)]
mod tests;

pub use export::Traces;
