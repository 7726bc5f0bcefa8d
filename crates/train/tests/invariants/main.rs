//! What must not change a result: how a step is cut into passes, what is packed beside what, what is
//! computed again, when the optimizer runs, whether a run was interrupted, and in which form frozen
//! weights are held.
//!
//! All on the real model with the tiny checkpoints of `catena-model`.

#![expect(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    reason = "tests: f64 references are mixed with f32 values, and what fails shall panic"
)]

mod blocks;
mod divergence;
mod experts;
mod forecast;
mod in_backward;
mod packing;
mod quantized;
mod recompute;
mod reference;
mod resume;
mod setup;
mod stages;
