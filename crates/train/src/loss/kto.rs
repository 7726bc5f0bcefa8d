//! KTO: completions that were liked or disliked, without pairs.

use super::scalar::sigmoid;
use crate::check::check;
use crate::error::TrainError;
use serde::{Deserialize, Serialize};

/// Which loss of unpaired completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KtoKind {
    /// Gains and losses against what the policy has drifted from the reference.
    #[default]
    Kto,
    /// Against zero; needs no estimate of the drift.
    ApoZeroUnpaired,
}

/// Hyper-parameters of [`kto_loss`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct KtoConfig {
    /// The loss.
    pub kind: KtoKind,
    /// How fast gains and losses saturate.
    pub beta: f64,
    /// Weight of liked completions.
    pub desirable_weight: f64,
    /// Weight of disliked completions.
    pub undesirable_weight: f64,
}

impl Default for KtoConfig {
    fn default() -> Self {
        Self { kind: KtoKind::Kto, beta: 0.1, desirable_weight: 1.0, undesirable_weight: 1.0 }
    }
}

impl KtoConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidConfig`] names the first key out of range, its value and the range.
    pub fn validate(&self) -> Result<(), TrainError> {
        check("beta", &self.beta, self.beta.is_finite() && self.beta > 0.0, "greater than 0")?;
        for (key, weight) in [
            ("desirable_weight", self.desirable_weight),
            ("undesirable_weight", self.undesirable_weight),
        ] {
            check(key, &weight, weight.is_finite() && weight >= 0.0, "0 or more")?;
        }
        Ok(())
    }
}

/// One completion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KtoExample {
    /// Log-probability under the policy, summed over tokens.
    pub logp: f64,
    /// Log-probability under the reference model.
    pub reference_logp: f64,
    /// Whether it was liked.
    pub desirable: bool,
}

/// Loss, derivative and reward of one completion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KtoOutcome {
    /// Its share of the step's mean.
    pub loss: f64,
    /// Derivative by its log-probability under the policy.
    pub grad: f64,
    /// Implicit reward: `beta` times the log-ratio.
    pub reward: f64,
}

/// What [`kto_loss`] returns.
#[derive(Clone, Debug, PartialEq)]
pub struct KtoLoss {
    /// This micro-step's share of the step's mean.
    pub loss: f64,
    /// One per completion.
    pub outcomes: Vec<KtoOutcome>,
}

/// How far the policy has drifted: the mean of `policy - reference` over prompts paired with other
/// prompts' completions, at least 0.
///
/// No gradient flows through it, so it is needed as a number only.
///
/// # Panics
/// If the lengths differ.
pub fn kto_divergence(policy_logps: &[f64], reference_logps: &[f64]) -> f64 {
    assert_eq!(policy_logps.len(), reference_logps.len(), "mismatched pairs");
    if policy_logps.is_empty() {
        return 0.0;
    }
    let sum: f64 = policy_logps.iter().zip(reference_logps).map(|(p, r)| p - r).sum();
    (sum / policy_logps.len() as f64).max(0.0)
}

/// The loss of liked and disliked completions.
///
/// With the log-ratio `r` and the divergence `z` (0 for `apo_zero_unpaired`), the mean over `total`
/// completions of `w (1 - sigmoid(beta (r - z)))` for liked and `w (1 - sigmoid(beta (z - r)))` for
/// disliked ones.
///
/// # Source
/// Ethayarajh et al. 2024, arXiv:2402.01306, eq. 7; D'Oosterlinck et al. 2024, arXiv:2408.06266;
/// `KTOTrainer` of TRL.
pub fn kto_loss(
    config: &KtoConfig,
    examples: &[KtoExample],
    divergence: f64,
    total: usize,
) -> KtoLoss {
    let zero = match config.kind {
        KtoKind::Kto => divergence,
        KtoKind::ApoZeroUnpaired => 0.0,
    };
    let outcome = |example: &KtoExample| {
        let ratio = example.logp - example.reference_logp;
        let (sign, weight) = if example.desirable {
            (1.0, config.desirable_weight)
        } else {
            (-1.0, config.undesirable_weight)
        };
        let share = weight / total as f64;
        let gain = sigmoid(sign * config.beta * (ratio - zero));
        let loss = sigmoid(-sign * config.beta * (ratio - zero));
        KtoOutcome {
            loss: share * loss,
            grad: -share * sign * config.beta * gain * loss,
            reward: config.beta * ratio,
        }
    };
    let outcomes: Vec<KtoOutcome> = examples.iter().map(outcome).collect();
    KtoLoss { loss: outcomes.iter().map(|outcome| outcome.loss).sum(), outcomes }
}
