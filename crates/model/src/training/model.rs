//! The whole decoder with its adapter.

use std::sync::Arc;

use catena_kernels::{DenseType, Pool};

use super::TrainingError;
use super::attention::Shared;
use super::batch::{Layout, LossSum, TrainBatch};
use super::buffers::Work;
use super::head::Head;
use super::layer::{Layer, Plan, WeightSource};
use super::lora::{LoraConfig, Param};
use crate::{Checkpoint, ModelConfig, ModelError};

/// A decoder with a frozen base and a LoRA adapter that is being trained.
pub struct TrainModel {
    pool: Arc<Pool>,
    shared: Shared,
    head: Head,
    layers: Vec<Layer>,
    work: Work,
    params: Vec<Param>,
    values: Vec<f32>,
    grads: Vec<f32>,
    max_tokens: usize,
}

impl TrainModel {
    /// Packs the checkpoint's weights as bf16 and draws the adapter's first values.
    ///
    /// Memory for micro-steps of up to `max_tokens_per_micro_step` tokens is allocated here and
    /// nowhere later; [`Self::bytes`] says how much.
    ///
    /// # Errors
    /// A model that computes more than the backward pass knows; a weight that is missing or has
    /// another shape than the configuration says; an adapter configuration that fits no projection.
    pub fn new(
        checkpoint: &Checkpoint,
        lora: &LoraConfig,
        max_tokens_per_micro_step: usize,
        pool: Arc<Pool>,
    ) -> Result<Self, ModelError> {
        Self::with_type(checkpoint, lora, max_tokens_per_micro_step, pool, DenseType::Bf16)
    }

    /// [`Self::new`] with products of another element type: f32 takes twice the memory and agrees
    /// with a reference in f32 to its last bits.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_type(
        checkpoint: &Checkpoint,
        lora: &LoraConfig,
        max_tokens_per_micro_step: usize,
        pool: Arc<Pool>,
        dtype: DenseType,
    ) -> Result<Self, ModelError> {
        let mut weight = |name: &str, expected: &[usize]| {
            let weight = checkpoint.weight(name)?;
            if weight.shape != expected {
                let (name, expected) = (name.to_owned(), expected.to_vec());
                return Err(ModelError::ShapeMismatch { name, found: weight.shape, expected });
            }
            Ok(weight.to_f32())
        };
        let config = checkpoint.config();
        Self::from_weights(config, lora, max_tokens_per_micro_step, pool, dtype, &mut weight)
    }

    /// Builds from a function that gives a tensor by Hugging Face name and expected shape.
    pub(super) fn from_weights(
        config: &ModelConfig,
        lora: &LoraConfig,
        max_tokens: usize,
        pool: Arc<Pool>,
        dtype: DenseType,
        weight: &mut WeightSource<'_>,
    ) -> Result<Self, ModelError> {
        if let Some(what) = config.beyond_llama() {
            let model_type = config.model_type;
            return Err(TrainingError::Architecture { model_type, what }.into());
        }
        let layout = lora.layout(config)?;
        let max_tokens = max_tokens.max(1);
        let head = Head::load(&pool, config, dtype, max_tokens, weight)?;
        let (scale, params) = (lora.scale(), layout.params);
        let plan = Plan { config, dtype, params: &params, scale, max_tokens };
        let mut layers = Vec::with_capacity(layout.layers.len());
        for (idx, projections) in layout.layers.iter().enumerate() {
            layers.push(Layer::load(&pool, &plan, idx, projections, weight)?);
        }
        let values = lora.first_values(&params);
        let mut model = TrainModel {
            shared: Shared::new(config, dtype, max_tokens),
            head,
            layers,
            work: Work::new(config, dtype, max_tokens, lora.r),
            grads: vec![0.0; values.len()],
            params,
            values,
            max_tokens,
            pool,
        };
        model.refresh();
        Ok(model)
    }

    /// The trained tensors, in flat order.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Trained values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Trained values, to be changed; [`Self::refresh`] takes the changes into use.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Trained values, to be changed, beside their gradient.
    pub fn values_and_grads(&mut self) -> (&mut [f32], &[f32]) {
        (&mut self.values, &self.grads)
    }

    /// Sum of the gradients since [`Self::zero_grads`].
    pub fn grads(&self) -> &[f32] {
        &self.grads
    }

    /// Starts a new sum of gradients.
    pub fn zero_grads(&mut self) {
        self.grads.fill(0.0);
    }

    /// Takes changed values into use.
    pub fn refresh(&mut self) {
        for layer in &mut self.layers {
            layer.refresh(&self.pool, &self.values, &mut self.work.linear);
        }
    }

    /// Memory of packed weights and kept activations: the greatest part of what training takes.
    pub fn bytes(&mut self) -> usize {
        let layers: usize = self.layers.iter_mut().map(Layer::bytes).sum();
        self.head.bytes() + layers + (self.values.len() + self.grads.len()) * size_of::<f32>()
    }

    /// Sum of the losses of the batch; the gradients stay as they are.
    ///
    /// # Errors
    /// A batch that is longer than planned or malformed.
    pub fn loss(&mut self, batch: &TrainBatch) -> Result<LossSum, ModelError> {
        let layout = self.check(batch)?;
        self.forward(&layout, &batch.tokens);
        let tokens = layout.targets.len();
        let x = &self.work.x_tc[..batch.tokens.len() * self.shared.config.hidden_size];
        let loss_sum = self.head.loss(&self.pool, &layout, x, None);
        Ok(LossSum { loss_sum, tokens })
    }

    /// Sum of the losses of the batch, and `grads += grad_scale * d(sum) / d(values)`.
    ///
    /// # Errors
    /// A batch that is longer than planned or malformed.
    pub fn forward_backward(
        &mut self,
        batch: &TrainBatch,
        grad_scale: f32,
    ) -> Result<LossSum, ModelError> {
        let layout = self.check(batch)?;
        let tokens = layout.targets.len();
        if tokens == 0 {
            return Ok(LossSum::default());
        }
        self.forward(&layout, &batch.tokens);
        let (pool, work) = (&*self.pool, &mut self.work);
        let len = batch.tokens.len() * self.shared.config.hidden_size;
        let grad = Some((grad_scale, &mut work.dx_tc[..len]));
        let loss_sum = self.head.loss(pool, &layout, &work.x_tc[..len], grad);
        for layer in self.layers.iter_mut().rev() {
            layer.backward(pool, &self.shared, &layout, work, &mut self.grads);
        }
        Ok(LossSum { loss_sum, tokens })
    }

    fn check(&self, batch: &TrainBatch) -> Result<Layout, ModelError> {
        Ok(batch.layout(self.max_tokens, self.shared.config.vocab_size)?)
    }

    fn forward(&mut self, layout: &Layout, tokens: &[u32]) {
        if tokens.is_empty() {
            return;
        }
        let (pool, work) = (&*self.pool, &mut self.work);
        let len = tokens.len() * self.shared.config.hidden_size;
        self.head.embed(pool, tokens, &mut work.x_tc[..len]);
        for layer in &mut self.layers {
            layer.forward(pool, &self.shared, layout, work);
        }
    }
}
