//! Metrics under our names and under vLLM's, so that existing dashboards, autoscalers and endpoint
//! pickers work unchanged; and those that OpenTelemetry names for model servers. Prometheus reads them
//! ([`render`]), and a collector of OpenTelemetry may have them pushed ([`MetricsPush`]): both write
//! what one place collects.
//!
//! Written here rather than taken from the `metrics` crates: those keep every histogram sample
//! until somebody scrapes and register in one global place, which two servers in a process (as in
//! our tests) cannot share.

mod collect;
mod counts;
mod family;
mod gen_ai;
mod histogram;
mod otlp;
mod page;
mod push;
#[cfg(test)]
mod tests;

pub(crate) use counts::{Metrics, ModelMetrics};
pub(crate) use gen_ai::PROVIDER;
pub(crate) use page::render;
pub use push::MetricsPush;
