//! CPO: DPO with a uniform reference, beside the likelihood of the chosen completion.

use super::pair::{Side, Term};
use crate::loss::scalar::logistic;

/// The logistic loss, with smoothing, of `beta (logp_w - logp_l)`; the likelihood is
/// [`super::PreferenceConfig::nll_weight`].
///
/// # Source
/// Xu et al. 2024, arXiv:2401.08417, eq. 3; `sigmoid` of TRL's CPO trainer.
pub(super) fn cpo(beta: f64, chosen: &Side, rejected: &Side, smoothing: f64) -> Term {
    let (loss, dx) = logistic(beta * (chosen.logp - rejected.logp), smoothing);
    Term { loss, chosen: beta * dx, rejected: -beta * dx }
}
