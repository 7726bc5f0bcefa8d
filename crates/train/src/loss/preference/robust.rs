//! Robust DPO: unbiased when a known share of the labels is flipped.

use super::pair::{Side, Term, scaled_margin};
use crate::loss::scalar::{log_sigmoid, sigmoid};

/// `(-(1 - e) ln sigmoid(x) + e ln sigmoid(-x)) / (1 - 2 e)` with `x = beta (s_w - s_l)`.
///
/// # Source
/// Chowdhury et al. 2024, arXiv:2403.00409; `robust` of TRL.
pub(super) fn robust(beta: f64, chosen: &Side, rejected: &Side, flipped: f64) -> Term {
    let x = scaled_margin(beta, chosen, rejected);
    let unit = 1.0 - 2.0 * flipped;
    let loss = (flipped * log_sigmoid(-x) - (1.0 - flipped) * log_sigmoid(x)) / unit;
    let dx = (-(1.0 - flipped) * sigmoid(-x) - flipped * sigmoid(x)) / unit;
    Term::of_scores(beta, chosen, rejected, loss, dx)
}
