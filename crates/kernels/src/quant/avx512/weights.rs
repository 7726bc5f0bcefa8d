//! Reading tiles: codes of a step and scales of a sub-block, unpacked in registers.

use crate::x86::{
    __m128i, __m512, __m512i, _MM_HINT_T0, _mm_and_si128, _mm_cvtsi32_si128, _mm_loadu_si128,
    _mm_prefetch, _mm_set1_epi8, _mm_srli_epi16, _mm256_loadu_si256, _mm512_and_si512,
    _mm512_broadcast_i32x4, _mm512_castsi512_ps, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps,
    _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_or_si512,
    _mm512_set1_epi8, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_sll_epi16,
    _mm512_slli_epi32, _mm512_srl_epi16,
};

use crate::quant::geometry::{Packed, Scales, VECTOR};

/// Prefetches the codes `ahead` bytes after those of a block in each of `MR` tiles.
///
/// All at once before the block's first step: prefetches between the steps had the compiler load
/// activations long before their use and spill them.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) fn fetch<P: Packed, const MR: usize>(at: *const u8, tile_bytes: usize, ahead: usize) {
    for i in 0..MR {
        for line in (0..P::G.code_bytes()).step_by(VECTOR) {
            _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(i * tile_bytes + line + ahead).cast());
        }
    }
}

/// The unsigned codes of a step in each of `MR` tiles, looked up if they are indices.
///
/// # Safety
/// `at` must be the start of the codes of a block of format `P`, and so must be the places at each
/// further tile's distance.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn codes<P: Packed, const MR: usize>(
    at: *const u8,
    tile_bytes: usize,
    step: usize,
) -> [__m512i; MR] {
    let g = P::G;
    let mut codes = [_mm512_setzero_si512(); MR];
    for i in 0..MR {
        // SAFETY: the geometry's vectors are within the block, which the caller promises.
        unsafe {
            let at = at.add(i * tile_bytes);
            codes[i] = part(at, g.low(step), g.low_bits, 0);
            if g.high_bits > 0 {
                let high = part(at, g.high(step), g.high_bits, g.low_bits);
                codes[i] = _mm512_or_si512(codes[i], high);
            }
        }
    }
    if let Some(table) = g.table {
        // SAFETY: a table has 16 bytes.
        let table = _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) });
        for i in 0..MR {
            codes[i] = _mm512_shuffle_epi8(table, codes[i]);
        }
    }
    codes
}

/// The `bits` bits at `shift` of every byte of a vector, moved to bit `to`.
///
/// # Safety
/// 64 bytes must be readable at that vector from `at` on.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn part(at: *const u8, (vector, shift): (usize, usize), bits: usize, to: usize) -> __m512i {
    // SAFETY: promised by the caller.
    let codes = unsafe { _mm512_loadu_si512(at.add(vector * VECTOR).cast()) };
    if bits == 8 {
        return codes;
    }
    let mask = _mm512_set1_epi8((((1 << bits) - 1) << to) as i8);
    _mm512_and_si512(shifted(codes, to as i32 - shift as i32), mask)
}

/// Words shifted to the left, or to the right if `by` is negative. `by` is known when compiling.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn shifted(v: __m512i, by: i32) -> __m512i {
    match by {
        0 => v,
        1.. => _mm512_sll_epi16(v, _mm_cvtsi32_si128(by)),
        _ => _mm512_srl_epi16(v, _mm_cvtsi32_si128(-by)),
    }
}

/// The 16 scales of a sub-block.
///
/// # Safety
/// `w` must be the start of a tile of format `P` that has the block.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn scales<P: Packed>(w: *const u8, block: usize, sub: usize) -> __m512 {
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
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn mins<P: Packed>(w: *const u8, block: usize, sub: usize) -> __m512 {
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
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
fn times(v: __m512, bytes: __m128i) -> __m512 {
    _mm512_mul_ps(v, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes)))
}

/// 16 f16 values as f32.
///
/// # Safety
/// 32 bytes must be readable.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn load_f16(at: *const u8) -> __m512 {
    // SAFETY: promised by the caller.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(at.cast()) })
}

/// 16 bf16 values as f32.
///
/// # Safety
/// 32 bytes must be readable.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn load_bf16(at: *const u8) -> __m512 {
    // SAFETY: promised by the caller.
    let words = _mm512_cvtepu16_epi32(unsafe { _mm256_loadu_si256(at.cast()) });
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words))
}
