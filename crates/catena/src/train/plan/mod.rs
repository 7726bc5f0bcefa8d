//! What a run will take, told before its first step: memory, time, disk, and why it is cut as it is.

mod budget;
mod choose;
mod disk;
mod fit;
mod record;

pub(super) use budget::max_memory;
pub(super) use choose::plan;
pub(super) use disk::DiskPlan;
pub(super) use record::{Plan, Taken, TimePlan};
