//! XTC, "exclude top choices": sometimes the most likely tokens go, and less likely ones speak.
//!
//! The rule of text-generation-webui (pull request 6335) as llama.cpp has it: of all tokens whose
//! probability is at least the threshold only the least likely stays.

use super::candidates::{Candidates, by_weight};
use crate::params::XtcParams;

/// Applies the rule to `candidates`; `chance` in `[0, 1)` decides whether.
pub(super) fn keep(xtc: XtcParams, chance: f64, candidates: &mut Candidates) {
    if chance >= f64::from(xtc.probability) {
        return;
    }
    let lowest = f64::from(xtc.threshold) * candidates.total();
    let is_top = |weight: f32| f64::from(weight) >= lowest;
    let tops = candidates.list.iter().filter(|candidate| is_top(candidate.weight));
    let Some(kept) = tops.copied().max_by(by_weight) else { return };
    candidates.list.retain(|&candidate| candidate == kept || !is_top(candidate.weight));
}
