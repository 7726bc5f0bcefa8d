//! Scores into weights, row by row, at levels that have no instruction for powers of two.

use std::f32::consts::{LN_2, LOG2_E};
use std::ops::Range;

use super::segment::{Rows, Softmax};
use super::task::{KEYS, MASKED, MAX_ROWS};
use crate::vector::{Vector, array_functions};

/// What a softmax takes beside arithmetic.
///
/// # Safety
/// As [`Vector`].
pub(in crate::kv) trait Exponential: Vector {
    /// The nearest whole numbers; those in the middle of two go to the even one.
    unsafe fn round(self) -> Self;

    /// `2^x` of whole numbers `x` from -126 to 127.
    unsafe fn power(self) -> Self;

    /// The values whose `x` is `least` or more, 0 for the others and for NaN.
    unsafe fn where_at_least(self, x: Self, least: Self) -> Self;

    /// Without the sign.
    unsafe fn abs(self) -> Self;

    /// Values that are not negative, with the signs of `x`.
    unsafe fn with_sign_of(self, x: Self) -> Self;

    /// The largest of all lanes.
    unsafe fn largest(self) -> f32;

    /// The sum of all lanes.
    unsafe fn sum(self) -> f32;
}

impl<V: Exponential, const N: usize> Exponential for [V; N] {
    array_functions! {
        round();
        power();
        where_at_least(x, least);
        abs();
        with_sign_of(x);
    }

    #[inline(always)]
    unsafe fn largest(mut self) -> f32 {
        const { assert!(N.is_power_of_two()) };
        let mut count = N;
        while count > 1 {
            count /= 2;
            for i in 0..count {
                // SAFETY: passed on to the caller.
                self[i] = unsafe { self[2 * i].max(self[2 * i + 1]) };
            }
        }
        // SAFETY: passed on to the caller.
        unsafe { self[0].largest() }
    }

    #[inline(always)]
    unsafe fn sum(mut self) -> f32 {
        const { assert!(N.is_power_of_two()) };
        let mut count = N;
        while count > 1 {
            count /= 2;
            for i in 0..count {
                // SAFETY: passed on to the caller.
                self[i] = unsafe { self[2 * i].add(self[2 * i + 1]) };
            }
        }
        // SAFETY: passed on to the caller.
        unsafe { self[0].sum() }
    }
}

/// Turns the scores of all rows into weights.
///
/// # Safety
/// The processor must have the features of the level; rows must be there whole.
#[inline(always)]
pub(super) unsafe fn weigh<V: Exponential>(
    rows: Rows<'_>,
    (max_r, sum_r): Softmax<'_>,
) -> [f32; MAX_ROWS] {
    let Rows { scores, len, scales, visible, cap, .. } = rows;
    let mut old_weight = [1.0; MAX_ROWS];
    for (row, (visible, scores)) in visible.iter().zip(scores.chunks_exact_mut(KEYS)).enumerate() {
        let (max, sum) = (&mut max_r[row], &mut sum_r[row]);
        // SAFETY: passed on to the caller.
        old_weight[row] =
            unsafe { softmax::<V>(&mut scores[..len], visible, cap, scales, max, sum) };
    }
    old_weight
}

/// Turns the scores of a row, of which there are whole vectors, into weights relative to its new
/// largest score, and adds their sum. Returns the factor that brings what was summed before to the same
/// measure.
///
/// # Safety
/// The processor must have the features of the level.
#[inline(always)]
unsafe fn softmax<V: Exponential>(
    scores: &mut [f32],
    visible: &Range<usize>,
    cap: Option<f32>,
    scales: Option<&[f32; KEYS]>,
    max: &mut f32,
    sum: &mut f32,
) -> f32 {
    if visible.is_empty() {
        scores.fill(0.0);
        return 1.0;
    }
    // SAFETY: chunks are whole vectors, and there are as many scales: at most `KEYS`.
    unsafe {
        if let Some(cap) = cap {
            for chunk in scores.chunks_exact_mut(V::LANES) {
                let capped = tanh(V::load(chunk.as_ptr())).mul(V::splat(cap));
                capped.store(chunk.as_mut_ptr());
            }
        }
        scores[..visible.start].fill(MASKED);
        scores[visible.end..].fill(MASKED);
        let mut largest = V::splat(*max);
        for chunk in scores.chunks_exact(V::LANES) {
            largest = largest.max(V::load(chunk.as_ptr()));
        }
        let new_max = largest.largest();
        let shift = V::splat(new_max);
        let mut sums = V::splat(0.0);
        for (i, chunk) in scores.chunks_exact_mut(V::LANES).enumerate() {
            let mut weights = exp2(V::load(chunk.as_ptr()).sub(shift));
            sums = sums.add(weights);
            if let Some(scales) = scales {
                weights = weights.mul(V::load(scales.as_ptr().add(i * V::LANES)));
            }
            weights.store(chunk.as_mut_ptr());
        }
        let old_weight = (*max - new_max).exp2();
        *sum = *sum * old_weight + sums.sum();
        *max = new_max;
        old_weight
    }
}

/// `2^x` for `x <= 0` within 2e-7; exactly 0 below -126.
///
/// Nearest integer into the exponent; Taylor polynomial of degree 6 for the rest in [-0.5, 0.5].
///
/// # Safety
/// The processor must have the features of the level.
#[inline(always)]
unsafe fn exp2<V: Exponential>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let least = V::splat(-126.0);
        let clamped = x.max(least);
        let whole = clamped.round();
        let rest = clamped.sub(whole);
        let mut poly = V::splat(1.540_353e-4);
        for coefficient in [1.333_355_8e-3, 9.618_129e-3, 5.550_411e-2, 0.240_226_5, LN_2, 1.0] {
            poly = poly.mul_add(rest, V::splat(coefficient));
        }
        poly.mul(whole.power()).where_at_least(x, least)
    }
}

/// `tanh(x) = (1 - e) / (1 + e)` with `e = exp(-2 |x|)`, and the sign of `x`; within 3e-7.
///
/// # Safety
/// The processor must have the features of the level.
#[inline(always)]
unsafe fn tanh<V: Exponential>(x: V) -> V {
    // SAFETY: promised by the caller.
    unsafe {
        let e = exp2(x.abs().mul(V::splat(-2.0 * LOG2_E)));
        let one = V::splat(1.0);
        one.sub(e).div(one.add(e)).with_sign_of(x)
    }
}
