//! SPPO with hard labels: log-ratios of plus and minus half a unit.

use super::pair::{Side, Term};

/// `(r_w - 1 / (2 beta))^2 + (r_l + 1 / (2 beta))^2`.
///
/// # Source
/// Wu et al. 2024, arXiv:2405.00675, eq. 4.7 with probabilities 1 and 0; `sppo_hard` of TRL.
pub(super) fn sppo_hard(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let w = chosen.ratio - 0.5 / beta;
    let l = rejected.ratio + 0.5 / beta;
    Term { loss: w * w + l * l, chosen: 2.0 * w, rejected: 2.0 * l }
}
