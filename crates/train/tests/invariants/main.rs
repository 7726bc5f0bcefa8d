//! What must not change a result: how a step is cut into passes, what is packed beside what, what is
//! computed again, whether a run was interrupted, and in which form frozen weights are held.
//!
//! All on the real model with the tiny checkpoints of `catena-model`.

#![expect(clippy::unwrap_used, reason = "tests: what fails shall panic")]

mod divergence;
mod forecast;
mod packing;
mod quantized;
mod recompute;
mod reference;
mod resume;
mod setup;
