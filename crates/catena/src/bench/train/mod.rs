//! `catena bench train`: tokens per second and peak memory of whole training steps.

mod command;
mod shape;
mod step;
mod task;

pub(super) use command::run;
