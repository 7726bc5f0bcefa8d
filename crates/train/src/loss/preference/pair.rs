//! What is known of one pair, and what a loss says about it.

use super::divergence::FDivergence;

/// Log-probabilities of a pair under the reference model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReferenceLogps {
    /// Of the chosen completion, summed over tokens.
    pub chosen: f64,
    /// Of the rejected completion.
    pub rejected: f64,
}

/// Log-probabilities of a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairLogps {
    /// Of the chosen completion under the policy, summed over tokens.
    pub chosen: f64,
    /// Of the rejected completion under the policy.
    pub rejected: f64,
    /// Supervised tokens of the chosen completion.
    pub chosen_tokens: usize,
    /// Supervised tokens of the rejected completion.
    pub rejected_tokens: usize,
    /// Under the reference model; kinds without one do not look at it.
    pub reference: Option<ReferenceLogps>,
}

/// One side of a pair as the losses see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Side {
    pub(super) logp: f64,
    /// Tokens; at least 1.
    pub(super) tokens: f64,
    /// `logp` less the reference's, or `logp` itself without one.
    pub(super) ratio: f64,
    /// The ratio under the f-divergence, and its derivative.
    pub(super) score: f64,
    pub(super) score_slope: f64,
}

impl Side {
    pub(super) fn new(logp: f64, tokens: usize, reference: f64, divergence: FDivergence) -> Self {
        let ratio = logp - reference;
        let (score, score_slope) = divergence.score(ratio);
        Self { logp, tokens: tokens.max(1) as f64, ratio, score, score_slope }
    }
}

/// Loss of one pair and its derivatives by both log-probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Term {
    pub(super) loss: f64,
    pub(super) chosen: f64,
    pub(super) rejected: f64,
}

impl Term {
    /// A loss of `x = beta (s_w - s_l)`, given with its derivative by `x`.
    pub(super) fn of_scores(beta: f64, chosen: &Side, rejected: &Side, loss: f64, dx: f64) -> Self {
        Self {
            loss,
            chosen: beta * dx * chosen.score_slope,
            rejected: -beta * dx * rejected.score_slope,
        }
    }
}

/// `beta (s_w - s_l)`.
pub(super) fn scaled_margin(beta: f64, chosen: &Side, rejected: &Side) -> f64 {
    beta * (chosen.score - rejected.score)
}
