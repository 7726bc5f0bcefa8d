//! `/v1/batches`: files of requests, answered in the background at low priority.
//!
//! Lines are answered by the very routes that clients use. Each answer is appended to a file of the
//! batch as it comes; a batch that the server's end interrupts goes on after its last whole line when
//! the server starts again.

mod asker;
mod input;
mod object;
pub(crate) mod operations;
mod progress;
mod routes;
mod runner;
mod store;

pub(crate) use routes::{cancel, create, list, retrieve};
pub(crate) use runner::start;
pub(crate) use store::BatchStore;
