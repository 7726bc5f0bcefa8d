//! A tile's weights as floats.

use super::weights;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, STEPS, TILE};
use crate::x86::{
    __m512i, _mm512_add_ps, _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_mul_ps, _mm512_set1_epi32,
    _mm512_setzero_ps, _mm512_srli_epi32, _mm512_storeu_ps, _mm512_sub_epi32,
};

/// As `tile::unpack`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx512`]; `tile` must be a tile of format
/// `P` and have a block for every 32 rows of `out_k16`.
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(in crate::quant) unsafe fn unpack<P: Packed>(tile: &[u8], out_k16: &mut [f32]) {
    let (g, w) = (P::G, tile.as_ptr());
    let steps = STEPS / g.subs;
    let zero = _mm512_set1_epi32(g.zero);
    for (block, out) in out_k16.chunks_exact_mut(BLOCK * TILE).enumerate() {
        let start = out.as_mut_ptr();
        for sub in 0..g.subs {
            // SAFETY: the caller promises the block; `out` has 4 rows of 16 for each step.
            unsafe {
                let at = w.add(g.codes_at(block));
                let d = weights::scales::<P>(w, block, sub);
                let m =
                    if g.has_min { weights::mins::<P>(w, block, sub) } else { _mm512_setzero_ps() };
                let store = |words: __m512i, row: usize| {
                    let code = _mm512_and_si512(words, _mm512_set1_epi32(0xff));
                    let value = _mm512_cvtepi32_ps(_mm512_sub_epi32(code, zero));
                    let scaled = _mm512_mul_ps(value, d);
                    let weight = if g.has_min { _mm512_add_ps(scaled, m) } else { scaled };
                    _mm512_storeu_ps(start.add(row * TILE), weight);
                };
                // Written out, so that shifts are by constants whatever the optimizer decides.
                macro_rules! steps {
                    ($($i:literal)*) => { $(if $i < steps {
                        let step = sub * steps + $i;
                        let words = weights::codes::<P, 1, false>(at, 0, step, 0)[0];
                        store(words, 4 * step);
                        store(_mm512_srli_epi32::<8>(words), 4 * step + 1);
                        store(_mm512_srli_epi32::<16>(words), 4 * step + 2);
                        store(_mm512_srli_epi32::<24>(words), 4 * step + 3);
                    })* };
                }
                steps!(0 1 2 3 4 5 6 7);
            }
        }
    }
}
