//! `catena serve`, and the server of `catena up`.
//!
//! [`Options`] come from `[serve]` and from flags; [`Listener`] listens before models are loaded;
//! [`ProjectServer`] and `standalone` say what is served.

mod hangup;
mod listen;
mod logs;
mod options;
mod project;
mod simulate;
mod standalone;

pub(crate) use listen::{Listener, Server};
pub(crate) use options::Options;
pub(crate) use project::ProjectServer;

use crate::args::ServeArgs;
use crate::failure::Failure;
use catena_protocol::Cancel;

/// Runs `catena serve`.
pub(crate) fn run(
    args: &ServeArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    if let Some(name) = &args.simulate {
        return simulate::run(args, name, cancel);
    }
    if args.models.is_empty() {
        return project::run(args, threads, cancel);
    }
    standalone::run(args, threads, cancel)
}
