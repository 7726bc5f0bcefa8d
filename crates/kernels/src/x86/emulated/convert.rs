//! Conversions between lanes of different types.

use std::arch::x86_64::{__m128i, __m256i};

use bytemuck::cast;

use super::types::{__m512, __m512i};

/// Signed bytes as 32-bit lanes.
#[inline(always)]
pub(crate) fn _mm512_cvtepi8_epi32(a: __m128i) -> __m512i {
    let a: [i8; 16] = cast(a);
    __m512i(a.map(i32::from))
}

/// Signed bytes as 16-bit lanes.
#[inline(always)]
pub(crate) fn _mm512_cvtepi8_epi16(a: __m256i) -> __m512i {
    let a: [i8; 32] = cast(a);
    cast(a.map(i16::from))
}

/// Unsigned 16-bit numbers as 32-bit lanes.
#[inline(always)]
pub(crate) fn _mm512_cvtepu16_epi32(a: __m256i) -> __m512i {
    let a: [u16; 16] = cast(a);
    __m512i(a.map(i32::from))
}

/// The low byte of every 32-bit lane.
#[inline(always)]
pub(crate) fn _mm512_cvtepi32_epi8(a: __m512i) -> __m128i {
    cast(a.0.map(|x| x as i8))
}

/// Integers as `f32`, to the nearest, ties to even.
#[inline(always)]
pub(crate) fn _mm512_cvtepi32_ps(a: __m512i) -> __m512 {
    __m512(a.0.map(|x| x as f32))
}

/// The nearest integers, ties to even; `i32::MIN` for NaN and for what no `i32` is near.
#[inline(always)]
pub(crate) fn _mm512_cvtps_epi32(a: __m512) -> __m512i {
    let limit = 2_147_483_648.0;
    __m512i(a.0.map(|x| {
        let x = x.round_ties_even();
        if (-limit..limit).contains(&x) { x as i32 } else { i32::MIN }
    }))
}

/// f16 as `f32`, which is exact; a NaN becomes a quiet one.
#[inline(always)]
pub(crate) fn _mm512_cvtph_ps(a: __m256i) -> __m512 {
    let a: [u16; 16] = cast(a);
    __m512(a.map(|bits| {
        let bits = u32::from(bits);
        let (sign, exponent, fraction) = ((bits & 0x8000) << 16, bits >> 10 & 31, bits & 0x3ff);
        let magnitude = match exponent {
            // A multiple of the smallest f16, 2^-24.
            0 => (fraction as f32 / (1 << 24) as f32).to_bits(),
            31 if fraction == 0 => 0x7f80_0000,
            31 => 0x7fc0_0000 | fraction << 13,
            // The biases are 127 and 15.
            _ => (exponent + 112) << 23 | fraction << 13,
        };
        f32::from_bits(sign | magnitude)
    }))
}
