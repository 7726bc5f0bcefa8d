//! The whole model with what is trained of it.

use std::sync::Arc;

use catena_kernels::{AlignedBuf, AttentionScratch, Pool, RopeTable, add};

use super::TrainingError;
use super::back::Back;
use super::batch::{Layout, LossSum, TrainBatch};
use super::embedding::Embedding;
use super::grads::{Grads, Parts};
use super::heads::{Head, decoder_head, encoder_head};
use super::latent_weights::{JoinedLatents, WithJoined};
use super::layer::Layer;
use super::linear::KeptWidth;
use super::load::Loader;
use super::memory::{TrainMemory, TrainPlan};
use super::method::Method;
use super::names::Names;
use super::options::TrainOptions;
use super::params::{Param, Params};
use super::pass::pass_of;
use super::room::Room;
use super::saving::SavedAs;
use super::shared::{LayersPlan, LayersRoom, Shared};
use super::source::WeightSource;
use super::spec::Spec;
use super::task::Task;
use crate::encoder::EncoderWeights;
use crate::{ModelConfig, ModelError};

/// A model that is being trained.
pub struct TrainModel {
    pub(super) pool: Arc<Pool>,
    pub(super) hidden_size: usize,
    vocab_size: usize,
    type_vocab_size: usize,
    max_tokens: usize,
    /// Longest sequence: what there are positions for.
    longest: usize,
    pub(super) embedding: Embedding,
    pub(super) layers: Vec<Layer>,
    head: Head,
    pub(super) ropes: Vec<RopeTable>,
    /// The lowest layer whose backward pass is needed.
    pub(super) first_trained: usize,
    pub(super) adapted: bool,
    /// Whether what is trained began with an adapter's values, not with those that add nothing.
    pub(super) begun: bool,
    pub(super) method: Method,
    pub(super) saved_as: SavedAs,
    /// The first values, if they are a part of the base: modules trained whole, or what was moved
    /// into pairs.
    pub(super) initial: Vec<f32>,
    /// Whether a part of the frozen weights was moved into pairs.
    pub(super) moved: bool,
    memory: TrainMemory,
    params: Vec<Param>,
    pub(super) values: Vec<f32>,
    pub(super) parts: Parts,
    pub(super) grads: Grads,
    /// The batch whose gradients are taken part by part.
    pub(super) back: Option<Back>,
    /// The residual stream and, on the way back, its gradient, `[t, c]`.
    pub(super) x_tc: AlignedBuf<f32>,
    pub(super) dx_tc: AlignedBuf<f32>,
    /// What layers and the head of a language model work in.
    pub(super) shared: Shared,
    losses: Vec<f64>,
}

/// What was read of a model.
struct Loaded {
    embedding: Embedding,
    layers: Vec<Layer>,
    head: Head,
    params: Params,
    /// Which values belong to which of these.
    parts: Parts,
    /// Memory of frozen weights, and of what passes use.
    room: Room,
    buffers: Room,
}

impl Loaded {
    fn load(
        mut loader: Loader<'_>,
        spec: &Spec,
        head: impl FnOnce(&mut Loader<'_>, &Spec, &Embedding) -> Result<Head, ModelError>,
    ) -> Result<Self, ModelError> {
        let method = loader.method;
        method.check()?;
        if spec.head.weight.is_none() {
            method.check_tied(loader.names.module(&spec.embedding.words))?;
        }
        let embedding = loader.embedding(spec)?;
        if let Some(prefix) = method.prefix() {
            loader.add_prefix(prefix, &spec.layers);
        }
        let mut parts = Parts { shared: 0..loader.params.len, ..Parts::default() };
        let mut layers = Vec::with_capacity(spec.layers.len());
        for (idx, layer) in spec.layers.iter().enumerate() {
            let first = loader.params.len;
            layers.push(loader.layer(idx, layer, spec.norm)?);
            parts.layers.push(first..loader.params.len);
        }
        let first = loader.params.len;
        let head = head(&mut loader, spec, &embedding)?;
        parts.head = first..loader.params.len;
        loader.check_names()?;
        if loader.params.len == 0 {
            return Err(TrainingError::NothingTrained.into());
        }
        let Loader { mut params, room, buffers, .. } = loader;
        params.values.shrink_to_fit();
        Ok(Self { embedding, layers, head, params, parts, room, buffers })
    }
}

impl TrainModel {
    /// A decoder whose weights come from `source`: frozen ones are packed, those that `method`
    /// trains become values. A head that is not a language model's is new and trained.
    ///
    /// Memory for micro-steps of up to `options.max_tokens` tokens is taken here and nowhere later.
    ///
    /// # Errors
    /// A model that computes more than the backward pass knows; a weight that is missing or has
    /// another shape than the configuration says; a method that fits no part of the model.
    pub fn decoder(
        config: &ModelConfig,
        source: &dyn WeightSource,
        task: Task,
        method: &Method,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<Self, ModelError> {
        Self::build_decoder(config, source, task, method, options, (pool, true))
    }

    /// What [`Self::decoder`] will take, found without taking it.
    ///
    /// # Errors
    /// As [`Self::decoder`].
    pub fn plan_decoder(
        config: &ModelConfig,
        source: &dyn WeightSource,
        task: Task,
        method: &Method,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<TrainPlan, ModelError> {
        Ok(Self::build_decoder(config, source, task, method, options, (pool, false))?.plan())
    }

    /// An encoder with the head of `task`, which is taken from the files if they have it.
    ///
    /// # Errors
    /// As [`Self::decoder`]; a task that the family has no head for.
    pub fn encoder(
        weights: &EncoderWeights,
        task: Task,
        method: &Method,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<Self, ModelError> {
        Self::build_encoder(weights, task, method, options, (pool, true))
    }

    /// What [`Self::encoder`] will take, found without taking it.
    ///
    /// # Errors
    /// As [`Self::encoder`].
    pub fn plan_encoder(
        weights: &EncoderWeights,
        task: Task,
        method: &Method,
        options: &TrainOptions,
        pool: Arc<Pool>,
    ) -> Result<TrainPlan, ModelError> {
        Ok(Self::build_encoder(weights, task, method, options, (pool, false))?.plan())
    }

    fn build_decoder(
        config: &ModelConfig,
        source: &dyn WeightSource,
        task: Task,
        method: &Method,
        options: &TrainOptions,
        on: (Arc<Pool>, bool),
    ) -> Result<Self, ModelError> {
        let latents = JoinedLatents::of(config);
        if method.prefix().is_some() && latents.is_some() {
            let model_type = config.model_type;
            return Err(TrainingError::PrefixOfLatents { model_type }.into());
        }
        let joined = latents.map(|latents| WithJoined { source, latents });
        let source: &dyn WeightSource = match &joined {
            Some(joined) => joined,
            None => source,
        };
        let spec = Spec::of_decoder(config, options.dtype);
        let how = (method, Names::of_decoder(config));
        let parts = (task, options);
        let mut model = Self::build(&spec, source, how, parts, on, |loader, spec, embedding| {
            decoder_head(loader, spec, embedding, task, options)
        })?;
        model.saved_as.latents = latents;
        Ok(model)
    }

    fn build_encoder(
        weights: &EncoderWeights,
        task: Task,
        method: &Method,
        options: &TrainOptions,
        on: (Arc<Pool>, bool),
    ) -> Result<Self, ModelError> {
        if method.prefix().is_some() {
            return Err(TrainingError::DecodersOnly { method: "prefix tuning" }.into());
        }
        let spec = Spec::of_encoder(weights, options.dtype);
        let parts = (task, options);
        let how = (method, Names::own());
        let mut model = Self::build(&spec, weights, how, parts, on, |loader, spec, _| {
            encoder_head(loader, spec, weights, task, options)
        })?;
        model.type_vocab_size = weights.config().type_vocab_size;
        Ok(model)
    }

    /// Makes the model, or, if it is not to take memory, an empty shell that knows how much it
    /// would take.
    fn build(
        spec: &Spec,
        source: &dyn WeightSource,
        (method, names): (&Method, Names),
        (task, options): (Task, &TrainOptions),
        (pool, takes): (Arc<Pool>, bool),
        head: impl FnOnce(&mut Loader<'_>, &Spec, &Embedding) -> Result<Head, ModelError>,
    ) -> Result<Self, ModelError> {
        let max_tokens = options.max_tokens.max(1);
        let mut saved_as = SavedAs::new(spec, task, &names);
        let loader = Loader::new(&pool, source, (method, names), options, takes);
        let loaded = Loaded::load(loader, spec, head)?;
        let Loaded { mut embedding, mut layers, mut head, params, parts, room: weights, buffers } =
            loaded;
        let c = spec.hidden_size;
        let lowest = layers.iter().position(Layer::is_trained).unwrap_or(layers.len());
        let first_trained = if embedding.is_trained() { 0 } else { lowest };
        let (mut kept, mut working) = (Room::new(takes), buffers);
        give_memory(&mut layers, first_trained, options, &mut kept);
        embedding.give_memory(&mut working, max_tokens, c);
        let plan = layers_plan(spec, options, method, &layers);
        let shared = Shared::new(&mut working, plan, head.plan_mut());
        let (x_tc, dx_tc) = (working.floats(max_tokens * c), working.floats(max_tokens * c));
        let before = method.virtual_tokens();
        let sequence = options.longest.unwrap_or(max_tokens);
        working.count(attention_bytes(spec, before + sequence.min(max_tokens), pool.threads()));
        let moved = method.lora().is_some_and(|(_, s)| s.init_lora_weights.takes_weight());
        let of_base = moved || !method.modules_to_save().is_empty();
        let by_part = options.optimizer_in_backward;
        let rooms = [&weights, &kept, &working];
        let memory = memory(params.len, of_base, (&parts, by_part), rooms);
        let Params { list: params, forms, values, .. } = params;
        saved_as.forms = forms;
        let positions = if takes { embedding.max_positions(&values, c) } else { None };
        let positions = positions.map(|rows| rows.saturating_sub(before));
        let longest = positions.unwrap_or(max_tokens).min(max_tokens).min(sequence);
        let rows = if takes { before + sequence } else { 0 };
        let ropes = spec.ropes.iter().map(|rope| RopeTable::new(rope, rows));
        Ok(TrainModel {
            hidden_size: c,
            vocab_size: spec.vocab_size,
            type_vocab_size: 0,
            max_tokens,
            longest,
            embedding,
            layers,
            head,
            ropes: ropes.collect(),
            first_trained,
            adapted: true,
            begun: false,
            method: method.clone(),
            saved_as,
            initial: if of_base { values.clone() } else { Vec::new() },
            moved,
            memory,
            params,
            grads: Grads::new(&parts, by_part, takes),
            parts,
            back: None,
            values,
            x_tc,
            dx_tc,
            shared,
            losses: Vec::new(),
            pool,
        })
    }

    fn plan(self) -> TrainPlan {
        TrainPlan { memory: self.memory, params: self.params, layers: self.layers.len() }
    }

    /// The memory that it was made with.
    pub fn memory(&self) -> TrainMemory {
        self.memory
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
    ///
    /// # Panics
    /// If gradients are taken part by part: a caller's bug.
    pub fn values_and_grads(&mut self) -> (&mut [f32], &[f32]) {
        assert!(!self.gradients_by_part(), "gradients are taken part by part");
        (&mut self.values, self.grads.held())
    }

    /// Sum of the gradients since [`Self::zero_grads`]; if they are taken part by part, those that
    /// are held at the time.
    ///
    /// # Panics
    /// If nothing was learnt since: a caller's bug. Zeros are not written before a pass adds to them.
    pub fn grads(&self) -> &[f32] {
        self.grads.held()
    }

    /// Starts a new sum of gradients. Parts that were not taken are dropped.
    pub fn zero_grads(&mut self) {
        self.back = None;
        self.grads.clear();
    }

    /// Whether adapters are added; without them, and with modules as they were before they were
    /// trained whole, the model is its base.
    pub fn set_adapted(&mut self, adapted: bool) {
        self.adapted = adapted;
    }

    /// Whether passes are those of the reference of preference losses: of the model as it was when
    /// training began. That is its base, or, of one that began from an adapter or that trains its
    /// own values, what it holds before the first step: nothing may be trained yet.
    pub fn set_reference(&mut self, reference: bool) {
        self.set_adapted(!reference || self.begun);
    }

    /// Width of the residual stream.
    pub fn hidden_size(&self) -> usize {
        self.hidden_size
    }

    /// Whether another head than a language model's stands on the trunk.
    pub(super) fn has_task_head(&self) -> bool {
        matches!(self.head, Head::Task(_))
    }

    /// Rows of the embedding.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Longest sequence.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Longest batch.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Negative log-likelihood of each supervised target of the batch, in order, in nats.
    ///
    /// # Errors
    /// A batch that is longer than planned or malformed.
    ///
    /// # Panics
    /// If the model's task is another than a language model's: a caller's bug, as for the other
    /// functions about losses.
    pub fn losses(&mut self, batch: &TrainBatch) -> Result<&[f64], ModelError> {
        let layout = self.check(batch)?;
        self.losses.clear();
        self.losses.resize(layout.targets.len(), 0.0);
        if !layout.targets.is_empty() {
            self.forward(&layout, batch);
            let len = batch.tokens.len() * self.hidden_size;
            let pass = pass_of!(self, &layout);
            let (head, x) = (self.head.language_model(), &self.x_tc[..len]);
            head.losses(&pass, &self.embedding, x, &mut self.losses, self.shared.head());
        }
        Ok(&self.losses)
    }

    /// Logits of the token that follows `tokens`, one per row of the embedding.
    ///
    /// All of the sequence is run for it: made for looking at a few texts while training, not for
    /// serving.
    ///
    /// # Errors
    /// No tokens, more than planned, or one that is not in the vocabulary.
    ///
    /// # Panics
    /// As [`Self::losses`].
    pub fn next_logits(&mut self, tokens: &[u32]) -> Result<&[f32], ModelError> {
        let Some(last) = tokens.len().checked_sub(1) else {
            return Err(TrainingError::EmptySequence { index: 0 }.into());
        };
        let batch = TrainBatch {
            tokens: tokens.to_vec(),
            labels: vec![None; tokens.len()],
            seq_starts: vec![0],
            ..TrainBatch::default()
        };
        let layout = self.check(&batch)?;
        self.forward(&layout, &batch);
        let len = tokens.len() * self.hidden_size;
        let pass = pass_of!(self, &layout);
        let (head, x) = (self.head.language_model(), &self.x_tc[..len]);
        Ok(head.logits_of(&pass, &self.embedding, last, x, self.shared.head()))
    }

    /// What the task's head gives for the batch: a row of [`Self::output_width`] values per
    /// sequence, or per token that has a label.
    ///
    /// # Errors
    /// A batch that is longer than planned or malformed, or has an empty sequence.
    ///
    /// # Panics
    /// If the model is a language model: a caller's bug.
    pub fn outputs(&mut self, batch: &TrainBatch) -> Result<&[f32], ModelError> {
        let layout = self.check(batch)?;
        if let Some(index) = layout.bounds.windows(2).position(|pair| pair[0] == pair[1]) {
            return Err(TrainingError::EmptySequence { index }.into());
        }
        self.forward(&layout, batch);
        let len = batch.tokens.len() * self.hidden_size;
        let pass = pass_of!(self, &layout);
        Ok(self.head.task().forward(&pass, &self.x_tc[..len]))
    }

    /// Values per row of [`Self::outputs`].
    ///
    /// # Panics
    /// As [`Self::outputs`].
    pub fn output_width(&mut self) -> usize {
        self.head.task().width()
    }

    /// `grads += doutputs * d(outputs) / d(values)` for the batch that [`Self::outputs`] was last
    /// called with.
    ///
    /// # Errors
    /// As [`Self::outputs`].
    ///
    /// # Panics
    /// If there are not as many gradients as outputs, or as [`Self::outputs`].
    pub fn backward_outputs(
        &mut self,
        batch: &TrainBatch,
        doutputs: &[f32],
    ) -> Result<(), ModelError> {
        let layout = self.check(batch)?;
        let len = batch.tokens.len() * self.hidden_size;
        self.grads.open(&self.parts.head);
        let pass = pass_of!(self, &layout);
        let grads = (&mut self.dx_tc[..len], &mut self.grads);
        self.head.task().backward(&pass, doutputs, grads);
        self.begin_back(layout, batch, true);
        Ok(())
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
        if !layout.targets.is_empty() {
            self.forward(&layout, batch);
        }
        self.head_and_back(layout, batch, scales);
        Ok(&self.losses)
    }

    /// The second half of [`Self::forward_backward_rows`], for the batch that [`Self::losses`] was
    /// last called with: scales may follow from the losses.
    ///
    /// # Errors
    /// A batch that is longer than planned or malformed.
    ///
    /// # Panics
    /// If there are not as many scales as supervised targets: a caller's bug.
    pub fn backward_losses(
        &mut self,
        batch: &TrainBatch,
        scales: &[f32],
    ) -> Result<(), ModelError> {
        let layout = self.check(batch)?;
        self.head_and_back(layout, batch, scales);
        Ok(())
    }

    /// From the last residual stream to losses and gradients.
    fn head_and_back(&mut self, layout: Layout, batch: &TrainBatch, scales: &[f32]) {
        assert_eq!(scales.len(), layout.targets.len(), "scales and supervised targets");
        self.losses.clear();
        self.losses.resize(layout.targets.len(), 0.0);
        self.grads.open(&self.parts.head);
        let learns = !layout.targets.is_empty();
        if learns {
            let len = batch.tokens.len() * self.hidden_size;
            let pass = pass_of!(self, &layout);
            let grads = (&mut self.dx_tc[..len], &mut self.grads);
            let (head, x) = (self.head.language_model(), &self.x_tc[..len]);
            let (losses, room) = (&mut self.losses, self.shared.head());
            head.backward(&pass, &self.embedding, x, scales, losses, grads, room);
        }
        self.begin_back(layout, batch, learns);
    }

    /// Where the model is not finite, in words: a trained tensor, the layer whose output of the
    /// last pass is the first that is not, or the first gradient.
    pub fn not_finite(&self) -> Option<String> {
        let broken = |values: &[f32]| values.iter().any(|value| !value.is_finite());
        let of = |all: &[f32]| self.params.iter().find(|p| broken(&all[p.range.clone()]));
        if let Some(param) = of(&self.values) {
            return Some(format!("the values of `{}`", param.name));
        }
        let inputs = self.layers.iter().enumerate().filter(|(_, layer)| !layer.input.is_empty());
        let first = inputs.into_iter().find(|(_, layer)| broken(&layer.input));
        match first {
            Some((0, _)) => return Some("the embedding".to_owned()),
            Some((idx, _)) => return Some(format!("the output of layer {}", idx - 1)),
            None => {}
        }
        if broken(&self.x_tc) {
            return Some(format!("the output of layer {}", self.layers.len().saturating_sub(1)));
        }
        // The way back begins at the top.
        let params = self.params.iter().rev();
        let held = |param: &&Param| self.grads.find(&param.range).is_some_and(broken);
        let param = params.into_iter().find(held);
        param.map(|param| format!("the gradient of `{}`", param.name))
    }

    fn check(&self, batch: &TrainBatch) -> Result<Layout, ModelError> {
        if self.back.is_some() {
            return Err(TrainingError::GradientsLeft.into());
        }
        let mut layout = batch.layout(self.max_tokens, self.vocab_size, self.type_vocab_size)?;
        if self.adapted {
            layout.shift(self.method.virtual_tokens());
        }
        let (noise, expected) = (batch.noise.len(), batch.tokens.len() * self.hidden_size);
        if noise != 0 && noise != expected {
            return Err(TrainingError::Noise { noise, expected }.into());
        }
        let longest = layout.bounds.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
        if longest > self.longest {
            let (tokens, max_tokens) = (longest, self.longest);
            return Err(TrainingError::SequenceTooLong { tokens, max_tokens }.into());
        }
        Ok(layout)
    }

    /// How unevenly the rows of the last pass went to experts: their number times the sum over experts
    /// of the choices per row and the mean probability of each, all layers together. `None` for a
    /// model without experts.
    ///
    /// [`TrainBatch::router_loss`] adds its gradient to that of a batch.
    pub fn router_loss(&self) -> Option<f64> {
        self.shared.experts().map(|experts| experts.balance.loss())
    }

    /// Runs embedding and layers.
    fn forward(&mut self, layout: &Layout, batch: &TrainBatch) {
        let len = batch.tokens.len() * self.hidden_size;
        if let Some(experts) = self.shared.experts_mut() {
            experts.balance.begin();
        }
        let pass = pass_of!(self, layout);
        let x = &mut self.x_tc[..len];
        self.embedding.forward(&pass, (&batch.tokens, &batch.token_types), x);
        if !batch.noise.is_empty() {
            add(&self.pool, x, &batch.noise);
        }
        let LayersRoom { passing, work } = self.shared.layers();
        for layer in &mut self.layers {
            layer.forward(&pass, x, passing, work);
        }
    }
}

/// Gives the layers what they keep from the forward pass for the way back.
fn give_memory(
    layers: &mut [Layer],
    first_trained: usize,
    options: &TrainOptions,
    room: &mut Room,
) {
    let (count, max_tokens) = (layers.len(), options.max_tokens.max(1));
    for (idx, layer) in layers.iter_mut().enumerate() {
        let recomputed = options.recompute.covers(idx, count);
        layer.give_memory(room, max_tokens, idx >= first_trained, recomputed);
    }
}

/// What a model takes that trains so many values, some of them of its base: weights, what layers keep
/// and what they work in have a room each.
fn memory(
    values: usize,
    of_base: bool,
    (parts, by_part): (&Parts, bool),
    [weights, kept, working]: [&Room; 3],
) -> TrainMemory {
    let copies = if of_base { 2 } else { 1 };
    TrainMemory {
        weights: weights.bytes(),
        values: copies * values * size_of::<f32>(),
        gradients: Grads::count(parts, by_part) * size_of::<f32>(),
        activations: kept.bytes(),
        working: working.bytes(),
        loading: weights.passing(),
    }
}

/// What attention grows to by itself over the longest sequence, in the layer where that is most.
fn attention_bytes(spec: &Spec, longest: usize, threads: usize) -> usize {
    let bytes = |shape| AttentionScratch::bytes_for(shape, longest, threads);
    spec.layers.iter().map(|layer| bytes(&layer.attention)).max().unwrap_or(0)
}

/// What the layers ask of the memory that they share.
fn layers_plan(
    spec: &Spec,
    options: &TrainOptions,
    method: &Method,
    layers: &[Layer],
) -> LayersPlan {
    LayersPlan {
        spec: spec.clone(),
        dtype: options.dtype,
        tokens: options.max_tokens.max(1),
        needs: method.needs(),
        kept: widest_kept(layers),
    }
}

/// The most that any layer's adapters keep, by slot.
fn widest_kept(layers: &[Layer]) -> Vec<KeptWidth> {
    layers.iter().map(Layer::kept_widths).fold(Vec::new(), |mut most, widths| {
        most.resize(most.len().max(widths.len()), KeptWidth::default());
        most.iter_mut().zip(widths).for_each(|(most, width)| *most = width.max(*most));
        most
    })
}
