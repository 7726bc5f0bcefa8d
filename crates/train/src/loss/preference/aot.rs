//! AOT: distributions of log-ratios over the batch, matched by rank.

use super::pair::{Side, Term};
use crate::loss::scalar::logistic;

/// The logistic loss, with smoothing, of `beta` times the difference between the `k`-th smallest
/// `logp_w - logp_l` of the policy and that of the reference, for each rank `k`.
///
/// The loss of a rank goes to the pair whose policy term has it. Ranks are among the given pairs.
///
/// # Source
/// Melnyk et al. 2024, arXiv:2406.05882; `aot` of TRL.
pub(super) fn aot(beta: f64, sides: &[[Side; 2]], smoothing: f64) -> Vec<Term> {
    let policy: Vec<f64> = sides.iter().map(|[w, l]| w.logp - l.logp).collect();
    let reference: Vec<f64> =
        sides.iter().map(|[w, l]| (w.logp - w.ratio) - (l.logp - l.ratio)).collect();
    let mut terms = vec![Term::default(); sides.len()];
    for (i, j) in ranks(&policy).into_iter().zip(ranks(&reference)) {
        let (loss, dx) = logistic(beta * (policy[i] - reference[j]), smoothing);
        terms[i] = Term { loss, chosen: beta * dx, rejected: -beta * dx };
    }
    terms
}

/// The same of the `k`-th smallest `r_w` and the `k`-th smallest `r_l`, which may be of different
/// pairs. The loss of a rank is told with the chosen completion that has it.
///
/// # Source
/// As [`aot`]; `aot_unpaired` of TRL.
pub(super) fn aot_unpaired(beta: f64, sides: &[[Side; 2]], smoothing: f64) -> Vec<Term> {
    let chosen: Vec<f64> = sides.iter().map(|[w, _]| w.ratio).collect();
    let rejected: Vec<f64> = sides.iter().map(|[_, l]| l.ratio).collect();
    let mut terms = vec![Term::default(); sides.len()];
    for (i, j) in ranks(&chosen).into_iter().zip(ranks(&rejected)) {
        let (loss, dx) = logistic(beta * (chosen[i] - rejected[j]), smoothing);
        terms[i].loss = loss;
        terms[i].chosen = beta * dx;
        terms[j].rejected = -beta * dx;
    }
    terms
}

/// Indices from the smallest to the largest value; equal ones in their order.
fn ranks(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    order
}
