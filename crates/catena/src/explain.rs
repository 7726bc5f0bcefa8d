//! From the crates' errors to what a person reads: the exit code and one thing to try.

use crate::failure::{Exit, Failure};
use catena_corpus::CorpusError;
use catena_curate::CurateError;
use catena_data::DataError;
use catena_eval::EvalError;
use catena_knowledge::KnowledgeError;
use catena_model::ModelError;
use catena_pipeline::PipelineError;
use catena_pipeline::config::FILE_NAME;
use catena_store::StoreError;
use std::error::Error;
use std::io::ErrorKind;

/// A pipeline's error as a failed command that wanted `goal`.
pub(crate) fn pipeline_failure(goal: &str, error: PipelineError) -> Failure {
    let (exit, hint) = pipeline_advice(&error);
    let failure = Failure::new(exit, goal, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A store's error as a failed command that wanted `goal`.
pub(crate) fn store_failure(goal: &str, error: StoreError) -> Failure {
    let (exit, hint) = store_advice(&error);
    let failure = Failure::new(exit, goal, error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

fn pipeline_advice(error: &PipelineError) -> (Exit, Option<String>) {
    match error {
        PipelineError::NoProject { .. } => {
            let hint = format!("give a folder with {FILE_NAME}, such as examples/bank-support");
            (Exit::Usage, Some(hint))
        }
        PipelineError::UnknownKey { nearest: Some(nearest), .. } => {
            (Exit::Usage, Some(format!("did you mean `{nearest}`?")))
        }
        PipelineError::UnknownKey { known, .. } => {
            let hint = format!("known here: {}", known.join(", "));
            (Exit::Usage, (!known.is_empty()).then_some(hint))
        }
        PipelineError::InvalidToml { .. } | PipelineError::InvalidValue { .. } => {
            (Exit::Usage, Some(format!("correct {FILE_NAME} and run again")))
        }
        PipelineError::Stage { source, .. } => advice_of(source.as_ref()),
        PipelineError::Store(error) => store_advice(error),
        PipelineError::Io { source, .. } => io_advice(source),
        PipelineError::CorruptRecord { .. } => {
            let hint = "remove .catena/state.sqlite; stages then run again".to_owned();
            (Exit::Environment, Some(hint))
        }
        PipelineError::Interrupted { .. } => {
            (Exit::Interrupted, Some("run the same command again to go on".to_owned()))
        }
    }
}

pub(crate) fn store_advice(error: &StoreError) -> (Exit, Option<String>) {
    let exit = if matches!(error, StoreError::UnknownName { .. }) {
        Exit::Usage
    } else if matches!(error, StoreError::Interrupted) {
        Exit::Interrupted
    } else {
        Exit::Environment
    };
    (exit, error.hint())
}

/// One thing to try about an error, found by what it is made of.
pub(crate) fn hint_of(error: &(dyn Error + 'static)) -> Option<String> {
    advice_of(error).1
}

/// What a stage's error asks for, found by what it is made of.
fn advice_of(error: &(dyn Error + 'static)) -> (Exit, Option<String>) {
    if let Some(full) = causes(error).find_map(full_disk) {
        return io_advice(full);
    }
    for inner in causes(error) {
        if let Some(failure) = inner.downcast_ref::<Failure>() {
            return (failure.exit(), failure.advice().map(ToOwned::to_owned));
        }
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return io_advice(io);
        }
        if let Some(store) = inner.downcast_ref::<StoreError>() {
            return store_advice(store);
        }
        if let Some(hint) = own_hint(inner) {
            return (Exit::Environment, Some(hint.to_owned()));
        }
    }
    (Exit::Environment, None)
}

/// What the error of one of our crates says of itself.
fn own_hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let hints = [
        error.downcast_ref::<KnowledgeError>().and_then(KnowledgeError::hint),
        error.downcast_ref::<DataError>().and_then(DataError::hint),
        error.downcast_ref::<CurateError>().and_then(CurateError::hint),
        error.downcast_ref::<CorpusError>().and_then(CorpusError::hint),
        error.downcast_ref::<EvalError>().and_then(EvalError::hint),
        error.downcast_ref::<ModelError>().and_then(ModelError::hint),
    ];
    hints.into_iter().flatten().next()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// A disk without space: at any depth, whatever was being written, the advice is the same.
fn full_disk<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a std::io::Error> {
    let io = error.downcast_ref::<std::io::Error>()?;
    let kinds = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded];
    kinds.contains(&io.kind()).then_some(io)
}

fn io_advice(error: &std::io::Error) -> (Exit, Option<String>) {
    const ADVICE: [(ErrorKind, &str); 4] = [
        (ErrorKind::StorageFull, "free some space and run again; finished work is kept"),
        (ErrorKind::QuotaExceeded, "free some space and run again; finished work is kept"),
        (ErrorKind::PermissionDenied, "run as a user who may write there"),
        (ErrorKind::NotFound, "check the path"),
    ];
    let known = ADVICE.iter().find(|(kind, _)| *kind == error.kind());
    (Exit::Environment, known.map(|(_, hint)| (*hint).to_owned()))
}
