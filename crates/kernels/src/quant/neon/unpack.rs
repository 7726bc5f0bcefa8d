//! A tile's weights as floats.

use std::arch::aarch64::{
    int32x4_t, vaddq_f32, vcvtq_f32_s32, vdupq_n_f32, vmulq_f32, vreinterpretq_s32_s8, vshlq_n_s32,
    vshrq_n_s32, vst1q_f32,
};

use super::weights::{self, LANES, QUARTER_BYTES, QUARTERS};
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, STEPS, TILE};

/// As `tile::unpack`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Neon`]; `tile` must be a tile of format
/// `P` and have a block for every 32 rows of `out_k16`.
#[target_feature(enable = "neon,dotprod")]
pub(in crate::quant) unsafe fn unpack<P: Packed>(tile: &[u8], out_k16: &mut [f32]) {
    let (g, w) = (P::G, tile.as_ptr());
    let steps = STEPS / g.subs;
    for (block, out) in out_k16.chunks_exact_mut(BLOCK * TILE).enumerate() {
        let start = out.as_mut_ptr();
        for sub in 0..g.subs {
            for quarter in 0..QUARTERS {
                // SAFETY: the caller promises the block; `out` has 4 rows of 16 for each step.
                unsafe {
                    let at = w.add(g.codes_at(block) + QUARTER_BYTES * quarter);
                    let d = weights::scales::<P>(w, block, sub, quarter);
                    let m = if g.has_min {
                        weights::mins::<P>(w, block, sub, quarter)
                    } else {
                        vdupq_n_f32(0.0)
                    };
                    let store = |value: int32x4_t, row: usize| {
                        let scaled = vmulq_f32(vcvtq_f32_s32(value), d);
                        let weight = if g.has_min { vaddq_f32(scaled, m) } else { scaled };
                        vst1q_f32(start.add(row * TILE + LANES * quarter), weight);
                    };
                    // Written out, so that shifts are by constants whatever the optimizer decides.
                    macro_rules! steps {
                        ($($i:literal)*) => { $(if $i < steps {
                            let step = sub * steps + $i;
                            let words = vreinterpretq_s32_s8(weights::values::<P>(at, step));
                            store(vshrq_n_s32::<24>(vshlq_n_s32::<24>(words)), 4 * step);
                            store(vshrq_n_s32::<24>(vshlq_n_s32::<16>(words)), 4 * step + 1);
                            store(vshrq_n_s32::<24>(vshlq_n_s32::<8>(words)), 4 * step + 2);
                            store(vshrq_n_s32::<24>(words), 4 * step + 3);
                        })* };
                    }
                    steps!(0 1 2 3 4 5 6 7);
                }
            }
        }
    }
}
