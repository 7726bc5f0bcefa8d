//! Quantizing activations, one block of four registers at a time.

use std::arch::x86_64::{
    __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_max_epi32, _mm_shuffle_epi32, _mm256_add_epi32,
    _mm256_and_si256, _mm256_castps_si256, _mm256_castsi256_si128, _mm256_cvtps_epi32,
    _mm256_extracti128_si256, _mm256_loadu_ps, _mm256_max_epi32, _mm256_mul_ps, _mm256_packs_epi16,
    _mm256_packs_epi32, _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setr_epi32, _mm256_setzero_ps, _mm256_setzero_si256, _mm256_storeu_si256,
};

use crate::quant::activations::{Rows, Sums, scale_of};
use crate::quant::format::BLOCK;

/// As `activations::scalar`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx2`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(in crate::quant) unsafe fn quantize_rows(x: &[f32], sums: Sums, out: Rows<'_>) {
    let Rows { codes, scales, corrections, scaled_sums } = out;
    let Sums { zero_point, subs } = sums;
    let outs = scales
        .iter_mut()
        .zip(corrections.chunks_exact_mut(subs))
        .zip(scaled_sums.chunks_exact_mut(subs));
    let blocks = x.as_chunks::<BLOCK>().0.iter().zip(codes.as_chunks_mut::<BLOCK>().0);
    for ((x, codes), ((scale, corrections), scaled_sums)) in blocks.zip(outs) {
        let (s, [first, second]) = block(x, codes);
        *scale = s;
        if subs == 1 {
            let sum = horizontal_sum(_mm256_add_epi32(first, second));
            corrections[0] = (-zero_point).wrapping_mul(sum);
            scaled_sums[0] = s * sum as f32;
        } else {
            for (i, sum) in [horizontal_sum(first), horizontal_sum(second)].into_iter().enumerate()
            {
                corrections[i] = (-zero_point).wrapping_mul(sum);
                scaled_sums[i] = s * sum as f32;
            }
        }
    }
}

/// Writes the codes of a block; its scale and, to be added over lanes, the sums of its halves.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn block(x: &[f32; BLOCK], codes: &mut [i8; BLOCK]) -> (f32, [__m256i; 2]) {
    let magnitude = _mm256_set1_epi32(i32::MAX);
    let mut v = [_mm256_setzero_ps(); 4];
    // Magnitudes are ordered as their bits are, NaN above all others.
    let mut largest = _mm256_setzero_si256();
    for (v, x) in v.iter_mut().zip(x.as_chunks::<8>().0) {
        // SAFETY: a chunk is 8 values.
        *v = unsafe { _mm256_loadu_ps(x.as_ptr()) };
        largest = _mm256_max_epi32(largest, _mm256_and_si256(_mm256_castps_si256(*v), magnitude));
    }
    let (scale, inverse) = scale_of(f32::from_bits(horizontal_max(largest).cast_unsigned()));
    let inverse = _mm256_set1_ps(inverse);
    let mut q = [_mm256_setzero_si256(); 4];
    for i in 0..4 {
        q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
    }
    // The packing instructions work within halves of registers; the permutation undoes that.
    let words01 = _mm256_packs_epi32(q[0], q[1]);
    let words23 = _mm256_packs_epi32(q[2], q[3]);
    let bytes = _mm256_packs_epi16(words01, words23);
    let bytes = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    // SAFETY: `codes` has 32 bytes.
    unsafe { _mm256_storeu_si256(codes.as_mut_ptr().cast(), bytes) };
    (scale, [_mm256_add_epi32(q[0], q[1]), _mm256_add_epi32(q[2], q[3])])
}

#[inline]
#[target_feature(enable = "avx2")]
fn horizontal_max(v: __m256i) -> i32 {
    let four = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let two = _mm_max_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn horizontal_sum(v: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
}
