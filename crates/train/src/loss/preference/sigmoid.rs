//! DPO: the logistic loss of the difference of scores.

use super::pair::{Side, Term, scaled_margin};
use crate::loss::scalar::logistic;

/// `-(1 - e) ln sigmoid(x) - e ln sigmoid(-x)` with `x = beta (s_w - s_l)`; `e > 0` is conservative
/// DPO.
///
/// # Source
/// Rafailov et al. 2023, arXiv:2305.18290, eq. 7; `sigmoid` of TRL.
pub(super) fn sigmoid(beta: f64, chosen: &Side, rejected: &Side, smoothing: f64) -> Term {
    let (loss, dx) = logistic(scaled_margin(beta, chosen, rejected), smoothing);
    Term::of_scores(beta, chosen, rejected, loss, dx)
}

/// The same with scores per token, `x = beta (s_w / n_w - s_l / n_l)`.
///
/// # Source
/// `sigmoid_norm` of TRL.
pub(super) fn sigmoid_norm(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let margin = chosen.score / chosen.tokens - rejected.score / rejected.tokens;
    let (loss, dx) = logistic(beta * margin, 0.0);
    Term {
        loss,
        chosen: beta * dx * chosen.score_slope / chosen.tokens,
        rejected: -beta * dx * rejected.score_slope / rejected.tokens,
    }
}
