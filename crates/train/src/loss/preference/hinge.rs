//! The hinge loss of the difference of scores.

use super::pair::{Side, Term, scaled_margin};
use crate::loss::scalar::relu;

/// `max(0, 1 - beta (s_w - s_l))`.
///
/// # Source
/// Zhao et al. 2023 (SLiC), arXiv:2305.10425; `hinge` of TRL.
pub(super) fn hinge(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let (loss, slope) = relu(1.0 - scaled_margin(beta, chosen, rejected));
    Term::of_scores(beta, chosen, rejected, loss, -slope)
}
