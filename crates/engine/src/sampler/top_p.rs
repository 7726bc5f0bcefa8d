//! Top-p, or nucleus sampling: the smallest set of tokens whose probability reaches `p`.
//!
//! Holtzman et al. 2020, arXiv:1904.09751. The token that reaches `p` is part of the set.

use super::candidates::{Candidates, lightness};
use super::row::Row;

/// How far below the largest logit to look, in units of the temperature, one after the other.
/// Below the last one weights are 0.
const DEPTHS: [f32; 7] = [2.0, 4.5, 7.0, 10.0, 14.0, 25.0, 90.0];

/// Replaces `candidates` by the nucleus of the whole row.
///
/// Tokens are gathered from the top until the rest is too small to be needed: one pass of
/// exponentials for the total, then only tokens near the nucleus are looked at one by one.
pub(super) fn collect(row: &Row<'_>, top_p: f32, sums: &mut Vec<f32>, candidates: &mut Candidates) {
    row.block_sums(sums);
    let needed = f64::from(top_p) * sums.iter().map(|&sum| f64::from(sum)).sum::<f64>();
    for depth in DEPTHS {
        if row.gather(row.largest - depth / row.scale, candidates) >= needed {
            break;
        }
    }
    candidates.list_gathered();
    candidates.keep_mass(needed, lightness);
}

/// Keeps the nucleus of `candidates`.
pub(super) fn keep(top_p: f32, candidates: &mut Candidates) {
    if top_p < 1.0 {
        let needed = f64::from(top_p) * candidates.total();
        candidates.keep_mass(needed, lightness);
    }
}
