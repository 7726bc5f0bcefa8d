//! The commands.

use super::read::read;
use super::reference::listing;
use super::{lint, merge, predict, run as runs};
use crate::args::{TrainAction, TrainArgs};
use crate::failure::Failure;
use crate::output::print_line;
use catena_protocol::Cancel;

/// Runs `catena train`.
pub(crate) fn run(
    args: &TrainArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    match &args.action {
        TrainAction::Run(args) => runs::run(&read(&args.file, &args.set)?, threads, cancel),
        TrainAction::Plan(args) => {
            runs::plan(&read(&args.run.file, &args.run.set)?, args.json, threads, cancel)
        }
        TrainAction::Lint(args) => {
            lint::run(&read(&args.run.file, &args.run.set)?, args.sample, threads, cancel)
        }
        TrainAction::Predict(args) => {
            predict::run(&read(&args.run.file, &args.run.set)?, args, threads, cancel)
        }
        TrainAction::Merge(args) => merge::run(args, cancel),
        TrainAction::Keys => {
            print_line(listing().trim_end());
            Ok(())
        }
    }
}
