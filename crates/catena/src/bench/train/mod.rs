//! `catena bench train`: tokens per second and peak memory of whole training steps, and plans beside
//! what runs take.

mod command;
mod planned;
mod shape;
mod step;
mod task;

pub(super) use command::run;
