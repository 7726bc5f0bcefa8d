//! Supervised fine-tuning: schedules, the optimizer, checkpoints and the training loop.
//!
//! A run is a pure function of its samples, its configuration and the model's initial values.
//! The order of samples is drawn from `(seed, epoch)` alone, so a checkpoint needs no generator
//! state: it holds the values, the optimizer's moments and the position. **Invariant:** a run
//! that was killed and resumed ends with the same bits as one that was not.
//!
//! The loop sees the model through [`Trainable`]; the forward and backward pass live in
//! `catena-model`.

mod check;
mod checkpoint;
mod config;
mod error;
mod loss;
mod metrics;
mod neftune;
mod optimizer;
mod order;
mod schedule;
mod tensorboard;
mod trainable;
mod trainer;

pub use checkpoint::Checkpoint;
pub use config::SftConfig;
pub use error::TrainError;
pub use loss::*;
pub use metrics::StepMetrics;
pub use neftune::{add_neftune_noise, neftune_scale};
pub use optimizer::*;
pub use order::{Sample, steps_per_epoch};
pub use schedule::{Schedule, WarmupStableDecay, WsdShape};
pub use tensorboard::EventWriter;
pub use trainable::Trainable;
pub use trainer::{TrainOutcome, Trainer};

#[cfg(test)]
mod tests;
