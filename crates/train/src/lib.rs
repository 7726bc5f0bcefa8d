//! Training: objectives and their losses, optimizers, schedules, and the loop with its checkpoints.
//!
//! A run is a pure function of its samples, its configuration and the model's initial values.
//! The order of samples is drawn from `(seed, epoch)` alone, so a checkpoint needs no generator
//! state: it holds the values, the optimizer's state and the position. **Invariant:** a run
//! that was killed and resumed ends with the same bits as one that was not. What the machine
//! computes with is part of the last bits; a run that goes on with something else says so.
//!
//! The loop ([`Trainer`]) sees what is learnt as an [`Objective`] and the model as a [`Trainable`];
//! the forward and backward pass live in `catena-model`.

mod check;
mod error;
mod loss;
mod neftune;
mod objective;
mod optimizer;
mod run;
mod schedule;
mod tensorboard;
mod trainable;

pub use error::TrainError;
pub use loss::*;
pub use neftune::{add_neftune_noise, neftune_scale};
pub use objective::*;
pub use optimizer::*;
pub use run::{
    Best, Checkpoint, ClipGradNorm, Difference, EvalMetrics, Figures, Fingerprints, Forecast,
    Generation, Identity, Observer, Position, Resumed, RunConfig, StepMetrics, StepSpeed,
    TrainOutcome, Trainer, Updater,
};
pub use schedule::{Schedule, WarmupStableDecay, WsdShape};
pub use tensorboard::EventWriter;
pub use trainable::{Trainable, trained_tensors};

#[cfg(test)]
mod tests;
