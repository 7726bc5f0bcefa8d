//! Chains of multiply-adds that fill both multiplying ports.

use std::arch::x86_64::{
    _mm256_add_epi16, _mm256_fmadd_ps, _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256,
};
use std::hint::black_box;

use crate::x86::_mm256_dpbusd_avx_epi32;

/// Independent chains: twice the latency of four, and registers to spare.
const CHAINS: usize = 12;

/// `rounds` of fused multiply-adds; returns how many floating-point operations that was.
#[target_feature(enable = "avx2,fma")]
pub(super) fn f32_ops(rounds: usize) -> f64 {
    let (a, b) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
    let mut sums = [_mm256_setzero_ps(); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 8 * 2) as f64
}

/// `rounds` of the byte products that quantized weights use at this level, added in 16 bits.
#[target_feature(enable = "avx2")]
pub(super) fn int8_ops(rounds: usize) -> f64 {
    let a = _mm256_set1_epi8(black_box(3));
    let mut sums = [_mm256_set1_epi8(black_box(-2)); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            // A factor that changes, or the product would be computed once for all rounds.
            *sum = _mm256_add_epi16(*sum, _mm256_maddubs_epi16(a, *sum));
        }
    }
    black_box(sums);
    (rounds * CHAINS * 32 * 2) as f64
}

/// `rounds` of the same with AVX-VNNI, added in 32 bits.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx2,avxvnni"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2"))]
pub(super) fn int8_ops_vnni(rounds: usize) -> f64 {
    let (a, b) = (_mm256_set1_epi8(black_box(3)), _mm256_set1_epi8(black_box(-2)));
    let mut sums = [_mm256_setzero_si256(); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm256_dpbusd_avx_epi32(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 32 * 2) as f64
}
