//! Arithmetic and shifts of integer lanes.

use std::arch::x86_64::{__m128i, __m256i};
use std::array::from_fn;

use bytemuck::cast;

use super::types::__m512i;

/// `a + b`, wrapping.
#[inline(always)]
pub(crate) fn _mm512_add_epi32(a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| a.0[i].wrapping_add(b.0[i])))
}

/// `a - b`, wrapping.
#[inline(always)]
pub(crate) fn _mm512_sub_epi32(a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| a.0[i].wrapping_sub(b.0[i])))
}

/// The greater one of signed lanes.
#[inline(always)]
pub(crate) fn _mm512_max_epi32(a: __m512i, b: __m512i) -> __m512i {
    __m512i(from_fn(|i| a.0[i].max(b.0[i])))
}

/// `src` plus the four products of unsigned bytes of `a` and signed bytes of `b`; wraps, does not
/// saturate.
#[inline(always)]
pub(crate) fn _mm512_dpbusd_epi32(src: __m512i, a: __m512i, b: __m512i) -> __m512i {
    let (a, b): ([[u8; 4]; 16], [[i8; 4]; 16]) = (cast(a), cast(b));
    let product = |i: usize, j: usize| i32::from(a[i][j]) * i32::from(b[i][j]);
    let products = |i| product(i, 0) + product(i, 1) + product(i, 2) + product(i, 3);
    __m512i(from_fn(|i| src.0[i].wrapping_add(products(i))))
}

/// As [`_mm512_dpbusd_epi32`], of half as many lanes.
#[inline(always)]
pub(crate) fn _mm256_dpbusd_avx_epi32(src: __m256i, a: __m256i, b: __m256i) -> __m256i {
    let wide = |x: __m256i| cast::<[__m256i; 2], __m512i>([x, x]);
    let [low, _]: [__m256i; 2] = cast(_mm512_dpbusd_epi32(wide(src), wide(a), wide(b)));
    low
}

/// 32-bit lanes shifted to the left; 0 from 32 bits on.
#[inline(always)]
pub(crate) fn _mm512_slli_epi32<const IMM8: u32>(a: __m512i) -> __m512i {
    __m512i(a.0.map(|x| if IMM8 < 32 { x << IMM8 } else { 0 }))
}

/// 32-bit lanes shifted to the right, zeros moving in; 0 from 32 bits on.
#[inline(always)]
pub(crate) fn _mm512_srli_epi32<const IMM8: u32>(a: __m512i) -> __m512i {
    __m512i(a.0.map(|x| if IMM8 < 32 { (x as u32 >> IMM8) as i32 } else { 0 }))
}

/// 32-bit lanes shifted to the right, their sign moving in; all signs from 32 bits on.
#[inline(always)]
pub(crate) fn _mm512_srai_epi32<const IMM8: u32>(a: __m512i) -> __m512i {
    __m512i(a.0.map(|x| x >> IMM8.min(31)))
}

/// 16-bit lanes shifted to the left by the low 64 bits of `count`; 0 from 16 bits on.
#[inline(always)]
pub(crate) fn _mm512_sll_epi16(a: __m512i, count: __m128i) -> __m512i {
    let (a, [count, _]): ([u16; 32], [u64; 2]) = (cast(a), cast(count));
    cast(a.map(|x| if count < 16 { x << count } else { 0 }))
}

/// 16-bit lanes shifted to the right by the low 64 bits of `count`; 0 from 16 bits on.
#[inline(always)]
pub(crate) fn _mm512_srl_epi16(a: __m512i, count: __m128i) -> __m512i {
    let (a, [count, _]): ([u16; 32], [u64; 2]) = (cast(a), cast(count));
    cast(a.map(|x| if count < 16 { x >> count } else { 0 }))
}
