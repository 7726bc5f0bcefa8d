//! BCO on pairs: a classifier of chosen and rejected completions.

use super::pair::{Side, Term};
use crate::loss::scalar::{log_sigmoid, sigmoid};

/// `-ln sigmoid(beta r_w) - ln sigmoid(-beta r_l)`.
///
/// # Source
/// Jung et al. 2024, arXiv:2404.04656; `bco_pair` of TRL's DPO trainer, which has no running mean.
pub(super) fn bco_pair(beta: f64, chosen: &Side, rejected: &Side) -> Term {
    let (w, l) = (beta * chosen.ratio, beta * rejected.ratio);
    Term {
        loss: -log_sigmoid(w) - log_sigmoid(-l),
        chosen: -beta * sigmoid(-w),
        rejected: beta * sigmoid(l),
    }
}
