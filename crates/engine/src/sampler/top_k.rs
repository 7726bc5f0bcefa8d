//! Top-k: the `k` most likely tokens.

use super::candidates::{Candidates, by_weight};
use super::row::Row;

/// Replaces `candidates` by the `k` tokens of the largest logits; of equal ones at the edge the
/// lower ids.
///
/// Each of the `k` blocks with the largest maxima holds a logit that is no smaller than the `k`-th
/// largest maximum, so nothing below that one can be among the `k` largest: most blocks are never
/// looked into and no exponential is taken of what they hold.
pub(super) fn collect(
    row: &Row<'_>,
    k: usize,
    scratch: &mut Vec<f32>,
    candidates: &mut Candidates,
) {
    let lowest = if k <= row.maxima.len() {
        scratch.clear();
        scratch.extend_from_slice(row.maxima);
        *scratch.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a)).1
    } else {
        f32::NEG_INFINITY
    };
    row.collect(lowest, candidates);
    candidates.keep_count(k, by_weight);
}
