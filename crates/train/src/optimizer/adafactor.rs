//! Adafactor: second moments of matrices as row and column means.

use super::api::Optimizer;
use super::config::{check_beta, check_decay, check_positive};
use super::memory::OptimizerMemory;
use super::tensor::{Part, TrainedTensor, num_values};
use crate::error::TrainError;
use catena_kernels::{
    AdafactorFactors, AdafactorMoment, AdafactorScratch, AdafactorShape, Pool, adafactor_step,
};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Hyper-parameters of [`Adafactor`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdafactorConfig {
    /// Added to squared gradients.
    pub eps: f64,
    /// Least root mean square of the values that `scale_parameter` scales by.
    pub scale_eps: f64,
    /// Largest root mean square of an update.
    pub clip_threshold: f64,
    /// Exponent of the second moment's decay: step `t` keeps `1 - t^decay_rate`.
    pub decay_rate: f64,
    /// Decay of a first moment; without one, none is kept.
    pub beta1: Option<f64>,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Scale the rate by the root mean square of each tensor's values.
    pub scale_parameter: bool,
    /// Use `min(1e-2, 1 / sqrt(step))` as the rate, in place of the one that is passed in.
    pub relative_step: bool,
    /// Start the relative rate at 1e-6 and let it grow by as much a step.
    pub warmup_init: bool,
}

impl Default for AdafactorConfig {
    /// As the Hugging Face trainer sets it: the learning rate and its schedule come from outside.
    fn default() -> Self {
        Self {
            eps: 1e-30,
            scale_eps: 1e-3,
            clip_threshold: 1.0,
            decay_rate: -0.8,
            beta1: None,
            weight_decay: 0.0,
            scale_parameter: false,
            relative_step: false,
            warmup_init: false,
        }
    }
}

impl AdafactorConfig {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        check_positive("eps", self.eps)?;
        check_positive("scale_eps", self.scale_eps)?;
        check_positive("clip_threshold", self.clip_threshold)?;
        if let Some(beta1) = self.beta1 {
            check_beta("beta1", beta1)?;
        }
        let bad = |key: &'static str, value: String, range: &'static str| {
            Err(TrainError::InvalidConfig { key, value, range })
        };
        if !(-1.0..0.0).contains(&self.decay_rate) {
            return bad("decay_rate", self.decay_rate.to_string(), "-1 or more and below 0");
        }
        if self.warmup_init && !self.relative_step {
            return bad("warmup_init", "true".into(), "false without `relative_step`");
        }
        check_decay(self.weight_decay)
    }

    /// The rate of step `step`, counted from 1.
    fn learning_rate(&self, step: u64, given: f64) -> f64 {
        if !self.relative_step {
            return given;
        }
        let most = if self.warmup_init { 1e-6 * step as f64 } else { 1e-2 };
        (1.0 / (step as f64).sqrt()).min(most)
    }
}

#[derive(Clone, Debug)]
enum Moment {
    Factored { shape: AdafactorShape, rows: Range<usize>, cols: Range<usize> },
    Full(Range<usize>),
}

#[derive(Clone, Debug)]
struct Place {
    moment: Moment,
    first: Option<Range<usize>>,
}

/// Adafactor; the step is [`catena_kernels::adafactor_step`].
///
/// A matrix of `n` by `k` takes `n + k` values of state, unless `beta1` asks for a first moment.
#[derive(Clone, Debug)]
pub struct Adafactor {
    config: AdafactorConfig,
    tensors: Vec<(TrainedTensor, Place)>,
    num_values: usize,
    memory: OptimizerMemory,
    scratch: AdafactorScratch,
}

impl Adafactor {
    /// An optimizer before its first step.
    ///
    /// # Panics
    /// If the tensors do not cover a vector in order.
    pub fn new(tensors: &[TrainedTensor], config: AdafactorConfig) -> Self {
        Self::on(OptimizerMemory::default(), tensors, config)
    }

    /// As [`Self::new`] with its state in `memory`.
    pub(super) fn on(
        mut memory: OptimizerMemory,
        tensors: &[TrainedTensor],
        config: AdafactorConfig,
    ) -> Self {
        let mut scratch = AdafactorScratch::default();
        let mut placed = Vec::with_capacity(tensors.len());
        for tensor in tensors {
            let shape = AdafactorShape::of(&tensor.shape);
            scratch.reserve(tensor.range.len(), shape);
            let moment = place(&mut memory, tensor, shape);
            let first =
                config.beta1.map(|_| memory.add_floats(&tensor.name, "exp_avg", &tensor.shape));
            placed.push((tensor.clone(), Place { moment, first }));
        }
        let num_values = num_values(tensors);
        Self { config, tensors: placed, num_values, memory, scratch }
    }
}

fn place(
    memory: &mut OptimizerMemory,
    tensor: &TrainedTensor,
    shape: Option<AdafactorShape>,
) -> Moment {
    let Some(shape) = shape else {
        return Moment::Full(memory.add_floats(&tensor.name, "exp_avg_sq", &tensor.shape));
    };
    let axes = tensor.shape.len();
    let leading = &tensor.shape[..axes - 2];
    let rows = [leading, &tensor.shape[axes - 2..axes - 1]].concat();
    let cols = [leading, &tensor.shape[axes - 1..]].concat();
    Moment::Factored {
        shape,
        rows: memory.add_floats(&tensor.name, "exp_avg_sq_row", &rows),
        cols: memory.add_floats(&tensor.name, "exp_avg_sq_col", &cols),
    }
}

impl Optimizer for Adafactor {
    fn name(&self) -> &'static str {
        "adafactor"
    }

    fn num_values(&self) -> usize {
        self.num_values
    }

    fn apply(
        &mut self,
        pool: &Pool,
        part: &Range<usize>,
        values: &mut [f32],
        grads: &[f32],
        grad_scale: f32,
        learning_rate: f64,
    ) {
        let part = Part::of(part, self.num_values, values, grads);
        let step = self.memory.steps();
        let config = &self.config;
        let learning_rate = config.learning_rate(step, learning_rate);
        for (tensor, place) in &self.tensors {
            let Some(own) = part.place(&tensor.range) else { continue };
            let factors = AdafactorFactors {
                learning_rate: learning_rate * tensor.learning_rate_factor,
                smallest_scale: config.scale_parameter.then_some(config.scale_eps),
                beta2: 1.0 - (step as f64).powf(config.decay_rate),
                eps: config.eps,
                clip_threshold: config.clip_threshold,
                beta1: config.beta1.unwrap_or(0.0),
                weight_decay: tensor.decay(config.weight_decay),
                grad_scale,
            };
            let (values, grads) = (&mut values[own.clone()], &grads[own]);
            let (moment, first) = split(&mut self.memory.floats, place);
            let scratch = &mut self.scratch;
            adafactor_step(pool, &factors, values, grads, moment, first, scratch);
        }
    }

    fn memory(&self) -> &OptimizerMemory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut OptimizerMemory {
        &mut self.memory
    }

    fn scratch_bytes(&self) -> usize {
        self.scratch.bytes()
    }
}

/// The second and the first moment of one tensor.
fn split<'a>(floats: &'a mut [f32], place: &Place) -> (AdafactorMoment<'a>, Option<&'a mut [f32]>) {
    // A range that is not there is an empty one behind all others.
    let end = floats.len();
    let first = place.first.clone().unwrap_or(end..end);
    let disjoint = "state tensors do not overlap";
    match &place.moment {
        Moment::Factored { shape, rows, cols } => {
            let [rows, cols, first] =
                floats.get_disjoint_mut([rows.clone(), cols.clone(), first]).expect(disjoint);
            let moment = AdafactorMoment::Factored { shape: *shape, rows, cols };
            (moment, place.first.is_some().then_some(first))
        }
        Moment::Full(full) => {
            let [full, first] = floats.get_disjoint_mut([full.clone(), first]).expect(disjoint);
            (AdafactorMoment::Full(full), place.first.is_some().then_some(first))
        }
    }
}
