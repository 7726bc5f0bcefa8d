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

pub use checkpoint::{Best, Checkpoint, Position};
pub use config::RunConfig;
pub use figures::{EvalMetrics, Figures, Generation, StepMetrics, StepSpeed};
pub use fingerprint::{Difference, Fingerprints, Identity};
pub use forecast::Forecast;
pub use trainer::{Observer, Resumed, TrainOutcome, Trainer};

pub(crate) use order::groups;
