//! The whole model with what is trained of it.

use std::sync::Arc;

use catena_kernels::{AlignedBuf, Pool, RopeTable};

use super::batch::{Layout, LossSum, TrainBatch};
use super::buffers::{Saved, Work};
use super::embedding::Embedding;
use super::head::LmHead;
use super::layer::Layer;
use super::load::Loader;
use super::method::Method;
use super::options::TrainOptions;
use super::params::{Param, Params};
use super::pass::Pass;
use super::source::WeightSource;
use super::spec::Spec;
use crate::{ModelConfig, ModelError};

/// What a pass reads, without borrowing the buffers that it changes.
macro_rules! pass {
    ($model:expr, $layout:expr) => {
        Pass {
            pool: &$model.pool,
            values: &$model.values,
            batch: $layout,
            ropes: &$model.ropes,
            adapted: $model.adapted,
        }
    };
}

/// A model that is being trained.
pub struct TrainModel {
    pool: Arc<Pool>,
    hidden_size: usize,
    vocab_size: usize,
    max_tokens: usize,
    embedding: Embedding,
    layers: Vec<Layer>,
    head: LmHead,
    ropes: Vec<RopeTable>,
    /// The lowest layer whose backward pass is needed.
    first_trained: usize,
    adapted: bool,
    params: Vec<Param>,
    values: Vec<f32>,
    grads: Vec<f32>,
    /// The residual stream and, on the way back, its gradient, `[t, c]`.
    x_tc: AlignedBuf<f32>,
    dx_tc: AlignedBuf<f32>,
    /// What a layer that keeps nothing has between its two passes.
    passing: Saved,
    work: Work,
    losses: Vec<f64>,
}

impl TrainModel {
    /// A decoder whose weights come from `source`: frozen ones are packed, those that `method`
    /// trains become values.
    ///
    /// Memory for micro-steps of up to `options.max_tokens` tokens is taken here and nowhere later.
    ///
    /// # Errors
    /// A model that computes more than the backward pass knows; a weight that is missing or has
    /// another shape than the configuration says; a method that fits no part of the model.
    pub fn new(
        config: &ModelConfig,
        source: &dyn WeightSource,
        method: &Method,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<Self, ModelError> {
        method.check()?;
        let spec = Spec::of_decoder(config, options.dtype)?;
        let max_tokens = options.max_tokens.max(1);
        let mut loader = Loader {
            pool: &pool,
            source,
            method,
            frozen: options.frozen,
            max_tokens,
            params: Params::default(),
        };
        let embedding = loader.embedding(&spec)?;
        let mut layers = Vec::with_capacity(spec.layers.len());
        for layer in &spec.layers {
            layers.push(loader.layer(layer, spec.norm)?);
        }
        let c = spec.hidden_size;
        let norm = loader.norm(spec.final_norm.as_ref(), c, spec.norm)?;
        let weight = match &spec.head.weight {
            None => None,
            Some(name) => {
                let kind = super::params::ParamKind::Head;
                Some(loader.matrix(name, spec.vocab_size, c, kind)?)
            }
        };
        let Params { list: params, values } = loader.params;
        if values.is_empty() {
            return Err(super::TrainingError::NothingTrained.into());
        }
        let work = Work::new(&spec, options.dtype, max_tokens, method.rank());
        let passing = Saved::new(&widest(&spec), max_tokens);
        let ropes = spec.ropes.iter().map(|rope| RopeTable::new(rope, max_tokens)).collect();
        let (hidden_size, vocab_size) = (spec.hidden_size, spec.vocab_size);
        let head = LmHead::new(spec, options.dtype, max_tokens, (norm, weight), &embedding);
        let first_trained = if embedding.is_trained() {
            0
        } else {
            layers.iter().position(Layer::is_trained).unwrap_or(layers.len())
        };
        let last = layers.len();
        for (idx, layer) in layers.iter_mut().enumerate().skip(first_trained) {
            layer.input = AlignedBuf::zeroed(max_tokens * c);
            if !options.recompute.covers(idx, last) {
                layer.saved = Some(Saved::new(&layer.spec, max_tokens));
            }
        }
        Ok(TrainModel {
            hidden_size,
            vocab_size,
            max_tokens,
            embedding,
            layers,
            head,
            ropes,
            first_trained,
            adapted: true,
            params,
            grads: vec![0.0; values.len()],
            values,
            x_tc: AlignedBuf::zeroed(max_tokens * c),
            dx_tc: AlignedBuf::zeroed(max_tokens * c),
            passing,
            work,
            losses: Vec::new(),
            pool,
        })
    }

    /// The trained tensors, in flat order.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Trained values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Trained values, to be changed.
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

    /// Whether adapters are added; without them the model is its base, the reference of preference
    /// losses.
    pub fn set_adapted(&mut self, adapted: bool) {
        self.adapted = adapted;
    }

    /// Longest batch.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Memory of weights and trained values with their gradients.
    pub fn weight_bytes(&self) -> usize {
        let layers: usize = self.layers.iter().map(Layer::weight_bytes).sum();
        let trained = (self.values.len() + self.grads.len()) * size_of::<f32>();
        self.embedding.words.bytes() + layers + self.head.weight_bytes() + trained
    }

    /// Negative log-likelihood of each supervised target of the batch, in order, in nats.
    ///
    /// # Errors
    /// A batch that is longer than planned or malformed.
    pub fn losses(&mut self, batch: &TrainBatch) -> Result<&[f64], ModelError> {
        let layout = self.check(batch)?;
        self.losses.clear();
        self.losses.resize(layout.targets.len(), 0.0);
        if !layout.targets.is_empty() {
            self.forward(&layout, &batch.tokens);
            let len = batch.tokens.len() * self.hidden_size;
            let pass = pass!(self, &layout);
            self.head.losses(&pass, &self.embedding, &self.x_tc[..len], &mut self.losses);
        }
        Ok(&self.losses)
    }

    /// Sum of the losses of the batch; the gradients stay as they are.
    ///
    /// # Errors
    /// A batch that is longer than planned or malformed.
    pub fn loss(&mut self, batch: &TrainBatch) -> Result<LossSum, ModelError> {
        let losses = self.losses(batch)?;
        Ok(LossSum { loss_sum: losses.iter().sum(), tokens: losses.len() })
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
        let supervised = batch.labels.iter().flatten().count();
        let losses = self.forward_backward_rows(batch, &vec![grad_scale; supervised])?;
        Ok(LossSum { loss_sum: losses.iter().sum(), tokens: losses.len() })
    }

    /// The losses of [`Self::losses`], and `grads += d(sum(scale * loss)) / d(values)`, one scale
    /// per supervised target.
    ///
    /// # Errors
    /// A batch that is longer than planned or malformed.
    ///
    /// # Panics
    /// If there are not as many scales as supervised targets: a caller's bug.
    pub fn forward_backward_rows(
        &mut self,
        batch: &TrainBatch,
        scales: &[f32],
    ) -> Result<&[f64], ModelError> {
        let layout = self.check(batch)?;
        assert_eq!(scales.len(), layout.targets.len(), "scales and supervised targets");
        self.losses.clear();
        self.losses.resize(layout.targets.len(), 0.0);
        if !layout.targets.is_empty() {
            self.forward(&layout, &batch.tokens);
            let len = batch.tokens.len() * self.hidden_size;
            let pass = pass!(self, &layout);
            let grads = (&mut self.dx_tc[..len], &mut self.grads[..]);
            let x = &self.x_tc[..len];
            self.head.backward(&pass, &self.embedding, x, scales, &mut self.losses, grads);
            self.backward(&layout, &batch.tokens);
        }
        Ok(&self.losses)
    }

    fn check(&self, batch: &TrainBatch) -> Result<Layout, ModelError> {
        Ok(batch.layout(self.max_tokens, self.vocab_size)?)
    }

    /// Runs embedding and layers.
    fn forward(&mut self, layout: &Layout, tokens: &[u32]) {
        let len = tokens.len() * self.hidden_size;
        let pass = pass!(self, layout);
        let x = &mut self.x_tc[..len];
        self.embedding.forward(&pass, tokens, x);
        for layer in &mut self.layers {
            layer.forward(&pass, x, &mut self.passing, &mut self.work);
        }
    }

    /// Runs back from the gradient of the last residual stream.
    fn backward(&mut self, layout: &Layout, tokens: &[u32]) {
        let len = tokens.len() * self.hidden_size;
        let pass = pass!(self, layout);
        let (x, dx) = (&mut self.x_tc[..len], &mut self.dx_tc[..len]);
        let embedding = self.embedding.is_trained();
        for (idx, layer) in self.layers.iter_mut().enumerate().skip(self.first_trained).rev() {
            let wants_input = idx > self.first_trained || embedding;
            let (passing, work) = (&mut self.passing, &mut self.work);
            layer.backward(&pass, (dx, x), wants_input, &mut self.grads, passing, work);
        }
        if embedding {
            self.embedding.backward(&pass, tokens, dx, &mut self.grads);
        }
    }
}

/// A layer as wide as the widest in each of its parts.
fn widest(spec: &Spec) -> super::spec::LayerSpec {
    let mut widest = spec.layers[0].clone();
    for layer in &spec.layers {
        widest.intermediate_size = widest.intermediate_size.max(layer.intermediate_size);
    }
    widest
}
