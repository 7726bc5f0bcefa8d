//! Quantizing activations: four blocks at a time, so that one transposed reduction serves them all.

use crate::x86::{
    __m512, __m512i, _CMP_NLE_UQ, _mm_cvtepi32_ps, _mm_mul_ps, _mm_mullo_epi32, _mm_set1_epi32,
    _mm_storeu_ps, _mm_storeu_si128, _mm_unpackhi_epi32, _mm_unpackhi_ps, _mm_unpacklo_epi32,
    _mm_unpacklo_ps, _mm256_cvtepi32_ps, _mm256_mul_ps, _mm256_mullo_epi32, _mm256_set_m128,
    _mm256_set_m128i, _mm256_set1_epi32, _mm256_storeu_ps, _mm256_storeu_si256, _mm512_abs_ps,
    _mm512_add_epi32, _mm512_add_ps, _mm512_castps_si512, _mm512_castps512_ps128,
    _mm512_castsi512_ps, _mm512_castsi512_si128, _mm512_cmp_ps_mask, _mm512_cvtepi32_epi8,
    _mm512_cvtps_epi32, _mm512_loadu_ps, _mm512_maskz_div_ps, _mm512_max_epi32, _mm512_mul_ps,
    _mm512_permutexvar_ps, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_sub_ps, _mm512_unpackhi_epi32,
    _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};

use crate::quant::activations::{Rows, Sums, TINY};
use crate::quant::format::BLOCK;

/// Blocks whose maxima and sums are reduced together.
const STEP: usize = 4;

/// As `activations::scalar`, bit for bit.
///
/// # Safety
/// The processor must have the features of [`crate::Level::Avx512`].
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512bw,avx512vl,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(in crate::quant) unsafe fn quantize_rows(x: &[f32], sums: Sums, out: Rows<'_>) {
    let Rows { codes, scales, corrections, scaled_sums } = out;
    let steps = x.len() / (STEP * BLOCK);
    let (x_steps, x_rest) = x.split_at(steps * STEP * BLOCK);
    let (codes, codes_rest) = codes.split_at_mut(x_steps.len());
    let (scales, scales_rest) = scales.split_at_mut(steps * STEP);
    let (corrections, corrections_rest) = corrections.split_at_mut(steps * STEP * sums.subs);
    let (scaled_sums, scaled_sums_rest) = scaled_sums.split_at_mut(steps * STEP * sums.subs);
    let outs = scales
        .as_chunks_mut::<STEP>()
        .0
        .iter_mut()
        .zip(corrections.chunks_exact_mut(STEP * sums.subs))
        .zip(scaled_sums.chunks_exact_mut(STEP * sums.subs));
    let blocks = x_steps
        .as_chunks::<{ STEP * BLOCK }>()
        .0
        .iter()
        .zip(codes.as_chunks_mut::<{ STEP * BLOCK }>().0);
    for ((x, codes), ((scales, corrections), scaled_sums)) in blocks.zip(outs) {
        step(x, sums, codes, scales, corrections, scaled_sums);
    }
    if x_rest.is_empty() {
        return;
    }
    // A step with zeros behind the last block: a row alone has as many rests as a batch has rows.
    let (mut x, mut codes) = ([0.0; STEP * BLOCK], [0; STEP * BLOCK]);
    x[..x_rest.len()].copy_from_slice(x_rest);
    let (mut scales, mut corrections, mut scaled_sums) =
        ([0.0; STEP], [0; 2 * STEP], [0.0; 2 * STEP]);
    let of_step = STEP * sums.subs;
    let (corrections, scaled_sums) = (&mut corrections[..of_step], &mut scaled_sums[..of_step]);
    step(&x, sums, &mut codes, &mut scales, corrections, scaled_sums);
    codes_rest.copy_from_slice(&codes[..codes_rest.len()]);
    scales_rest.copy_from_slice(&scales[..scales_rest.len()]);
    corrections_rest.copy_from_slice(&corrections[..corrections_rest.len()]);
    scaled_sums_rest.copy_from_slice(&scaled_sums[..scaled_sums_rest.len()]);
}

/// Quantizes four blocks.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512bw,avx512vl,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn step(
    x: &[f32; STEP * BLOCK],
    sums: Sums,
    codes: &mut [i8; STEP * BLOCK],
    scales: &mut [f32; STEP],
    corrections: &mut [i32],
    scaled_sums: &mut [f32],
) {
    let (scale, halves) = four_blocks(x, codes, scales);
    if sums.subs == 1 {
        store_sums(sums.zero_point, scale, &halves, corrections, scaled_sums);
    } else {
        store_half_sums(sums.zero_point, scale, &halves, corrections, scaled_sums);
    }
}

/// Writes the codes and scales of four blocks; the scales, and of each half of each block the codes
/// that are to be added over lanes.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512bw,avx512vl,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn four_blocks(
    x: &[f32; STEP * BLOCK],
    codes: &mut [i8; STEP * BLOCK],
    scales: &mut [f32; STEP],
) -> (__m512, [[__m512i; STEP]; 2]) {
    let mut v = [_mm512_setzero_ps(); 2 * STEP];
    for (v, x) in v.iter_mut().zip(x.as_chunks::<16>().0) {
        // SAFETY: a chunk is 16 values.
        *v = unsafe { _mm512_loadu_ps(x.as_ptr()) };
    }
    // Magnitudes are ordered as their bits are, NaN above all others.
    let bits = |v| _mm512_castps_si512(_mm512_abs_ps(v));
    let mut largest = [_mm512_setzero_si512(); STEP];
    for i in 0..STEP {
        largest[i] = _mm512_max_epi32(bits(v[2 * i]), bits(v[2 * i + 1]));
    }
    let largest = _mm512_castsi512_ps(max_of_each(largest));
    let known = _mm512_cmp_ps_mask::<_CMP_NLE_UQ>(largest, _mm512_set1_ps(TINY));
    let full = _mm512_set1_ps(127.0);
    // The difference is zero, or NaN for what is not finite.
    let scale = _mm512_maskz_div_ps(known, largest, full);
    let scale = _mm512_add_ps(scale, _mm512_sub_ps(largest, largest));
    let inverse = _mm512_maskz_div_ps(known, full, largest);
    let mut halves = [[_mm512_setzero_si512(); STEP]; 2];
    for (i, codes) in codes.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
        let inverse = _mm512_permutexvar_ps(_mm512_set1_epi32(i as i32), inverse);
        let q0 = _mm512_cvtps_epi32(_mm512_mul_ps(v[2 * i], inverse));
        let q1 = _mm512_cvtps_epi32(_mm512_mul_ps(v[2 * i + 1], inverse));
        (halves[0][i], halves[1][i]) = (q0, q1);
        let at = codes.as_mut_ptr();
        // SAFETY: `codes` has 32 bytes.
        unsafe {
            _mm_storeu_si128(at.cast(), _mm512_cvtepi32_epi8(q0));
            _mm_storeu_si128(at.add(16).cast(), _mm512_cvtepi32_epi8(q1));
        }
    }
    // SAFETY: `scales` has four values.
    unsafe { _mm_storeu_ps(scales.as_mut_ptr(), _mm512_castps512_ps128(scale)) };
    (scale, halves)
}

/// Writes one correction and one scaled sum per block.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn store_sums(
    zero_point: i32,
    scale: __m512,
    halves: &[[__m512i; STEP]; 2],
    corrections: &mut [i32],
    scaled_sums: &mut [f32],
) {
    let mut sums = halves[0];
    for i in 0..STEP {
        sums[i] = _mm512_add_epi32(sums[i], halves[1][i]);
    }
    let sums = _mm512_castsi512_si128(sum_of_each(sums));
    let corrected = _mm_mullo_epi32(sums, _mm_set1_epi32(-zero_point));
    let scaled = _mm_mul_ps(_mm512_castps512_ps128(scale), _mm_cvtepi32_ps(sums));
    assert!(corrections.len() == STEP && scaled_sums.len() == STEP);
    // SAFETY: each slice has four 4-byte values.
    unsafe {
        _mm_storeu_si128(corrections.as_mut_ptr().cast(), corrected);
        _mm_storeu_ps(scaled_sums.as_mut_ptr(), scaled);
    }
}

/// Writes two corrections and two scaled sums per block, one for each half.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn store_half_sums(
    zero_point: i32,
    scale: __m512,
    halves: &[[__m512i; STEP]; 2],
    corrections: &mut [i32],
    scaled_sums: &mut [f32],
) {
    let first = _mm512_castsi512_si128(sum_of_each(halves[0]));
    let second = _mm512_castsi512_si128(sum_of_each(halves[1]));
    let sums =
        _mm256_set_m128i(_mm_unpackhi_epi32(first, second), _mm_unpacklo_epi32(first, second));
    let scale = _mm512_castps512_ps128(scale);
    let scale = _mm256_set_m128(_mm_unpackhi_ps(scale, scale), _mm_unpacklo_ps(scale, scale));
    let corrected = _mm256_mullo_epi32(sums, _mm256_set1_epi32(-zero_point));
    let scaled = _mm256_mul_ps(scale, _mm256_cvtepi32_ps(sums));
    assert!(corrections.len() == 2 * STEP && scaled_sums.len() == 2 * STEP);
    // SAFETY: each slice has eight 4-byte values.
    unsafe {
        _mm256_storeu_si256(corrections.as_mut_ptr().cast(), corrected);
        _mm256_storeu_ps(scaled_sums.as_mut_ptr(), scaled);
    }
}

/// Lane `i` of every quarter holds what `$both` makes of all lanes of `v[i]`.
macro_rules! reduced {
    ($v:ident, $both:ident) => {{
        let [a, b, c, d]: [__m512i; STEP] = $v;
        let low = $both(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let high = $both(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        let each = $both(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
        let each = $both(each, _mm512_shuffle_i32x4::<0b01_00_11_10>(each, each));
        $both(each, _mm512_shuffle_i32x4::<0b10_11_00_01>(each, each))
    }};
}

/// Lane `i` of every quarter holds the maximum over all lanes of `v[i]`.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn max_of_each(v: [__m512i; STEP]) -> __m512i {
    reduced!(v, _mm512_max_epi32)
}

/// Lane `i` of every quarter holds the sum over all lanes of `v[i]`.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512dq"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn sum_of_each(v: [__m512i; STEP]) -> __m512i {
    reduced!(v, _mm512_add_epi32)
}
