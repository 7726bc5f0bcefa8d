//! From a curation's errors to what a person reads.

use crate::failure::{Exit, Failure};
use catena_curate::CurateError;

/// `error` as a failed command that wanted `goal`.
pub(crate) fn curate_failure(goal: &str, error: CurateError) -> Failure {
    let hint = error.hint();
    let failure = Failure::new(exit(&error), goal, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn exit(error: &CurateError) -> Exit {
    match error {
        CurateError::Corpus(error) if error.is_environment() => Exit::Environment,
        CurateError::Corpus(_)
        | CurateError::Plan { .. }
        | CurateError::UnknownThreshold { .. }
        | CurateError::Benchmark { .. }
        | CurateError::NoKey
        | CurateError::NoTokenizer { .. }
        | CurateError::Tokenizer { .. }
        | CurateError::TurnsCut { .. }
        | CurateError::OtherWork { .. }
        | CurateError::NotCurated { .. }
        | CurateError::NotMeasured { .. }
        | CurateError::UnknownId { .. }
        | CurateError::AllDropped { .. }
        | CurateError::NoDocuments { .. }
        | CurateError::Query { .. }
        | CurateError::Rows { .. } => Exit::Usage,
        CurateError::Io { .. } => Exit::Environment,
        CurateError::Engine(_) => Exit::Bug,
        CurateError::Interrupted => Exit::Interrupted,
    }
}
