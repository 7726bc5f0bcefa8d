//! The product with AVX-VNNI: one instruction adds four unsigned codes times four activations in 32
//! bits, so neither pairs in 16 bits nor signs are in the way, and sums start at the corrections.

use std::arch::x86_64::{
    __m256, __m256i, _mm256_set1_epi32, _mm256_setzero_ps, _mm256_setzero_si256,
};
use std::ops::Range;

use super::dot::{HALVES, broadcast};
use super::product::{add_scaled, product_by_tile, store_rows};
use super::weights;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, STEPS};
use crate::quant::job::{AHEAD_BYTES, Job, Pointers, walk_rows};
use crate::x86::_mm256_dpbusd_avx_epi32;

product_by_tile! {
    #[cfg_attr(
        not(feature = "emulate-avx512"),
        target_feature(enable = "avx2,fma,f16c,avxvnni")
    )]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
}

/// One sub-block of the sums that `micro` computes.
///
/// # Safety
/// The processor must have AVX-VNNI; `w` must be the start of a tile of format `P`; tile and activations
/// must have the block.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx2,fma,f16c,avxvnni"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn add_sub_block<P: Packed, const SUB: usize, const NR: usize, const FETCH: bool>(
    acc: &mut [[__m256; HALVES]; NR],
    x: &Pointers,
    w: *const u8,
    block: usize,
    ahead: usize,
) {
    let (g, steps) = (P::G, STEPS / P::G.subs);
    let mut sums = [[_mm256_setzero_si256(); HALVES]; NR];
    // SAFETY: promised by the caller.
    unsafe {
        if g.zero != 0 {
            for t in 0..NR {
                let at = (t * x.blocks + block) * g.subs + SUB;
                sums[t] = [_mm256_set1_epi32(*x.corrections.add(at)); HALVES];
            }
        }
        let (at, q) = (w.add(g.codes_at(block)), x.codes.add(block * BLOCK));
        // Written out, so that shifts are by constants whatever the optimizer decides.
        macro_rules! steps {
            ($($i:literal)*) => { $(if $i < steps {
                let step = SUB * steps + $i;
                let codes: [__m256i; HALVES] = [
                    weights::codes::<P, FETCH>(at, step, ahead),
                    weights::codes::<P, false>(at.add(32), step, 0),
                ];
                for t in 0..NR {
                    let four = broadcast(q.add(4 * step + t * x.k));
                    for h in 0..HALVES {
                        sums[t][h] = _mm256_dpbusd_avx_epi32(sums[t][h], codes[h], four);
                    }
                }
            })* };
        }
        steps!(0 1 2 3 4 5 6 7);
        add_scaled::<P, SUB, NR>(acc, &sums, x, w, block);
    }
}
