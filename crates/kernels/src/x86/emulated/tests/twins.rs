//! What takes more than one instruction on vectors of 256 bits.

use std::arch::x86_64::*;

/// All bits of a lane where the bit of `k` is set.
#[target_feature(enable = "avx2")]
fn lanes(k: u8) -> __m256 {
    let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    let chosen = _mm256_and_si256(_mm256_set1_epi32(i32::from(k)), bits);
    _mm256_castsi256_ps(_mm256_cmpeq_epi32(chosen, bits))
}

#[target_feature(enable = "avx2")]
fn maskz_mov(k: u8, a: __m256) -> __m256 {
    _mm256_and_ps(lanes(k), a)
}

#[target_feature(enable = "avx2")]
pub(super) fn maskz_div(k: u8, a: __m256, b: __m256) -> __m256 {
    maskz_mov(k, _mm256_div_ps(a, b))
}

#[target_feature(enable = "avx2")]
pub(super) fn abs(a: __m256) -> __m256 {
    _mm256_andnot_ps(_mm256_set1_ps(-0.0), a)
}

#[target_feature(enable = "avx2")]
pub(super) fn cmp<const IMM5: i32>(a: __m256, b: __m256) -> u8 {
    _mm256_movemask_ps(_mm256_cmp_ps::<IMM5>(a, b)) as u8
}

/// Large values are whole; scaling the others is exact.
#[target_feature(enable = "avx2")]
pub(super) fn round_to_8ths<const ROUNDING: i32>(a: __m256) -> __m256 {
    let scaled = _mm256_mul_ps(a, _mm256_set1_ps(8.0));
    let rounded = _mm256_mul_ps(_mm256_round_ps::<ROUNDING>(scaled), _mm256_set1_ps(0.125));
    let small = _mm256_cmp_ps::<_CMP_LT_OQ>(abs(a), _mm256_set1_ps(8_388_608.0));
    _mm256_blendv_ps(a, rounded, small)
}

/// Even and odd bytes apart, each with the sign it has.
#[target_feature(enable = "avx2")]
pub(super) fn dpbusd(src: __m256i, a: __m256i, b: __m256i) -> __m256i {
    let even = _mm256_madd_epi16(
        _mm256_and_si256(a, _mm256_set1_epi16(255)),
        _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b)),
    );
    let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(a), _mm256_srai_epi16::<8>(b));
    _mm256_add_epi32(src, _mm256_add_epi32(even, odd))
}

#[target_feature(enable = "avx2")]
pub(super) fn cvtepi8_epi32(a: u64) -> __m256i {
    _mm256_cvtepi8_epi32(_mm_cvtsi64_si128(a.cast_signed()))
}

#[target_feature(enable = "avx2")]
pub(super) fn cvtepi32_epi8(a: __m256i) -> u64 {
    let low = _mm256_set1_epi32(0x0c08_0400);
    let lows = _mm256_shuffle_epi8(a, low);
    let (first, second) = (_mm256_extract_epi32::<0>(lows), _mm256_extract_epi32::<4>(lows));
    u64::from(first.cast_unsigned()) | u64::from(second.cast_unsigned()) << 32
}
