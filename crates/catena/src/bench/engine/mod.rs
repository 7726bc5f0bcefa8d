//! `catena bench engine`: many sequences, shared prompts, turns and guessed tokens through the real
//! engine, and what the engine costs without a model.

mod command;
mod guessing;
mod mask;
mod overhead;
mod prefix;
mod turns;
mod watch;

pub(super) use command::{PASSAGE, run};
