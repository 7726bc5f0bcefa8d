//! What the loop asks of an objective.

use crate::error::TrainError;
use crate::run::Figures;
use crate::trainable::Trainable;
use camino::Utf8Path;
use catena_protocol::{Cancel, Progress};

/// What is learnt from a set of samples.
pub trait Objective {
    /// Its name, which is part of a run's identity.
    fn name(&self) -> &'static str;

    /// Number of samples.
    fn num_samples(&self) -> usize;

    /// Hands over everything that the result depends on.
    fn identify(&self, feed: &mut dyn FnMut(&[u8]));

    /// What must be known before the first step, such as the reference model's log-probabilities;
    /// a resumed run finds it in the folder.
    ///
    /// # Errors
    /// File and model errors, cancellation.
    fn prepare(
        &mut self,
        _model: &mut dyn Trainable,
        _preparation: &Preparation<'_>,
    ) -> Result<(), TrainError> {
        Ok(())
    }

    /// Adds the gradient of the mean loss over the step's samples.
    ///
    /// # Errors
    /// What the model says about a batch.
    fn learn(&mut self, model: &mut dyn Trainable, step: &Step<'_>) -> Result<Figures, TrainError>;

    /// The mean loss over all samples; gradients stay as they are.
    ///
    /// # Errors
    /// What the model says about a batch; cancellation.
    fn evaluate(
        &mut self,
        model: &mut dyn Trainable,
        micro_step_tokens: usize,
        cancel: &Cancel,
    ) -> Result<Figures, TrainError>;
}

/// One optimizer step.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Its number, from 0.
    pub number: u64,
    /// Its samples, by index.
    pub chosen: &'a [usize],
    /// Most tokens in one pass.
    pub micro_step_tokens: usize,
    /// Strength and seed of the noise on embeddings.
    pub noise: Option<(f64, u64)>,
}

/// Where and how an objective prepares.
pub struct Preparation<'a> {
    /// The run's folder.
    pub dir: &'a Utf8Path,
    /// Which set of samples it is: part of file names.
    pub set: &'a str,
    /// Who is told.
    pub progress: &'a dyn Progress,
    /// Whether to stop.
    pub cancel: &'a Cancel,
}

/// Stops an evaluation that nobody waits for.
pub(super) fn check_cancel(cancel: &Cancel) -> Result<(), TrainError> {
    if cancel.is_cancelled() { Err(TrainError::Cancelled) } else { Ok(()) }
}
