//! What a run will take, told before its first step: memory, time, and why it is cut as it is.

mod budget;
mod choose;
mod fit;
mod record;

pub(super) use budget::max_memory;
pub(super) use choose::plan;
pub(super) use record::{Plan, Taken, TimePlan};
