//! Anchored preference optimization: where both completions should go, not only their distance.

use super::pair::{Side, Term};
use crate::loss::scalar::sigmoid;

/// `1 - sigmoid(beta r_w) + sigmoid(beta r_l)`: when chosen completions are better than the model's.
///
/// # Source
/// D'Oosterlinck et al. 2024, arXiv:2408.06266, eq. 7; `apo_zero` of TRL.
pub(super) fn apo_zero(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let (w, l) = (beta * chosen.ratio, beta * rejected.ratio);
    Term { loss: sigmoid(-w) + sigmoid(l), chosen: -beta * bell(w), rejected: beta * bell(l) }
}

/// `sigmoid(beta r_w) + 1 - sigmoid(beta (r_w - r_l))`: when they are worse.
///
/// # Source
/// As [`apo_zero`], eq. 8; `apo_down` of TRL.
pub(super) fn apo_down(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let w = beta * chosen.ratio;
    let margin = beta * (chosen.ratio - rejected.ratio);
    Term {
        loss: sigmoid(w) + sigmoid(-margin),
        chosen: beta * (bell(w) - bell(margin)),
        rejected: beta * bell(margin),
    }
}

/// The derivative of the logistic function.
fn bell(x: f64) -> f64 {
    sigmoid(x) * sigmoid(-x)
}
