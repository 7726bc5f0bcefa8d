//! Choosing an optimizer.

use super::{
    Adafactor, AdafactorConfig, AdamW, AdamW8bit, AdamWConfig, Lion, LionConfig, Muon, MuonConfig,
    Optimizer, OptimizerMemory, Sgd, SgdConfig, TrainedTensor,
};
use crate::check::check;
use crate::error::TrainError;
use serde::{Deserialize, Serialize};

/// An optimizer and its hyper-parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum OptimizerConfig {
    /// [`AdamW`].
    #[serde(rename = "adamw")]
    AdamW(AdamWConfig),
    /// [`AdamW8bit`].
    #[serde(rename = "adamw_8bit")]
    AdamW8bit(AdamWConfig),
    /// [`Sgd`].
    Sgd(SgdConfig),
    /// [`Lion`].
    Lion(LionConfig),
    /// [`Adafactor`].
    Adafactor(AdafactorConfig),
    /// [`Muon`].
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
        match *self {
            Self::AdamW(config) => Box::new(AdamW::on(memory, tensors, config)),
            Self::AdamW8bit(config) => Box::new(AdamW8bit::on(memory, tensors, config)),
            Self::Sgd(config) => Box::new(Sgd::on(memory, tensors, config)),
            Self::Lion(config) => Box::new(Lion::on(memory, tensors, config)),
            Self::Adafactor(config) => Box::new(Adafactor::on(memory, tensors, config)),
            Self::Muon(config) => Box::new(Muon::on(memory, tensors, config)),
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
