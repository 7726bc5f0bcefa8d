//! Prometheus metrics under our names and under vLLM's, so that existing dashboards, autoscalers
//! and endpoint pickers work unchanged.
//!
//! Written here rather than taken from the `metrics` crates: those keep every histogram sample
//! until somebody scrapes and register in one global place, which two servers in a process (as in
//! our tests) cannot share.

mod counts;
mod histogram;
mod page;
mod render;

pub(crate) use counts::Metrics;
pub(crate) use render::render;
