//! Muon for hidden matrices, AdamW for everything else.

use super::adamw::AdamWConfig;
use super::config::{check_beta, check_decay, check_positive};
use super::memory::OptimizerMemory;
use super::partwise::{PartStep, Placed, Rule, place_each};
use super::tensor::TrainedTensor;
use crate::error::TrainError;
use catena_kernels::{DenseType, MuonFactors, NewtonSchulz, muon_apply, muon_momentum};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Parts of a name that mark an embedding, a head, or an adapter of one: their rows are looked up
/// or scored one by one, so orthogonalizing them as a whole means nothing.
const NOT_HIDDEN: [&str; 6] = ["lm_head", "wte", "wpe", "score", "classifier", "qa_outputs"];

/// How a matrix's shape changes the length of its steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MuonAdjust {
    /// `sqrt(max(1, rows / columns))`.
    #[default]
    Original,
    /// `0.2 * sqrt(max(rows, columns))`: steps as long as AdamW's, whose rates and decays then fit.
    MatchRmsAdamw,
}

impl MuonAdjust {
    fn factor(self, rows: usize, cols: usize) -> f64 {
        match self {
            Self::Original => (rows as f64 / cols as f64).max(1.0).sqrt(),
            Self::MatchRmsAdamw => 0.2 * (rows.max(cols) as f64).sqrt(),
        }
    }
}

/// Element type of the products of the orthogonalization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MuonPrecision {
    /// 8 bits of precision, as PyTorch: singular values only need to come near 1.
    #[default]
    Bf16,
    /// 24 bits of precision.
    F32,
}

/// Hyper-parameters of Muon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MuonConfig {
    /// Decay of the mean of gradients.
    pub momentum: f64,
    /// Whether steps look ahead along the new momentum.
    pub nesterov: bool,
    /// Decoupled weight decay of hidden matrices.
    pub weight_decay: f64,
    /// Iterations of the orthogonalization.
    pub ns_steps: u32,
    /// Least norm that a matrix is divided by.
    pub eps: f64,
    /// How a matrix's shape changes the length of its steps.
    pub adjust_lr: MuonAdjust,
    /// Element type of the products.
    pub precision: MuonPrecision,
    /// The optimizer of everything that is not a hidden matrix.
    pub adamw: AdamWConfig,
    /// AdamW's rate as a multiple of Muon's.
    pub adamw_learning_rate_factor: f64,
}

impl Default for MuonConfig {
    /// PyTorch's defaults.
    fn default() -> Self {
        Self {
            momentum: 0.95,
            nesterov: true,
            weight_decay: 0.1,
            ns_steps: 5,
            eps: 1e-7,
            adjust_lr: MuonAdjust::default(),
            precision: MuonPrecision::default(),
            adamw: AdamWConfig::default(),
            adamw_learning_rate_factor: 1.0,
        }
    }
}

impl MuonConfig {
    pub(super) fn validate(&self) -> Result<(), TrainError> {
        check_beta("momentum", self.momentum)?;
        check_decay(self.weight_decay)?;
        check_positive("eps", self.eps)?;
        check_positive("adamw_learning_rate_factor", self.adamw_learning_rate_factor)?;
        if !(1..100).contains(&self.ns_steps) {
            return Err(TrainError::InvalidConfig {
                key: "ns_steps",
                value: self.ns_steps.to_string(),
                range: "1 to 99",
            });
        }
        self.adamw.validate()
    }
}

/// Where the state of one tensor is.
pub(super) enum Place {
    Matrix { rows: usize, cols: usize, momentum: Range<usize> },
    Other([Range<usize>; 2]),
}

/// Muon: the momentum of each hidden matrix is orthogonalized by [`NewtonSchulz`] before the step.
///
/// Hidden are matrices that are no embedding and no head, which shows in their names.
///
/// # Source
/// Jordan 2024; Liu et al. 2025, arXiv:2502.16982; `torch.optim.Muon`.
pub(super) struct Muon {
    config: MuonConfig,
    update: Vec<f32>,
    iteration: NewtonSchulz,
}

impl Muon {
    /// Whether a tensor is stepped by Muon; all others are by AdamW.
    pub(super) fn is_hidden_matrix(tensor: &TrainedTensor) -> bool {
        let excluded = |part: &str| part.contains("embed") || NOT_HIDDEN.contains(&part);
        tensor.shape.len() == 2 && !tensor.name.split('.').any(excluded)
    }
}

impl Rule for Muon {
    type Config = MuonConfig;
    type Place = Place;

    const NAME: &'static str = "muon";

    fn begin(
        config: MuonConfig,
        tensors: &[TrainedTensor],
        memory: &mut OptimizerMemory,
    ) -> (Self, Placed<Place>) {
        let places = place_each(tensors, |tensor| place(memory, tensor));
        let shapes: Vec<[usize; 2]> = places
            .iter()
            .filter_map(|(_, place)| match place {
                Place::Matrix { rows, cols, .. } => Some([*rows, *cols]),
                Place::Other(_) => None,
            })
            .collect();
        let longest = shapes.iter().map(|[rows, cols]| rows * cols).max().unwrap_or(0);
        let dtype = match config.precision {
            MuonPrecision::Bf16 => DenseType::Bf16,
            MuonPrecision::F32 => DenseType::F32,
        };
        let iteration = NewtonSchulz::new(dtype, &shapes);
        (Self { config, update: vec![0.0; longest], iteration }, places)
    }

    fn update(&mut self, step: &mut PartStep<'_>, place: &Place, memory: &mut OptimizerMemory) {
        let Self { config, update, iteration } = self;
        let learning_rate = step.rate();
        match place {
            Place::Matrix { rows, cols, momentum } => {
                let PartStep { pool, grad_scale, .. } = *step;
                let factors = MuonFactors {
                    momentum: config.momentum,
                    nesterov: config.nesterov,
                    grad_scale,
                };
                let momentum = &mut memory.floats[momentum.clone()];
                let update = &mut update[..step.values.len()];
                muon_momentum(pool, &factors, step.grads, momentum, update);
                let shape = [*rows, *cols];
                iteration.orthogonalize(pool, update, shape, config.ns_steps, config.eps);
                let keep = 1.0 - learning_rate * step.decay(config.weight_decay);
                let length = learning_rate * config.adjust_lr.factor(*rows, *cols);
                muon_apply(pool, keep, length, update, step.values);
            }
            Place::Other(moments) => {
                let learning_rate = learning_rate * config.adamw_learning_rate_factor;
                config.adamw.update(step, learning_rate, moments, memory);
            }
        }
    }

    fn scratch_bytes(&self) -> usize {
        size_of_val(self.update.as_slice()) + self.iteration.bytes()
    }
}

fn place(memory: &mut OptimizerMemory, tensor: &TrainedTensor) -> Place {
    let mut add = |kind| memory.add_floats(&tensor.name, kind, &tensor.shape);
    match tensor.shape.as_slice() {
        &[rows, cols] if Muon::is_hidden_matrix(tensor) => {
            Place::Matrix { rows, cols, momentum: add("momentum_buffer") }
        }
        _ => Place::Other(["exp_avg", "exp_avg_sq"].map(add)),
    }
}
