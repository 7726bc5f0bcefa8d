//! Arithmetic of `f32` lanes.

use std::arch::x86_64::__mmask16;
use std::array::from_fn;

use super::compare::set;
use super::types::__m512;

/// `a + b`
#[inline(always)]
pub(crate) fn _mm512_add_ps(a: __m512, b: __m512) -> __m512 {
    __m512(from_fn(|i| a.0[i] + b.0[i]))
}

/// `a - b`
#[inline(always)]
pub(crate) fn _mm512_sub_ps(a: __m512, b: __m512) -> __m512 {
    __m512(from_fn(|i| a.0[i] - b.0[i]))
}

/// `a * b`
#[inline(always)]
pub(crate) fn _mm512_mul_ps(a: __m512, b: __m512) -> __m512 {
    __m512(from_fn(|i| a.0[i] * b.0[i]))
}

/// `a / b`
#[inline(always)]
pub(crate) fn _mm512_div_ps(a: __m512, b: __m512) -> __m512 {
    __m512(from_fn(|i| a.0[i] / b.0[i]))
}

/// `a / b` where the bit of `k` is set, else 0.
#[inline(always)]
pub(crate) fn _mm512_maskz_div_ps(k: __mmask16, a: __m512, b: __m512) -> __m512 {
    let quotients = _mm512_div_ps(a, b);
    __m512(from_fn(|i| if set(k, i) { quotients.0[i] } else { 0.0 }))
}

/// `a * b + c`, rounded once.
#[inline(always)]
pub(crate) fn _mm512_fmadd_ps(a: __m512, b: __m512, c: __m512) -> __m512 {
    __m512(from_fn(|i| a.0[i].mul_add(b.0[i], c.0[i])))
}

/// The value without its sign, also of a NaN.
#[inline(always)]
pub(crate) fn _mm512_abs_ps(a: __m512) -> __m512 {
    __m512(a.0.map(|x| f32::from_bits(x.to_bits() & 0x7fff_ffff)))
}

/// The greater one; `b` if either is NaN or both are zeros.
#[inline(always)]
pub(crate) fn _mm512_max_ps(a: __m512, b: __m512) -> __m512 {
    __m512(from_fn(|i| max(a.0[i], b.0[i])))
}

#[inline(always)]
fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}
