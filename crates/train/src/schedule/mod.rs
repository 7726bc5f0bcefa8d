//! Learning-rate schedules: a rate as a function of the step alone.
//!
//! The shapes, their parameters and their defaults are those of `get_scheduler` of Hugging Face
//! `transformers`, so configurations written for it mean the same here.

mod kind;
#[cfg(test)]
mod tests;
mod wsd;

pub use kind::Schedule;
pub use wsd::{WarmupStableDecay, WsdShape};
