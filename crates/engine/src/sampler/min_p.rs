//! Min-p: no token less likely than a share of the most likely one.
//!
//! Nguyen et al. 2024, arXiv:2407.01082.

use super::candidates::Candidates;
use super::row::Row;

/// Replaces `candidates` by what the rule leaves of the whole row.
pub(super) fn collect(row: &Row<'_>, min_p: f32, candidates: &mut Candidates) {
    // A little lower than the edge, so that only the comparison of weights decides.
    let margin = min_p.ln() - 0.01;
    row.collect(row.largest + margin / row.scale, candidates);
    keep(min_p, candidates);
}

/// Applies the rule to `candidates`.
pub(super) fn keep(min_p: f32, candidates: &mut Candidates) {
    if min_p > 0.0 {
        let lowest = min_p * candidates.heaviest();
        candidates.list.retain(|candidate| candidate.weight >= lowest);
    }
}
