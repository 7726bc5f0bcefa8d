//! The row-wise steps between the products of attention.

use crate::leveled::leveled;
use crate::math::{exp, fold, lane_max, lane_sum};

leveled! {
    /// Replaces the first `visible` scores by `exp(score - max)` and the rest by zero; returns
    /// (max, sum).
    pub(super) fn softmax_numerators(scores: &mut [f32], visible: usize) -> (f32, f32) {
        let (seen, hidden) = scores.split_at_mut(visible);
        hidden.fill(0.0);
        let max = lane_max(seen);
        (max, exp_minus(seen, max))
    }
}

leveled! {
    /// Replaces scores by probabilities `p = exp(score - lse)` and `dp` by `p * (dp - sum(p *
    /// dp))`, zero where hidden.
    pub(super) fn dsoftmax(scores: &mut [f32], dp: &mut [f32], visible: usize, lse: f32) {
        let (seen, hidden) = scores.split_at_mut(visible);
        hidden.fill(0.0);
        let (dp, dp_hidden) = dp.split_at_mut(visible);
        dp_hidden.fill(0.0);
        for score in &mut *seen {
            *score = exp(*score - lse);
        }
        let (p, own) = (&*seen, &dp[..visible]);
        let along = lane_sum(visible, |i| p[i] * own[i]);
        for (dp, p) in dp.iter_mut().zip(p) {
            *dp = p * (*dp - along);
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
