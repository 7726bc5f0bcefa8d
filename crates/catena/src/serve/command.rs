//! `catena serve`.

use super::{project, simulate, standalone};
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
    if args.models.is_empty() && args.embedder.is_empty() && args.classifier.is_empty() {
        return project::run(args, threads, cancel);
    }
    standalone::run(args, threads, cancel)
}
