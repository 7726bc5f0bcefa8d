//! What can go wrong in a training run.

use crate::run::Difference;
use camino::Utf8PathBuf;
use thiserror::Error;

/// An error of a training run.
#[derive(Debug, Error)]
pub enum TrainError {
    // Fix the input.
    /// A hyper-parameter is out of range.
    #[error("`{key}` is {value}, it must be {range}")]
    InvalidConfig {
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        range: &'static str,
    },
    /// The training set is empty.
    #[error("the training set has no samples")]
    NoSamples,
    /// A sample's labels do not match its tokens.
    #[error("sample {index} has {tokens} tokens and {labels} labels")]
    LabelCount {
        /// Which sample.
        index: usize,
        /// Its tokens.
        tokens: usize,
        /// Its labels.
        labels: usize,
    },
    /// A sample does not fit into one pass.
    #[error("sample {index} has {tokens} tokens, a pass takes at most {max_tokens}")]
    SampleTooLong {
        /// Which sample.
        index: usize,
        /// Its tokens.
        tokens: usize,
        /// The limit.
        max_tokens: usize,
    },
    /// No position of a sample carries a loss.
    #[error("sample {index} has no supervised token: its answer was cut off or masked entirely")]
    NothingSupervised {
        /// Which sample.
        index: usize,
    },
    /// A text has no tokens.
    #[error("sample {index} has a text without tokens")]
    EmptySample {
        /// Which sample.
        index: usize,
    },
    /// What a text should be told as does not go with the head.
    #[error("sample {index} is {target}, which does not go with a head of {width} outputs")]
    Target {
        /// Which sample.
        index: usize,
        /// What it is.
        target: String,
        /// Outputs of the head.
        width: usize,
    },
    /// Samples have different numbers of negatives.
    #[error("sample {index} has {found} negatives, the first has {expected}")]
    Negatives {
        /// Which sample.
        index: usize,
        /// Its negatives.
        found: usize,
        /// Those of the first.
        expected: usize,
    },
    /// A sample lacks what its loss compares.
    #[error("sample {index} has no {part}, which the loss `{loss}` needs")]
    MissingPart {
        /// Which sample.
        index: usize,
        /// What it lacks.
        part: &'static str,
        /// The loss.
        loss: &'static str,
    },
    /// A checkpoint belongs to another run, and says which part of it is another.
    #[error("the checkpoint is of a run {}", in_words(.differences))]
    OtherRun {
        /// What differs.
        differences: Vec<Difference>,
    },
    /// A checkpoint belongs to another run.
    #[error("the checkpoint's {what} is {found}, this run has {expected}")]
    CheckpointMismatch {
        /// What differs.
        what: &'static str,
        /// The checkpoint's.
        found: String,
        /// This run's.
        expected: String,
    },
    /// A checkpoint lacks a tensor of the optimizer's state.
    #[error("the checkpoint has no optimizer state `{name}`")]
    MissingState {
        /// The tensor.
        name: String,
    },
    /// A checkpoint has a tensor that the optimizer does not keep.
    #[error("the checkpoint has optimizer state `{name}`, which {optimizer} does not keep here")]
    UnknownState {
        /// The tensor.
        name: String,
        /// The optimizer of this run.
        optimizer: &'static str,
    },
    /// A tensor of the optimizer's state is of another size or type.
    #[error("optimizer state `{name}` has {what} {found}, this run has {expected}")]
    StateMismatch {
        /// The tensor.
        name: String,
        /// What differs.
        what: &'static str,
        /// The checkpoint's.
        found: String,
        /// This run's.
        expected: String,
    },
    /// A checkpoint cannot be read.
    #[error("checkpoint `{path}` is not readable: {reason}")]
    CorruptCheckpoint {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The loss or the gradient is not a number.
    #[error("{what} at step {step} is {value}; not finite first: {place}")]
    NotFinite {
        /// `loss` or `gradient norm`.
        what: &'static str,
        /// The step, from 1.
        step: u64,
        /// The value.
        value: f64,
        /// The layer or tensor where it began.
        place: String,
    },
    /// The loss has risen far above what it was.
    #[error(
        "the smoothed loss at step {step} is {smoothed:.3}, above {bound:.3}; the largest gradient \
         of that step is {largest_gradient}"
    )]
    Diverged {
        /// The step, from 1.
        step: u64,
        /// The smoothed loss.
        smoothed: f64,
        /// What it may be at most.
        bound: f64,
        /// The tensor with the largest gradient in that step, and its norm.
        largest_gradient: String,
    },
    // Fix the machine.
    /// A file operation failed.
    #[error("cannot write or read `{path}`")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The model refused a batch.
    #[error(transparent)]
    Model(#[from] catena_model::ModelError),
    // Retry.
    /// The run was asked to stop while it prepared.
    #[error("stopped before the step was done; the run resumes from its last checkpoint")]
    Cancelled,
    /// The run was asked to stop; its checkpoint is on disk.
    #[error("interrupted at step {step}; the run resumes from there")]
    Interrupted {
        /// Steps done and saved.
        step: u64,
    },
}

fn in_words(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
