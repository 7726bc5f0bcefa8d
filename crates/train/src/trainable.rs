//! What the training loop needs of a model.

use crate::error::TrainError;
use crate::optimizer::TrainedTensor;
use catena_model::training::{GradientPart, Param, ParamKind, TrainBatch, TrainModel};

/// A model with a flat vector of trained values and a gradient of the same length.
///
/// Objectives of language models call the functions about losses, others those about outputs; a
/// model has one of the two.
pub trait Trainable {
    /// The trained tensors, in the order of the values.
    fn params(&self) -> &[Param];
    /// Trained values.
    fn values(&self) -> &[f32];
    /// Trained values, to be changed.
    fn values_mut(&mut self) -> &mut [f32];
    /// Trained values, to be changed, beside their gradient.
    fn values_and_grads(&mut self) -> (&mut [f32], &[f32]);
    /// Gradient of what was accumulated since [`Trainable::zero_grads`]; there must be something.
    fn grads(&self) -> &[f32];
    /// Sets the gradient to zero.
    fn zero_grads(&mut self);
    /// Whether the gradient is taken with [`Trainable::next_gradients`], that of one part of the model
    /// at a time: a step then is one micro-step, and the two functions above know no whole gradient.
    fn gradients_by_part(&self) -> bool {
        false
    }
    /// What the next part of the model learns from the last batch, and its values to be changed
    /// ([`TrainModel::next_gradients`]).
    fn next_gradients(&mut self) -> Option<GradientPart<'_>> {
        None
    }
    /// Width of the embeddings, which NEFTune's noise is as wide as.
    fn hidden_size(&self) -> usize;
    /// Whether passes are those of the model as it was when training began: its base, or, of one that
    /// went on from an adapter or that trains its own values, what it is before the first step.
    fn set_reference(&mut self, reference: bool);
    /// Where the model or its gradient is not finite, in words.
    fn not_finite(&self) -> Option<String>;

    /// Negative log-likelihood of each supervised target, in order.
    ///
    /// # Errors
    /// What the model says about the batch.
    fn losses(&mut self, batch: &TrainBatch) -> Result<&[f64], TrainError>;

    /// Adds the gradient of `sum(scale * loss)`; `batch` is the one of the last
    /// [`Trainable::losses`].
    ///
    /// # Errors
    /// What the model says about the batch.
    fn backward_losses(&mut self, batch: &TrainBatch, scales: &[f32]) -> Result<(), TrainError>;

    /// Both at once, for scales that do not depend on the losses.
    ///
    /// # Errors
    /// What the model says about the batch.
    fn learn_losses(&mut self, batch: &TrainBatch, scales: &[f32]) -> Result<&[f64], TrainError>;

    /// How unevenly the last pass chose experts ([`TrainModel::router_loss`]); `None` without any.
    fn router_loss(&self) -> Option<f64> {
        None
    }

    /// Logits of the token that follows, from a language model.
    ///
    /// # Errors
    /// What the model says about the tokens.
    fn next_logits(&mut self, tokens: &[u32]) -> Result<&[f32], TrainError>;

    /// Values of the model's head, a row per sequence or labelled token.
    ///
    /// # Errors
    /// What the model says about the batch.
    fn outputs(&mut self, batch: &TrainBatch) -> Result<&[f32], TrainError>;

    /// Values per row of the outputs.
    fn output_width(&mut self) -> usize;

    /// Adds the gradient of `sum(doutputs * outputs)`; `batch` is the one of the last
    /// [`Trainable::outputs`].
    ///
    /// # Errors
    /// What the model says about the batch.
    fn backward_outputs(&mut self, batch: &TrainBatch, doutputs: &[f32]) -> Result<(), TrainError>;
}

impl Trainable for TrainModel {
    fn params(&self) -> &[Param] {
        TrainModel::params(self)
    }

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

    fn gradients_by_part(&self) -> bool {
        TrainModel::gradients_by_part(self)
    }

    fn next_gradients(&mut self) -> Option<GradientPart<'_>> {
        TrainModel::next_gradients(self)
    }

    fn hidden_size(&self) -> usize {
        TrainModel::hidden_size(self)
    }

    fn set_reference(&mut self, reference: bool) {
        TrainModel::set_reference(self, reference);
    }

    fn not_finite(&self) -> Option<String> {
        TrainModel::not_finite(self)
    }

    fn losses(&mut self, batch: &TrainBatch) -> Result<&[f64], TrainError> {
        Ok(TrainModel::losses(self, batch)?)
    }

    fn backward_losses(&mut self, batch: &TrainBatch, scales: &[f32]) -> Result<(), TrainError> {
        Ok(TrainModel::backward_losses(self, batch, scales)?)
    }

    fn learn_losses(&mut self, batch: &TrainBatch, scales: &[f32]) -> Result<&[f64], TrainError> {
        Ok(TrainModel::forward_backward_rows(self, batch, scales)?)
    }

    fn router_loss(&self) -> Option<f64> {
        TrainModel::router_loss(self)
    }

    fn next_logits(&mut self, tokens: &[u32]) -> Result<&[f32], TrainError> {
        Ok(TrainModel::next_logits(self, tokens)?)
    }

    fn outputs(&mut self, batch: &TrainBatch) -> Result<&[f32], TrainError> {
        Ok(TrainModel::outputs(self, batch)?)
    }

    fn output_width(&mut self) -> usize {
        TrainModel::output_width(self)
    }

    fn backward_outputs(&mut self, batch: &TrainBatch, doutputs: &[f32]) -> Result<(), TrainError> {
        Ok(TrainModel::backward_outputs(self, batch, doutputs)?)
    }
}

/// The model's tensors as optimizers see them: the second half of low-rank pairs learns
/// `loraplus_lr_ratio` times as fast, and biases and norms do not decay.
///
/// # Source
/// Hayou et al. 2024, arXiv:2402.12354; `transformers`' `get_decay_parameter_names`.
pub fn trained_tensors(params: &[Param], loraplus_lr_ratio: f64) -> Vec<TrainedTensor> {
    let tensor = |param: &Param| TrainedTensor {
        name: param.name.clone(),
        shape: param.shape.clone(),
        range: param.range.clone(),
        learning_rate_factor: match param.kind {
            ParamKind::LoraB => loraplus_lr_ratio,
            ParamKind::Matrix
            | ParamKind::Bias
            | ParamKind::Norm
            | ParamKind::Embedding
            | ParamKind::Head
            | ParamKind::LoraA => 1.0,
        },
        decays: param.kind.decays(),
    };
    params.iter().map(tensor).collect()
}
