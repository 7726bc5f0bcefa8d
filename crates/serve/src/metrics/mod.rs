//! Prometheus metrics under our names and under vLLM's, so that existing dashboards, autoscalers
//! and endpoint pickers work unchanged; and those that OpenTelemetry names for model servers.
//!
//! Written here rather than taken from the `metrics` crates: those keep every histogram sample
//! until somebody scrapes and register in one global place, which two servers in a process (as in
//! our tests) cannot share.

mod counts;
mod gen_ai;
mod histogram;
mod page;
mod render;

pub(crate) use counts::{Metrics, ModelMetrics};
pub(crate) use gen_ai::PROVIDER;
pub(crate) use render::render;
