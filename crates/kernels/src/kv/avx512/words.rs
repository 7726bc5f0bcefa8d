//! Reading pages: words of two values, and each value of a word as a float.

use super::pages::{Pages, widened};
use crate::dense::bf16_line;
use crate::x86::{
    __m512, __m512i, _mm_loadu_si128, _mm256_loadu_si256, _mm512_and_si512, _mm512_castsi512_ps,
    _mm512_cvtepi8_epi16, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_loadu_si512,
    _mm512_set1_epi32, _mm512_slli_epi32, _mm512_srai_epi32,
};

/// 16 words of two values each, and the two values of every word as floats.
///
/// # Safety
/// All functions need the features of [`crate::Level::Avx512`], without bf16.
pub(in crate::kv) trait Words: Sized {
    /// The words at `line`, 32 values of which must be readable.
    unsafe fn load(line: *const Self) -> __m512i;

    /// The same as words of two bf16 each, exactly. The processor must have the instructions for those.
    unsafe fn load_bf16(line: *const Self) -> __m512i;

    /// The first value of each word.
    unsafe fn low(words: __m512i) -> __m512;

    /// The second value of each word.
    unsafe fn high(words: __m512i) -> __m512;

    /// Pages of bf16 with the same values: the same pages, or such in `room`, which then holds
    /// [`KEYS`](crate::kv::task::KEYS) tokens of heads of `head_dim`. The processor must have the
    /// instructions for bf16, and the pages must exist.
    unsafe fn pages_of_bf16(pages: Pages<Self>, head_dim: usize, room: &mut [u16]) -> Pages<u16>;
}

impl Words for u16 {
    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn load(line: *const Self) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_si512(line.cast()) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn load_bf16(line: *const Self) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe { _mm512_loadu_si512(line.cast()) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn low(words: __m512i) -> __m512 {
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words))
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn high(words: __m512i) -> __m512 {
        let high_half = _mm512_set1_epi32(0xffff_0000_u32 as i32);
        _mm512_castsi512_ps(_mm512_and_si512(words, high_half))
    }

    #[inline]
    unsafe fn pages_of_bf16(pages: Pages<Self>, _: usize, _: &mut [u16]) -> Pages<u16> {
        pages
    }
}

impl Words for i8 {
    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bw"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn load(line: *const Self) -> __m512i {
        // SAFETY: promised by the caller.
        unsafe { _mm512_cvtepi8_epi16(_mm256_loadu_si256(line.cast())) }
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn load_bf16(line: *const Self) -> __m512i {
        // SAFETY: promised by the caller.
        let (low, high) =
            unsafe { (_mm_loadu_si128(line.cast()), _mm_loadu_si128(line.add(16).cast())) };
        let low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(low));
        let high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(high));
        bf16_line(low, high)
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn low(words: __m512i) -> __m512 {
        _mm512_cvtepi32_ps(_mm512_srai_epi32::<16>(_mm512_slli_epi32::<16>(words)))
    }

    #[inline]
    #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
    #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
    unsafe fn high(words: __m512i) -> __m512 {
        _mm512_cvtepi32_ps(_mm512_srai_epi32::<16>(words))
    }

    #[inline]
    unsafe fn pages_of_bf16(pages: Pages<Self>, head_dim: usize, room: &mut [u16]) -> Pages<u16> {
        // SAFETY: passed on to the caller.
        unsafe { widened(&pages, head_dim, room) }
    }
}
