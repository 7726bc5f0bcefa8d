//! Chains of multiply-adds that fill both multiplying ports.

use crate::x86::{
    __m512bh, __m512i, _mm512_dpbf16_ps, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
};
use std::hint::black_box;

/// Independent chains, as many as the products keep accumulators.
const CHAINS: usize = 24;

/// `rounds` of fused multiply-adds; returns how many floating-point operations that was.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) fn f32_ops(rounds: usize) -> f64 {
    let (a, b) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
    let mut sums = [_mm512_setzero_ps(); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 16 * 2) as f64
}

/// `rounds` of four-byte dot products.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512vnni"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) fn int8_ops(rounds: usize) -> f64 {
    let (a, b) = (_mm512_set1_epi8(black_box(3)), _mm512_set1_epi8(black_box(-2)));
    let mut sums = [_mm512_setzero_si512(); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 64 * 2) as f64
}

/// `rounds` of two-element bf16 dot products.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) fn bf16_ops(rounds: usize) -> f64 {
    // SAFETY: both types are 64 plain bytes.
    let one = |bits| unsafe {
        std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi16(black_box(bits)))
    };
    let (a, b) = (one(0x3f80), one(0x3c00));
    let mut sums = [_mm512_setzero_ps(); CHAINS];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, a, b);
        }
    }
    black_box(sums);
    (rounds * CHAINS * 32 * 2) as f64
}
