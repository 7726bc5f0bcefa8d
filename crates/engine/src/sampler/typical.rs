//! Locally typical sampling: tokens whose information is near what is expected.
//!
//! `H = -sum(p ln p)`; tokens in order of `|-ln p - H|` until their probability reaches
//! `typical_p`. Meister et al. 2022, arXiv:2202.00666.

use super::candidates::Candidates;

/// Keeps the typical tokens of `candidates`.
pub(super) fn keep(typical_p: f32, candidates: &mut Candidates) {
    if typical_p >= 1.0 {
        return;
    }
    candidates.list.retain(|candidate| candidate.weight > 0.0);
    let total = candidates.total();
    let log_total = total.ln();
    let weights = candidates.list.iter().map(|candidate| candidate.weight);
    let informations: Vec<f64> =
        weights.clone().map(|weight| log_total - f64::from(weight.ln())).collect();
    let entropy: f64 =
        weights.zip(&informations).map(|(weight, of)| f64::from(weight) / total * of).sum();
    let mut informations = informations.iter();
    #[expect(clippy::cast_possible_truncation, reason = "nearer than f32 tells is equally near")]
    let mut next_rank =
        || informations.next().map_or(0, |of| ((of - entropy).abs() as f32).to_bits());
    candidates.keep_mass(f64::from(typical_p) * total, |_| next_rank());
}
