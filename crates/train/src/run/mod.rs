//! One run: its loop, its hyper-parameters, and what it keeps on disk.

mod checkpoint;
mod config;
mod divergence;
mod figures;
mod fingerprint;
mod forecast;
mod gradients;
mod order;
mod trainer;
mod update;

pub use checkpoint::{Best, Checkpoint, Position};
pub use config::{ClipGradNorm, RunConfig};
pub use figures::{EvalMetrics, Figures, Generation, StepMetrics, StepSpeed};
pub use fingerprint::{Difference, Fingerprints, Identity};
pub use forecast::Forecast;
pub use trainer::{Observer, Resumed, TrainOutcome, Trainer};
pub use update::Updater;

pub(crate) use order::groups;
