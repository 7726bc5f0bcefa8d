//! DiscoPOP: a loss that a language model found, between logistic and exponential.

use super::pair::{Side, Term, scaled_margin};
use crate::loss::scalar::{log_sigmoid, sigmoid};

/// `-(1 - m) ln sigmoid(x) + m exp(-x)` with `x = beta (s_w - s_l)` and `m = sigmoid(x / tau)`.
///
/// # Source
/// Lu et al. 2024, arXiv:2406.08414, eq. 5; `discopop` of TRL.
pub(super) fn discopop(beta: f64, chosen: &Side, rejected: &Side, tau: f64) -> Term {
    let x = scaled_margin(beta, chosen, rejected);
    let m = sigmoid(x / tau);
    let (logistic, exponential) = (-log_sigmoid(x), (-x).exp());
    let loss = (1.0 - m) * logistic + m * exponential;
    let dm = m * sigmoid(-x / tau) / tau;
    let dx = -(1.0 - m) * sigmoid(-x) - m * exponential + dm * (exponential - logistic);
    Term::of_scores(beta, chosen, rejected, loss, dx)
}
