//! The row-wise steps between the products of attention.

use std::ops::Range;

use crate::leveled::leveled;
use crate::math::{exp, fold, lane_max, lane_sum, tanh};

leveled! {
    /// Replaces the scores in `seen` by `exp(score - max)` and the rest by zero; returns
    /// (max, sum).
    pub(super) fn softmax_numerators(scores: &mut [f32], seen: Range<usize>) -> (f32, f32) {
        scores[seen.end..].fill(0.0);
        scores[..seen.start].fill(0.0);
        let seen = &mut scores[seen];
        let max = lane_max(seen);
        (max, exp_minus(seen, max))
    }
}

leveled! {
    /// Replaces scores by probabilities `p = exp(score - lse)` and `dp` by `p * (dp - sum(p *
    /// dp))` in `seen`, zero elsewhere.
    pub(super) fn dsoftmax(scores: &mut [f32], dp: &mut [f32], seen: Range<usize>, lse: f32) {
        for values in [&mut *scores, &mut *dp] {
            values[seen.end..].fill(0.0);
            values[..seen.start].fill(0.0);
        }
        let (scores, dp) = (&mut scores[seen.clone()], &mut dp[seen]);
        for score in &mut *scores {
            *score = exp(*score - lse);
        }
        let (p, own) = (&*scores, &*dp);
        let along = lane_sum(p.len(), |i| p[i] * own[i]);
        for (dp, p) in dp.iter_mut().zip(p) {
            *dp = p * (*dp - along);
        }
    }
}

leveled! {
    /// `x = cap * tanh(x / cap)`.
    pub(super) fn capped(x: &mut [f32], cap: f32) {
        for x in x {
            *x = cap * tanh(*x / cap);
        }
    }
}

leveled! {
    /// As [`capped`], and the derivative at each value.
    pub(super) fn cap_slopes(x: &mut [f32], cap: f32, slopes: &mut [f32]) {
        for (x, slope) in x.iter_mut().zip(slopes) {
            let t = tanh(*x / cap);
            *x = cap * t;
            *slope = 1.0 - t * t;
        }
    }
}

leveled! {
    /// `x *= factors`.
    pub(super) fn multiply(x: &mut [f32], factors: &[f32]) {
        for (x, factor) in x.iter_mut().zip(factors) {
            *x *= factor;
        }
    }
}

leveled! {
    /// `out = x * factor`.
    pub(super) fn scaled(x: &[f32], factor: f32, out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = x * factor;
        }
    }
}

leveled! {
    /// `out += x`.
    pub(super) fn add_values(x: &[f32], out: &mut [f32]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out += x;
        }
    }
}

#[inline(always)]
fn exp_minus(values: &mut [f32], max: f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = values.as_chunks_mut::<16>();
    for chunk in chunks {
        for (value, lane) in chunk.iter_mut().zip(&mut lanes) {
            *value = exp(*value - max);
            *lane += *value;
        }
    }
    for (value, lane) in rest.iter_mut().zip(&mut lanes) {
        *value = exp(*value - max);
        *lane += *value;
    }
    fold(lanes)
}
