//! What the loop asks of an objective.

use crate::error::TrainError;
use crate::loss::LossAndGrad;
use crate::run::{Figures, groups};
use crate::trainable::Trainable;
use camino::Utf8Path;
use catena_model::training::TrainBatch;
use catena_protocol::{Cancel, Progress};
use serde::Serialize;

/// What is learnt from a set of samples.
pub trait Objective {
    /// Its name, which is part of a run's identity.
    fn name(&self) -> &'static str;

    /// Number of samples.
    fn num_samples(&self) -> usize;

    /// Tokens of a sample, with all that belongs to it.
    fn num_tokens(&self, index: usize) -> usize;

    /// Tokens of the longest piece that one pass must hold whole.
    fn longest(&self) -> usize {
        (0..self.num_samples()).map(|index| self.num_tokens(index)).max().unwrap_or(0)
    }

    /// Tokens that [`Self::prepare`] runs forward.
    fn reference_tokens(&self) -> usize {
        0
    }

    /// Lets samples be run before [`Self::prepare`], to see how long they take: the losses are
    /// none that mean anything.
    fn rehearse(&mut self) {}

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

    /// The mean loss over the samples of a pass, whose gradient is added if the pass learns.
    ///
    /// # Errors
    /// What the model says about a batch; cancellation.
    fn run(&mut self, model: &mut dyn Trainable, pass: &Pass<'_>) -> Result<Figures, TrainError>;

    /// The mean loss over all samples; gradients stay as they are.
    ///
    /// # Errors
    /// As [`Self::run`].
    fn evaluate(
        &mut self,
        model: &mut dyn Trainable,
        micro_step_tokens: usize,
        cancel: &Cancel,
    ) -> Result<Figures, TrainError> {
        let chosen: Vec<usize> = (0..self.num_samples()).collect();
        let purpose = Purpose::Evaluate(cancel);
        self.run(model, &Pass { chosen: &chosen, micro_step_tokens, purpose })
    }
}

/// Samples that a loss is the mean of: those of an optimizer step, or of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Pass<'a> {
    /// The samples, by index.
    pub chosen: &'a [usize],
    /// Most tokens in one micro-step.
    pub micro_step_tokens: usize,
    /// What the samples are run for.
    pub purpose: Purpose<'a>,
}

/// What samples are run for.
#[derive(Clone, Copy, Debug)]
pub enum Purpose<'a> {
    /// To learn from them, to the end of the step.
    Learn(Step),
    /// To see how well they are known, until it is cancelled; gradients stay as they are.
    Evaluate(&'a Cancel),
}

/// One optimizer step.
#[derive(Clone, Copy, Debug, Default)]
pub struct Step {
    /// Its number, from 0.
    pub number: u64,
    /// Strength and seed of the noise on embeddings.
    pub noise: Option<(f64, u64)>,
}

impl<'a> Pass<'a> {
    /// Whether gradients are added.
    pub(super) fn learns(&self) -> bool {
        matches!(self.purpose, Purpose::Learn(_))
    }

    pub(super) fn cancel(&self) -> Option<&'a Cancel> {
        match self.purpose {
            Purpose::Learn(_) => None,
            Purpose::Evaluate(cancel) => Some(cancel),
        }
    }

    /// The samples in runs of at most `micro_step_tokens` tokens, of which `len` says how many a
    /// sample has; an error once the pass is cancelled.
    pub(super) fn micro_steps(
        &self,
        len: impl Fn(usize) -> usize,
    ) -> impl Iterator<Item = Result<&'a [usize], TrainError>> {
        let (chosen, cancel) = (self.chosen, self.cancel());
        let lens: Vec<usize> = chosen.iter().map(|&index| len(index)).collect();
        groups(&lens, self.micro_step_tokens)
            .into_iter()
            .map(move |group| check_cancel(cancel).map(|()| &chosen[group]))
    }

    /// Runs a batch whose loss is computed by `loss` from the outputs of the model's head.
    pub(super) fn run_outputs(
        &self,
        model: &mut dyn Trainable,
        batch: &TrainBatch,
        figures: &mut Figures,
        loss: impl FnOnce(&[f32]) -> LossAndGrad,
    ) -> Result<(), TrainError> {
        let LossAndGrad { loss, grad } = loss(model.outputs(batch)?);
        figures.loss += loss;
        figures.tokens += batch.tokens.len();
        if self.learns() {
            model.backward_outputs(batch, &grad)?;
        }
        Ok(())
    }
}

/// Where and how an objective prepares.
pub struct Preparation<'a> {
    /// The run's folder.
    pub dir: &'a Utf8Path,
    /// Which set of samples it is: part of file names.
    pub set: &'a str,
    /// Tells the samples and the model from others: what was kept for others is not used.
    pub fingerprint: &'a str,
    /// Who is told.
    pub progress: &'a dyn Progress,
    /// Whether to stop.
    pub cancel: &'a Cancel,
}

/// Hands over a configuration, of numbers and names.
pub(super) fn identify_config(config: &impl Serialize, feed: &mut dyn FnMut(&[u8])) {
    feed(serde_json::to_string(config).expect("plain numbers serialize").as_bytes());
}

/// Stops what nobody waits for.
pub(super) fn check_cancel(cancel: Option<&Cancel>) -> Result<(), TrainError> {
    if cancel.is_some_and(Cancel::is_cancelled) { Err(TrainError::Cancelled) } else { Ok(()) }
}
