//! How far policy and reference are apart: scores of log-ratios.

use crate::loss::scalar::{log_sigmoid, sigmoid};
use serde::{Deserialize, Serialize};

/// Largest exponent of the alpha divergence: what an f32 can hold.
const LARGEST_EXPONENT: f64 = 80.0;
/// Distance from 1 at which alpha counts as 1.
const NEAR_ONE: f64 = 1e-6;

/// The divergence whose penalty the loss stands for. `f'(t)` is the score of a ratio `t`.
///
/// # Source
/// Wang et al. 2023, arXiv:2309.16240; `f_divergence_type` of TRL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FDivergence {
    /// `ln t`: the usual one.
    #[default]
    ReverseKl,
    /// `1 - 1/t`.
    ForwardKl,
    /// `ln(2t / (1 + t))`.
    JsDivergence,
    /// `(t^(alpha - 1) - 1) / (alpha - 1)`.
    AlphaDivergence {
        /// Alpha; 1 is reverse KL.
        alpha: f64,
    },
}

impl FDivergence {
    /// The score of a log-ratio and its derivative.
    pub(super) fn score(self, ratio: f64) -> (f64, f64) {
        match self {
            Self::ReverseKl => (ratio, 1.0),
            Self::ForwardKl => (1.0 - (-ratio).exp(), (-ratio).exp()),
            Self::JsDivergence => (std::f64::consts::LN_2 + log_sigmoid(ratio), sigmoid(-ratio)),
            Self::AlphaDivergence { alpha } if (alpha - 1.0).abs() < NEAR_ONE => (ratio, 1.0),
            Self::AlphaDivergence { alpha } => {
                let exponent = (alpha - 1.0) * ratio;
                let power = exponent.min(LARGEST_EXPONENT).exp();
                let slope = if exponent > LARGEST_EXPONENT { 0.0 } else { power };
                ((power - 1.0) / (alpha - 1.0), slope)
            }
        }
    }
}
