//! Reading a tile: codes of a step and scales of a sub-block, unpacked in registers.

use std::arch::x86_64::{
    __m128i, __m256, __m256i, _MM_HINT_T0, _mm_and_si128, _mm_cvtsi32_si128, _mm_loadu_si128,
    _mm_prefetch, _mm_set1_epi8, _mm_srli_epi16, _mm_srli_si128, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_castsi256_ps, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu16_epi32, _mm256_cvtph_ps, _mm256_loadu_si256, _mm256_mul_ps, _mm256_or_si256,
    _mm256_set1_epi8, _mm256_shuffle_epi8, _mm256_sll_epi16, _mm256_slli_epi32, _mm256_srl_epi16,
};

use crate::quant::geometry::{Packed, Scales, VECTOR};

/// The two registers of a tile, 8 outputs each.
pub(super) const HALVES: usize = 2;

/// The unsigned codes of a step, looked up if they are indices. If `ahead` is not 0, the codes that
/// many bytes further are prefetched.
///
/// # Safety
/// `at` must be the start of the codes of a block of format `P`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn codes<P: Packed>(
    at: *const u8,
    step: usize,
    ahead: usize,
) -> [__m256i; HALVES] {
    let g = P::G;
    // SAFETY: the geometry's vectors are within the block, which the caller promises.
    let mut codes = unsafe { part(at, g.low(step), g.low_bits, 0, ahead) };
    if g.high_bits > 0 {
        // SAFETY: as above.
        let high = unsafe { part(at, g.high(step), g.high_bits, g.low_bits, ahead) };
        for h in 0..HALVES {
            codes[h] = _mm256_or_si256(codes[h], high[h]);
        }
    }
    if let Some(table) = g.table {
        // SAFETY: a table has 16 bytes.
        let table = _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(table.as_ptr().cast()) });
        for h in 0..HALVES {
            codes[h] = _mm256_shuffle_epi8(table, codes[h]);
        }
    }
    codes
}

/// The `bits` bits at `shift` of every byte of a vector, moved to bit `to`.
///
/// # Safety
/// 64 bytes must be readable at that vector from `at` on; a prefetch may point anywhere.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn part(
    at: *const u8,
    (vector, shift): (usize, usize),
    bits: usize,
    to: usize,
    ahead: usize,
) -> [__m256i; HALVES] {
    // SAFETY: promised by the caller.
    let mut codes = unsafe {
        let at = at.add(vector * VECTOR);
        if shift == 0 && ahead > 0 {
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(ahead).cast());
        }
        [_mm256_loadu_si256(at.cast()), _mm256_loadu_si256(at.add(32).cast())]
    };
    if bits < 8 {
        let mask = _mm256_set1_epi8((((1 << bits) - 1) << to) as i8);
        for h in 0..HALVES {
            codes[h] = _mm256_and_si256(shifted(codes[h], to as i32 - shift as i32), mask);
        }
    }
    codes
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

/// The 16 scales of a sub-block.
///
/// # Safety
/// `w` must be the start of a tile of format `P` that has the block.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn scales<P: Packed>(w: *const u8, block: usize, sub: usize) -> [__m256; HALVES] {
    let g = P::G;
    // SAFETY: the geometry's places are within the tile, which the caller promises.
    unsafe {
        match g.scales {
            Scales::F16 => load_f16(w.add(g.d_at(block))),
            Scales::Bf16 => load_bf16(w.add(g.d_at(block))),
            Scales::Bytes => {
                let bytes = _mm_loadu_si128(w.add(g.sub_scales_at(block, sub)).cast());
                times(load_f16(w.add(g.d_at(block))), bytes)
            }
            Scales::Nibbles => {
                let bytes = _mm_loadu_si128(w.add(g.sub_scales_at(block, sub)).cast());
                let nibbles = _mm_and_si128(bytes, _mm_set1_epi8(15));
                times(load_f16(w.add(g.d_at(block))), nibbles)
            }
        }
    }
}

/// The 16 minima of a sub-block; only for formats with minima.
///
/// # Safety
/// As [`scales`].
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn mins<P: Packed>(w: *const u8, block: usize, sub: usize) -> [__m256; HALVES] {
    let g = P::G;
    // SAFETY: the geometry's places are within the tile, which the caller promises.
    unsafe {
        let m = load_f16(w.add(g.m_at(block)));
        match g.scales {
            Scales::F16 | Scales::Bf16 => m,
            Scales::Bytes => times(m, _mm_loadu_si128(w.add(g.sub_mins_at(block, sub)).cast())),
            Scales::Nibbles => {
                let bytes = _mm_loadu_si128(w.add(g.sub_scales_at(block, sub)).cast());
                times(m, _mm_and_si128(_mm_srli_epi16::<4>(bytes), _mm_set1_epi8(15)))
            }
        }
    }
}

/// Each value times a signed byte.
#[inline]
#[target_feature(enable = "avx2")]
fn times(v: [__m256; HALVES], bytes: __m128i) -> [__m256; HALVES] {
    let low = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
    let high = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128::<8>(bytes)));
    [_mm256_mul_ps(v[0], low), _mm256_mul_ps(v[1], high)]
}

/// 16 f16 values as f32.
///
/// # Safety
/// 32 bytes must be readable.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn load_f16(at: *const u8) -> [__m256; HALVES] {
    // SAFETY: promised by the caller.
    let (low, high) = unsafe { (_mm_loadu_si128(at.cast()), _mm_loadu_si128(at.add(16).cast())) };
    [_mm256_cvtph_ps(low), _mm256_cvtph_ps(high)]
}

/// 16 bf16 values as f32.
///
/// # Safety
/// 32 bytes must be readable.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_bf16(at: *const u8) -> [__m256; HALVES] {
    // SAFETY: promised by the caller.
    let (low, high) = unsafe { (_mm_loadu_si128(at.cast()), _mm_loadu_si128(at.add(16).cast())) };
    [
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(low))),
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(high))),
    ]
}
