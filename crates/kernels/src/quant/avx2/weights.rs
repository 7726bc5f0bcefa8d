//! Reading a tile: codes of a step and scales of a sub-block, unpacked in registers.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _MM_HINT_T0, _mm_and_si128, _mm_cvtsi32_si128, _mm_loadl_epi64,
    _mm_loadu_si128, _mm_prefetch, _mm_set1_epi8, _mm_srli_epi16, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_castsi256_ps, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_loadu_si256, _mm256_mul_ps, _mm256_or_si256,
    _mm256_set1_epi8, _mm256_shuffle_epi8, _mm256_sll_epi16, _mm256_slli_epi32, _mm256_srl_epi16,
};

use crate::quant::geometry::{Packed, Scales, VECTOR};

/// The unsigned codes of a step for 8 outputs, looked up if they are indices. With `FETCH`
/// the codes `ahead` bytes further are prefetched.
///
/// # Safety
/// `at` must be the start of the codes of a block of format `P`, or that plus 32 for the upper
/// half of the outputs.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn codes<P: Packed, const FETCH: bool>(
    at: *const u8,
    step: usize,
    ahead: usize,
) -> __m256i {
    let g = P::G;
    // SAFETY: the geometry's vectors are within the block, which the caller promises.
    let mut codes = unsafe { part::<FETCH>(at, g.low(step), g.low_bits, 0, ahead) };
    if g.high_bits > 0 {
        // SAFETY: as above.
        let high = unsafe { part::<FETCH>(at, g.high(step), g.high_bits, g.low_bits, ahead) };
        codes = _mm256_or_si256(codes, high);
    }
    if let Some(table) = g.table {
        // SAFETY: a table has 16 bytes.
        let table = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) });
        codes = _mm256_shuffle_epi8(table, codes);
    }
    codes
}

/// The `bits` bits at `shift` of every byte of half a vector, moved to bit `to`.
///
/// # Safety
/// 32 bytes must be readable at that vector from `at` on; a prefetch may point anywhere.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn part<const FETCH: bool>(
    at: *const u8,
    (vector, shift): (usize, usize),
    bits: usize,
    to: usize,
    ahead: usize,
) -> __m256i {
    // SAFETY: promised by the caller.
    let codes = unsafe {
        let at = at.add(vector * VECTOR);
        if FETCH && shift == 0 {
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(ahead).cast());
        }
        _mm256_loadu_si256(at.cast())
    };
    if bits == 8 {
        return codes;
    }
    let mask = _mm256_set1_epi8((((1 << bits) - 1) << to) as i8);
    _mm256_and_si256(shifted(codes, to as i32 - shift as i32), mask)
}

/// Words shifted to the left, or to the right if `by` is negative. `by` is known when compiling.
#[inline]
#[target_feature(enable = "avx2")]
fn shifted(v: __m256i, by: i32) -> __m256i {
    match by {
        0 => v,
        1.. => _mm256_sll_epi16(v, _mm_cvtsi32_si128(by)),
        _ => _mm256_srl_epi16(v, _mm_cvtsi32_si128(-by)),
    }
}

/// The scales of 8 outputs in a sub-block, the `half`-th of the tile.
///
/// # Safety
/// `w` must be the start of a tile of format `P` that has the block; `half` is 0 or 1.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn scales<P: Packed>(
    w: *const u8,
    block: usize,
    sub: usize,
    half: usize,
) -> __m256 {
    let g = P::G;
    // SAFETY: the geometry's places are within the tile, which the caller promises.
    unsafe {
        let d = _mm_loadu_si128(w.add(g.d_at(block) + 16 * half).cast());
        let sub_scales = w.wrapping_add(g.sub_scales_at(block, sub) + 8 * half);
        match g.scales {
            Scales::F16 => _mm256_cvtph_ps(d),
            Scales::Bf16 => _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(d))),
            Scales::Bytes => times(_mm256_cvtph_ps(d), _mm_loadl_epi64(sub_scales.cast())),
            Scales::Nibbles => {
                let bytes = _mm_loadl_epi64(sub_scales.cast());
                times(_mm256_cvtph_ps(d), _mm_and_si128(bytes, _mm_set1_epi8(15)))
            }
        }
    }
}

/// The minima of 8 outputs in a sub-block; only for formats with minima.
///
/// # Safety
/// As [`scales`].
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn mins<P: Packed>(
    w: *const u8,
    block: usize,
    sub: usize,
    half: usize,
) -> __m256 {
    let g = P::G;
    // SAFETY: the geometry's places are within the tile, which the caller promises.
    unsafe {
        let m = _mm256_cvtph_ps(_mm_loadu_si128(w.add(g.m_at(block) + 16 * half).cast()));
        match g.scales {
            Scales::F16 | Scales::Bf16 => m,
            Scales::Bytes => {
                times(m, _mm_loadl_epi64(w.add(g.sub_mins_at(block, sub) + 8 * half).cast()))
            }
            Scales::Nibbles => {
                let at = w.add(g.sub_scales_at(block, sub) + 8 * half);
                let bytes = _mm_srli_epi16::<4>(_mm_loadl_epi64(at.cast()));
                times(m, _mm_and_si128(bytes, _mm_set1_epi8(15)))
            }
        }
    }
}

/// Each value times a signed byte.
#[inline]
#[target_feature(enable = "avx2")]
fn times(v: __m256, bytes: __m128i) -> __m256 {
    _mm256_mul_ps(v, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)))
}
