//! Choosing an optimizer.

use super::adafactor::{Adafactor, AdafactorConfig};
use super::adamw::{AdamW, AdamWConfig};
use super::adamw_8bit::AdamW8bit;
use super::api::Optimizer;
use super::lion::{Lion, LionConfig};
use super::memory::OptimizerMemory;
use super::muon::{Muon, MuonConfig};
use super::partwise::{Partwise, Rule};
use super::sgd::{Sgd, SgdConfig};
use super::tensor::TrainedTensor;
use crate::check::check;
use crate::error::TrainError;
use serde::{Deserialize, Serialize};

/// An optimizer and its hyper-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// Adam with decoupled weight decay, its moments in f32.
    #[serde(rename = "adamw")]
    AdamW(AdamWConfig),
    /// AdamW with moments in 8 bits, which take a quarter of the memory.
    #[serde(rename = "adamw_8bit")]
    AdamW8bit(AdamWConfig),
    /// Stochastic gradient descent with momentum.
    Sgd(SgdConfig),
    /// Steps by the sign of an interpolated momentum.
    Lion(LionConfig),
    /// Second moments of matrices as row and column means.
    Adafactor(AdafactorConfig),
    /// Muon for hidden matrices, AdamW for everything else.
    Muon(MuonConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        Self::AdamW(AdamWConfig::default())
    }
}

impl OptimizerConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the first key out of range, its value and the range.
    pub fn validate(&self) -> Result<(), TrainError> {
        match self {
            Self::AdamW(config) | Self::AdamW8bit(config) => config.validate(),
            Self::Sgd(config) => config.validate(),
            Self::Lion(config) => config.validate(),
            Self::Adafactor(config) => config.validate(),
            Self::Muon(config) => config.validate(),
        }
    }

    /// The optimizer before its first step.
    ///
    /// # Panics
    /// If the tensors do not cover a vector in order.
    pub fn build(&self, tensors: &[TrainedTensor]) -> Box<dyn Optimizer> {
        self.on(OptimizerMemory::default(), tensors)
    }

    /// Memory of the optimizer that [`Self::build`] gives, found without taking that of its state.
    ///
    /// # Panics
    /// As [`Self::build`].
    pub fn bytes(&self, tensors: &[TrainedTensor]) -> usize {
        let optimizer = self.on(OptimizerMemory::counting(), tensors);
        optimizer.state_bytes() + optimizer.scratch_bytes()
    }

    fn on(&self, memory: OptimizerMemory, tensors: &[TrainedTensor]) -> Box<dyn Optimizer> {
        fn by<R: Rule + 'static>(
            memory: OptimizerMemory,
            tensors: &[TrainedTensor],
            config: R::Config,
        ) -> Box<dyn Optimizer> {
            Box::new(Partwise::<R>::new(memory, tensors, config))
        }
        match *self {
            Self::AdamW(config) => by::<AdamW>(memory, tensors, config),
            Self::AdamW8bit(config) => by::<AdamW8bit>(memory, tensors, config),
            Self::Sgd(config) => by::<Sgd>(memory, tensors, config),
            Self::Lion(config) => by::<Lion>(memory, tensors, config),
            Self::Adafactor(config) => by::<Adafactor>(memory, tensors, config),
            Self::Muon(config) => by::<Muon>(memory, tensors, config),
        }
    }
}

pub(super) fn check_beta(key: &'static str, value: f64) -> Result<(), TrainError> {
    check(key, &value, (0.0..1.0).contains(&value), "0 or more and below 1")
}

pub(super) fn check_positive(key: &'static str, value: f64) -> Result<(), TrainError> {
    check(key, &value, value.is_finite() && value > 0.0, "greater than 0")
}

pub(super) fn check_decay(value: f64) -> Result<(), TrainError> {
    check("weight_decay", &value, value.is_finite() && value >= 0.0, "0 or more")
}
