//! SimPO: log-probabilities per token against a margin, without a reference model.

use super::pair::{Side, Term};
use crate::loss::scalar::logistic;

/// The logistic loss, with smoothing, of `beta (logp_w / n_w - logp_l / n_l) - gamma`.
///
/// # Source
/// Meng et al. 2024, arXiv:2405.14734, eq. 6; `simpo` of TRL's CPO trainer.
pub(super) fn simpo(beta: f64, chosen: &Side, rejected: &Side, gamma: f64, smooth: f64) -> Term {
    let margin = chosen.logp / chosen.tokens - rejected.logp / rejected.tokens;
    let (loss, dx) = logistic(beta * margin - gamma, smooth);
    Term { loss, chosen: beta * dx / chosen.tokens, rejected: -beta * dx / rejected.tokens }
}
