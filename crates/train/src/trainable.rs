//! What the training loop needs of a model.

use crate::error::TrainError;
use catena_model::training::{LossSum, TrainBatch, TrainModel};

/// A model with a flat vector of trained values and a gradient of the same length.
pub trait Trainable {
    /// Trained values.
    fn values(&self) -> &[f32];
    /// Trained values, to be changed.
    fn values_mut(&mut self) -> &mut [f32];
    /// Trained values, to be changed, beside their gradient.
    fn values_and_grads(&mut self) -> (&mut [f32], &[f32]);
    /// Gradient of what was accumulated since [`Trainable::zero_grads`].
    fn grads(&self) -> &[f32];
    /// Sets the gradient to zero.
    fn zero_grads(&mut self);
    /// Adds `grad_scale` times the gradient of the batch's summed loss.
    ///
    /// # Errors
    /// What the model says about the batch.
    fn forward_backward(
        &mut self,
        batch: &TrainBatch,
        grad_scale: f32,
    ) -> Result<LossSum, TrainError>;
}

impl Trainable for TrainModel {
    fn values(&self) -> &[f32] {
        TrainModel::values(self)
    }

    fn values_mut(&mut self) -> &mut [f32] {
        TrainModel::values_mut(self)
    }

    fn values_and_grads(&mut self) -> (&mut [f32], &[f32]) {
        TrainModel::values_and_grads(self)
    }

    fn grads(&self) -> &[f32] {
        TrainModel::grads(self)
    }

    fn zero_grads(&mut self) {
        TrainModel::zero_grads(self);
    }

    fn forward_backward(
        &mut self,
        batch: &TrainBatch,
        grad_scale: f32,
    ) -> Result<LossSum, TrainError> {
        Ok(TrainModel::forward_backward(self, batch, grad_scale)?)
    }
}
