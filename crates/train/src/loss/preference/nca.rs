//! NCA: noise contrastive alignment, which also raises the chosen completion by itself.

use super::pair::{Side, Term};
use crate::loss::scalar::{log_sigmoid, sigmoid};

/// `-ln sigmoid(R_w) - ln sigmoid(-R_w) / 2 - ln sigmoid(-R_l) / 2` with `R = beta r`.
///
/// # Source
/// Chen et al. 2024, arXiv:2402.05369; `nca_pair` of TRL.
pub(super) fn nca_pair(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let (w, l) = (beta * chosen.ratio, beta * rejected.ratio);
    Term {
        loss: -log_sigmoid(w) - 0.5 * log_sigmoid(-w) - 0.5 * log_sigmoid(-l),
        chosen: beta * (0.5 * sigmoid(w) - sigmoid(-w)),
        rejected: beta * 0.5 * sigmoid(l),
    }
}
