//! Chains of multiply-adds that fill up to four multiplying pipes.

use std::arch::aarch64::{vdupq_n_f32, vdupq_n_s8, vdupq_n_s32, vfmaq_f32};
use std::hint::black_box;

use crate::neon::dot;

/// Independent chains, as many as the products keep accumulators: four pipes with a latency of four
/// need sixteen.
const CHAINS: usize = 24;

/// `rounds` of fused multiply-adds; returns how many floating-point operations that was.
#[target_feature(enable = "neon")]
pub(super) fn f32_ops(rounds: usize) -> f64 {
    let (a, b) = (vdupq_n_f32(black_box(0.999)), vdupq_n_f32(black_box(0.001)));
    let mut sums = [vdupq_n_f32(0.0); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = vfmaq_f32(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 4 * 2) as f64
}

/// `rounds` of four-byte dot products.
#[target_feature(enable = "neon,dotprod")]
pub(super) fn int8_ops(rounds: usize) -> f64 {
    let (a, b) = (vdupq_n_s8(black_box(3)), vdupq_n_s8(black_box(-2)));
    let mut sums = [vdupq_n_s32(0); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = dot(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 16 * 2) as f64
}
