//! A tile's weights as floats, or as pairs of bf16.

use super::weights;
use crate::dense::bf16_words;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, STEPS, TILE};
use crate::x86::{
    __m512, __m512i, _mm512_add_ps, _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_mul_ps,
    _mm512_set1_epi32, _mm512_setzero_ps, _mm512_srli_epi32, _mm512_storeu_ps, _mm512_storeu_si512,
    _mm512_sub_epi32,
};

/// Hands on the weights of a block of a tile, four rows of 16 at a time, with the number of the step.
/// A macro, because closures with more features than their caller are not inlined.
macro_rules! for_weights {
    ($packed:ident, $tile:expr, $block:expr, $take:expr, $($i:literal)*) => {
        let (g, w) = ($packed::G, $tile.as_ptr());
        let steps = STEPS / g.subs;
        for sub in 0..g.subs {
            let zero = _mm512_set1_epi32(g.zero);
            let at = w.add(g.codes_at($block));
            let d = weights::scales::<$packed>(w, $block, sub);
            let m = if g.has_min {
                weights::mins::<$packed>(w, $block, sub)
            } else {
                _mm512_setzero_ps()
            };
            let weight = |words: __m512i| {
                let code = _mm512_and_si512(words, _mm512_set1_epi32(0xff));
                let value = _mm512_cvtepi32_ps(_mm512_sub_epi32(code, zero));
                let scaled = _mm512_mul_ps(value, d);
                if g.has_min { _mm512_add_ps(scaled, m) } else { scaled }
            };
            // Written out, so that shifts are by constants whatever the optimizer decides.
            $(if $i < steps {
                let step = sub * steps + $i;
                let words = weights::codes::<$packed, 1>(at, 0, step)[0];
                let four = [
                    weight(words),
                    weight(_mm512_srli_epi32::<8>(words)),
                    weight(_mm512_srli_epi32::<16>(words)),
                    weight(_mm512_srli_epi32::<24>(words)),
                ];
                $take(step, four);
            })*
        }
    };
}

/// As `tile::unpack`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx512`]; `tile` must be a tile of format
/// `P` and have a block for every 32 rows of `out_k16`.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(in crate::quant) unsafe fn unpack<P: Packed>(tile: &[u8], out_k16: &mut [f32]) {
    let store = |out: *mut f32, [a, b, c, d]: [__m512; 4]| {
        // SAFETY: `for_weights` gives four rows of the output.
        unsafe {
            _mm512_storeu_ps(out, a);
            _mm512_storeu_ps(out.add(TILE), b);
            _mm512_storeu_ps(out.add(2 * TILE), c);
            _mm512_storeu_ps(out.add(3 * TILE), d);
        }
    };
    for (block, out) in out_k16.chunks_exact_mut(BLOCK * TILE).enumerate() {
        let out = out.as_mut_ptr();
        // SAFETY: passed on to the caller; `out` has 4 rows of 16 for each step.
        unsafe {
            let take = |step: usize, four| store(out.add(4 * step * TILE), four);
            for_weights!(P, tile, block, take, 0 1 2 3 4 5 6 7);
        }
    }
}

/// The same weights rounded to bf16, as pairs along `k`: `[k / 2][16]`.
///
/// # Safety
/// As [`unpack`], for every 16 rows of `panel`, and the processor must have bf16.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(in crate::quant) unsafe fn unpack_pairs<P: Packed>(tile: &[u8], panel: &mut [u32]) {
    let store = |out: *mut u32, [a, b, c, d]: [__m512; 4]| {
        // SAFETY: this function has the features; `for_weights` gives two rows of the output.
        unsafe {
            _mm512_storeu_si512(out.cast(), bf16_words(a, b));
            _mm512_storeu_si512(out.add(TILE).cast(), bf16_words(c, d));
        }
    };
    for (block, out) in panel.chunks_exact_mut(BLOCK / 2 * TILE).enumerate() {
        let out = out.as_mut_ptr();
        // SAFETY: passed on to the caller; `out` has 2 rows of 16 for each step.
        unsafe {
            let take = |step: usize, four| store(out.add(2 * step * TILE), four);
            for_weights!(P, tile, block, take, 0 1 2 3 4 5 6 7);
        }
    }
}
