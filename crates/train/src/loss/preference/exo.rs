//! EXO: reverse KL between the policy's and the smoothed labels' preference.

use super::pair::{Side, Term, scaled_margin};
use crate::loss::scalar::{log_sigmoid, sigmoid};

/// `q ln(q / (1 - e)) + (1 - q) ln((1 - q) / e)` with `q = sigmoid(beta (s_w - s_l))`.
///
/// # Source
/// Ji et al. 2024, arXiv:2402.00856, eq. 16; `exo_pair` of TRL.
pub(super) fn exo_pair(beta: f64, chosen: &Side, rejected: &Side, smoothing: f64) -> Term {
    let x = scaled_margin(beta, chosen, rejected);
    let (qw, ql) = (sigmoid(x), sigmoid(-x));
    let ratio_w = log_sigmoid(x) - (-smoothing).ln_1p();
    let ratio_l = log_sigmoid(-x) - smoothing.ln();
    let loss = qw * ratio_w + ql * ratio_l;
    Term::of_scores(beta, chosen, rejected, loss, qw * ql * (ratio_w - ratio_l))
}
