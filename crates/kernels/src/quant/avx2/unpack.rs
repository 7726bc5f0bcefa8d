//! A tile's weights as floats.

use std::arch::x86_64::{
    __m256i, _mm256_add_ps, _mm256_and_si256, _mm256_cvtepi32_ps, _mm256_mul_ps, _mm256_set1_epi32,
    _mm256_setzero_ps, _mm256_srli_epi32, _mm256_storeu_ps, _mm256_sub_epi32,
};

use super::weights;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, STEPS, TILE};

/// As `tile::unpack`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx2`]; `tile` must be a tile of format
/// `P` and have a block for every 32 rows of `out_k16`.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::quant) unsafe fn unpack<P: Packed>(tile: &[u8], out_k16: &mut [f32]) {
    let (g, w) = (P::G, tile.as_ptr());
    let steps = STEPS / g.subs;
    let zero = _mm256_set1_epi32(g.zero);
    for (block, out) in out_k16.chunks_exact_mut(BLOCK * TILE).enumerate() {
        let start = out.as_mut_ptr();
        for sub in 0..g.subs {
            for half in 0..2 {
                // SAFETY: the caller promises the block; `out` has 4 rows of 16 for each step.
                unsafe {
                    let at = w.add(g.codes_at(block) + 32 * half);
                    let d = weights::scales::<P>(w, block, sub, half);
                    let m = if g.has_min {
                        weights::mins::<P>(w, block, sub, half)
                    } else {
                        _mm256_setzero_ps()
                    };
                    let store = |words: __m256i, row: usize| {
                        let code = _mm256_and_si256(words, _mm256_set1_epi32(0xff));
                        let value = _mm256_cvtepi32_ps(_mm256_sub_epi32(code, zero));
                        let scaled = _mm256_mul_ps(value, d);
                        let weight = if g.has_min { _mm256_add_ps(scaled, m) } else { scaled };
                        _mm256_storeu_ps(start.add(row * TILE + 8 * half), weight);
                    };
                    // Written out, so that shifts are by constants whatever the optimizer decides.
                    macro_rules! steps {
                        ($($i:literal)*) => { $(if $i < steps {
                            let step = sub * steps + $i;
                            let words = weights::codes::<P, false>(at, step, 0);
                            store(words, 4 * step);
                            store(_mm256_srli_epi32::<8>(words), 4 * step + 1);
                            store(_mm256_srli_epi32::<16>(words), 4 * step + 2);
                            store(_mm256_srli_epi32::<24>(words), 4 * step + 3);
                        })* };
                    }
                    steps!(0 1 2 3 4 5 6 7);
                }
            }
        }
    }
}
