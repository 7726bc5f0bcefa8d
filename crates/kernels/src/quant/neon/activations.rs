//! Quantizing activations, one block of eight registers at a time.

use std::arch::aarch64::{
    float32x4_t, int8x16_t, vabsq_f32, vaddvq_s32, vcombine_s8, vcombine_s16, vcvtnq_s32_f32,
    vdupq_n_f32, vdupq_n_s8, vdupq_n_s32, vdupq_n_u32, vld1q_f32, vmaxq_u32, vmaxvq_u32, vmovn_s16,
    vmovn_s32, vmulq_n_f32, vreinterpretq_u32_f32, vst1q_s8,
};

use crate::neon::dot;
use crate::quant::activations::{Rows, Sums, scale_of};
use crate::quant::format::BLOCK;

/// As `activations::scalar`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Neon`].
#[target_feature(enable = "neon,dotprod")]
pub(in crate::quant) unsafe fn quantize_rows(x: &[f32], sums: Sums, out: Rows<'_>) {
    let Rows { codes, scales, corrections, scaled_sums } = out;
    let Sums { zero_point, subs } = sums;
    let outs = scales
        .iter_mut()
        .zip(corrections.chunks_exact_mut(subs))
        .zip(scaled_sums.chunks_exact_mut(subs));
    let blocks = x.as_chunks::<BLOCK>().0.iter().zip(codes.as_chunks_mut::<BLOCK>().0);
    for ((x, codes), ((scale, corrections), scaled_sums)) in blocks.zip(outs) {
        let (s, halves) = block(x, codes);
        *scale = s;
        let sums = if subs == 1 { [halves[0] + halves[1], 0] } else { halves };
        for (sub, &sum) in sums[..subs].iter().enumerate() {
            corrections[sub] = (-zero_point).wrapping_mul(sum);
            scaled_sums[sub] = s * sum as f32;
        }
    }
}

/// Writes the codes of a block; its scale and the sums of its halves.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn block(x: &[f32; BLOCK], codes: &mut [i8; BLOCK]) -> (f32, [i32; 2]) {
    let mut v = [vdupq_n_f32(0.0); 8];
    // Magnitudes are ordered as their bits are, NaN above all others.
    let mut largest = [vdupq_n_u32(0); 2];
    for (i, (v, x)) in v.iter_mut().zip(x.as_chunks::<4>().0).enumerate() {
        // SAFETY: a chunk is 4 values.
        *v = unsafe { vld1q_f32(x.as_ptr()) };
        let magnitude = vreinterpretq_u32_f32(vabsq_f32(*v));
        largest[i % 2] = vmaxq_u32(largest[i % 2], magnitude);
    }
    let largest = vmaxvq_u32(vmaxq_u32(largest[0], largest[1]));
    let (scale, inverse) = scale_of(f32::from_bits(largest));
    let mut sums = [0; 2];
    for (half, codes) in codes.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let q = sixteen([v[4 * half], v[4 * half + 1], v[4 * half + 2], v[4 * half + 3]], inverse);
        // SAFETY: a chunk is 16 bytes.
        unsafe { vst1q_s8(codes.as_mut_ptr(), q) };
        sums[half] = vaddvq_s32(dot(vdupq_n_s32(0), q, vdupq_n_s8(1)));
    }
    (scale, sums)
}

/// Sixteen values times `inverse`, rounded; ties go to even.
#[inline]
#[target_feature(enable = "neon")]
fn sixteen(v: [float32x4_t; 4], inverse: f32) -> int8x16_t {
    let q0 = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(v[0], inverse)));
    let q1 = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(v[1], inverse)));
    let q2 = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(v[2], inverse)));
    let q3 = vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(v[3], inverse)));
    vcombine_s8(vmovn_s16(vcombine_s16(q0, q1)), vmovn_s16(vcombine_s16(q2, q3)))
}
