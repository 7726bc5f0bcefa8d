//! Reward models: a chosen completion should score higher than a rejected one.

use super::scalar::logistic;
use crate::check::check;
use crate::error::TrainError;
use serde::{Deserialize, Serialize};

/// Hyper-parameters of [`reward_loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RewardConfig {
    /// Weight of the squared sum of a pair's rewards, which keeps them around zero; 0.01 is usual.
    pub center_coefficient: f64,
}

impl RewardConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the key out of range, its value and the range.
    pub fn validate(&self) -> Result<(), TrainError> {
        let weight = self.center_coefficient;
        let holds = weight.is_finite() && weight >= 0.0;
        check("center_rewards_coefficient", &weight, holds, "0 or more")
    }
}

/// The rewards of one pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RewardPair {
    /// Reward of the chosen completion.
    pub chosen: f64,
    /// Reward of the rejected completion.
    pub rejected: f64,
    /// By how much the chosen one should be ahead; 0 if nobody said.
    pub margin: f64,
}

/// What [`reward_loss`] returns.
#[derive(Clone, Debug, PartialEq)]
pub struct RewardLoss {
    /// This micro-step's share of the step's mean.
    pub loss: f64,
    /// Derivatives by the chosen and the rejected reward of each pair.
    pub grads: Vec<[f64; 2]>,
    /// Pairs whose chosen completion is ahead.
    pub num_accurate: usize,
}

/// The Bradley-Terry loss of reward models.
///
/// Mean over `total` pairs of `-ln sigmoid(rc - rr - margin) + c (rc + rr)^2`.
///
/// # Source
/// `RewardTrainer` of TRL; Eisenstein et al. 2023, arXiv:2312.09244, for the centering.
pub fn reward_loss(config: &RewardConfig, pairs: &[RewardPair], total: usize) -> RewardLoss {
    let share = 1.0 / total as f64;
    let mut loss = 0.0;
    let mut grads = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let (term, slope) = logistic(pair.chosen - pair.rejected - pair.margin, 0.0);
        let sum = pair.chosen + pair.rejected;
        loss += share * (term + config.center_coefficient * sum * sum);
        let center = 2.0 * config.center_coefficient * sum;
        grads.push([share * (slope + center), share * (center - slope)]);
    }
    let num_accurate = pairs.iter().filter(|pair| pair.chosen > pair.rejected).count();
    RewardLoss { loss, grads, num_accurate }
}
