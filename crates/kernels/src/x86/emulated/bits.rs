//! Instructions that take bits for what they are: constants, reinterpretation, logic.

use std::arch::x86_64::{__m128, __m128i};
use std::array::from_fn;

use bytemuck::cast;

use super::types::{__m512, __m512i};

/// The value in every lane.
#[inline(always)]
pub(crate) fn _mm512_set1_ps(a: f32) -> __m512 {
    __m512([a; 16])
}

/// The value in every 32-bit lane.
#[inline(always)]
pub(crate) fn _mm512_set1_epi32(a: i32) -> __m512i {
    __m512i([a; 16])
}

/// The value in every 16-bit lane.
#[inline(always)]
pub(crate) fn _mm512_set1_epi16(a: i16) -> __m512i {
    cast([a; 32])
}

/// The value in every 8-bit lane.
#[inline(always)]
pub(crate) fn _mm512_set1_epi8(a: i8) -> __m512i {
    cast([a; 64])
}

/// Zero in every lane.
#[inline(always)]
pub(crate) fn _mm512_setzero_ps() -> __m512 {
    __m512([0.0; 16])
}

/// Zero in every lane.
#[inline(always)]
pub(crate) fn _mm512_setzero_si512() -> __m512i {
    __m512i([0; 16])
}

/// The same bits.
#[inline(always)]
pub(crate) fn _mm512_castps_si512(a: __m512) -> __m512i {
    cast(a)
}

/// The same bits.
#[inline(always)]
pub(crate) fn _mm512_castsi512_ps(a: __m512i) -> __m512 {
    cast(a)
}

/// The lowest quarter.
#[inline(always)]
pub(crate) fn _mm512_castps512_ps128(a: __m512) -> __m128 {
    let quarters: [[f32; 4]; 4] = cast(a);
    cast(quarters[0])
}

/// The lowest quarter.
#[inline(always)]
pub(crate) fn _mm512_castsi512_si128(a: __m512i) -> __m128i {
    let quarters: [[i32; 4]; 4] = cast(a);
    cast(quarters[0])
}

/// `a & b`
#[inline(always)]
pub(crate) fn _mm512_and_si512(a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| a.0[i] & b.0[i]))
}

/// `a | b`
#[inline(always)]
pub(crate) fn _mm512_or_si512(a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| a.0[i] | b.0[i]))
}
