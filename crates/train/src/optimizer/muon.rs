//! Muon for hidden matrices, AdamW for everything else.

use super::adamw::AdamWConfig;
use super::api::Optimizer;
use super::config::{check_beta, check_decay, check_positive};
use super::memory::OptimizerMemory;
use super::tensor::{Part, TrainedTensor, num_values};
use crate::error::TrainError;
use catena_kernels::{
    DenseType, MuonFactors, NewtonSchulz, Pool, adamw_update, muon_apply, muon_momentum,
};
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

/// Hyper-parameters of [`Muon`].
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
#[derive(Clone, Debug)]
enum Place {
    Matrix { rows: usize, cols: usize, momentum: Range<usize> },
    Other { first: Range<usize>, second: Range<usize> },
}

/// Muon: the momentum of each hidden matrix is orthogonalized by [`NewtonSchulz`] before the step.
///
/// Hidden are matrices that are no embedding and no head, which shows in their names.
///
/// # Source
/// Jordan 2024; Liu et al. 2025, arXiv:2502.16982; `torch.optim.Muon`.
pub struct Muon {
    config: MuonConfig,
    tensors: Vec<(TrainedTensor, Place)>,
    num_values: usize,
    memory: OptimizerMemory,
    update: Vec<f32>,
    iteration: NewtonSchulz,
}

impl Muon {
    /// An optimizer before its first step.
    ///
    /// # Panics
    /// If the tensors do not cover a vector in order.
    pub fn new(tensors: &[TrainedTensor], config: MuonConfig) -> Self {
        Self::on(OptimizerMemory::default(), tensors, config)
    }

    /// As [`Self::new`] with its state in `memory`.
    pub(super) fn on(
        mut memory: OptimizerMemory,
        tensors: &[TrainedTensor],
        config: MuonConfig,
    ) -> Self {
        let placed: Vec<(TrainedTensor, Place)> =
            tensors.iter().map(|tensor| (tensor.clone(), place(&mut memory, tensor))).collect();
        let shapes: Vec<[usize; 2]> = placed
            .iter()
            .filter_map(|(_, place)| match place {
                Place::Matrix { rows, cols, .. } => Some([*rows, *cols]),
                Place::Other { .. } => None,
            })
            .collect();
        let longest = shapes.iter().map(|[rows, cols]| rows * cols).max().unwrap_or(0);
        let dtype = match config.precision {
            MuonPrecision::Bf16 => DenseType::Bf16,
            MuonPrecision::F32 => DenseType::F32,
        };
        Self {
            config,
            tensors: placed,
            num_values: num_values(tensors),
            memory,
            update: vec![0.0; longest],
            iteration: NewtonSchulz::new(dtype, &shapes),
        }
    }

    /// Whether a tensor is stepped by Muon; all others are by AdamW.
    pub fn is_hidden_matrix(tensor: &TrainedTensor) -> bool {
        let excluded = |part: &str| part.contains("embed") || NOT_HIDDEN.contains(&part);
        tensor.shape.len() == 2 && !tensor.name.split('.').any(excluded)
    }
}

fn place(memory: &mut OptimizerMemory, tensor: &TrainedTensor) -> Place {
    let mut add = |kind| memory.add_floats(&tensor.name, kind, &tensor.shape);
    match tensor.shape.as_slice() {
        &[rows, cols] if Muon::is_hidden_matrix(tensor) => {
            Place::Matrix { rows, cols, momentum: add("momentum_buffer") }
        }
        _ => Place::Other { first: add("exp_avg"), second: add("exp_avg_sq") },
    }
}

impl Optimizer for Muon {
    fn name(&self) -> &'static str {
        "muon"
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
        let Self { config, tensors, memory, update, iteration, .. } = self;
        let momentum_factors =
            MuonFactors { momentum: config.momentum, nesterov: config.nesterov, grad_scale };
        for (tensor, place) in tensors.iter() {
            let Some(own) = part.place(&tensor.range) else { continue };
            let learning_rate = learning_rate * tensor.learning_rate_factor;
            let (values, grads) = (&mut values[own.clone()], &grads[own]);
            match place {
                Place::Matrix { rows, cols, momentum } => {
                    let momentum = &mut memory.floats[momentum.clone()];
                    let update = &mut update[..values.len()];
                    muon_momentum(pool, &momentum_factors, grads, momentum, update);
                    let shape = [*rows, *cols];
                    iteration.orthogonalize(pool, update, shape, config.ns_steps, config.eps);
                    let keep = 1.0 - learning_rate * tensor.decay(config.weight_decay);
                    let step = learning_rate * config.adjust_lr.factor(*rows, *cols);
                    muon_apply(pool, keep, step, update, values);
                }
                Place::Other { first, second } => {
                    let factors = config.adamw.factors(
                        step,
                        learning_rate * config.adamw_learning_rate_factor,
                        tensor.decay(config.adamw.weight_decay),
                        grad_scale,
                    );
                    let [first, second] = memory
                        .floats
                        .get_disjoint_mut([first.clone(), second.clone()])
                        .expect("state tensors do not overlap");
                    adamw_update(pool, &factors, values, grads, (first, second));
                }
            }
        }
    }

    fn memory(&self) -> &OptimizerMemory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut OptimizerMemory {
        &mut self.memory
    }

    fn scratch_bytes(&self) -> usize {
        size_of_val(self.update.as_slice()) + self.iteration.bytes()
    }
}
