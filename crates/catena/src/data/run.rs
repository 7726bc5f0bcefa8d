//! The commands.

use super::args::{DataAction, DataArgs};
use super::{clean, look, mix, pack, select, semantic, sql};
use crate::failure::Failure;
use crate::machine::text_threads;
use catena_protocol::Cancel;

/// Runs `catena data`.
pub(crate) fn run(args: &DataArgs, flag: Option<usize>, cancel: &Cancel) -> Result<(), Failure> {
    let threads = text_threads(flag);
    match &args.action {
        DataAction::Clean(args) => clean::clean(args, threads, cancel),
        DataAction::Dedup(args) => clean::dedup(args, threads, cancel),
        DataAction::Mask(args) => clean::mask(args, threads, cancel),
        DataAction::Convert(args) => clean::convert(args, threads, cancel),
        DataAction::Semantic(args) => semantic::run(args, flag, cancel),
        DataAction::Select(args) => select::run(args, flag, cancel),
        DataAction::Mix(args) => mix::run(args, cancel),
        DataAction::Pack(args) => pack::run(args, cancel),
        DataAction::Explain(args) => look::explain(args),
        DataAction::Sql(args) => sql::run(args, threads, cancel),
        DataAction::Judge(args) => look::judge(args),
        DataAction::Rules(args) => look::rules(args),
        DataAction::Plan(args) => look::plan(args),
    }
}
