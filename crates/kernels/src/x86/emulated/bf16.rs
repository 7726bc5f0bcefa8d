//! The instructions for bf16, which is the upper half of an `f32`.

use std::array::from_fn;

use super::types::{__m512, __m512bh};

/// `src` plus the two products of a lane: first that of the upper elements, then that of the lower.
///
/// Each is a fused multiply-add, rounded to nearest even whatever the processor's settings; also
/// whatever they are, subnormal operands and results count as zero.
#[inline(always)]
pub(crate) fn _mm512_dpbf16_ps(src: __m512, a: __m512bh, b: __m512bh) -> __m512 {
    let add = |sum, at: usize| add_product(sum, wide(a.0[at]), wide(b.0[at]));
    __m512(from_fn(|i| add(add(src.0[i], 2 * i + 1), 2 * i)))
}

#[inline(always)]
pub(super) fn wide(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[inline(always)]
pub(super) fn add_product(sum: f32, a: f32, b: f32) -> f32 {
    let [sum, a, b] = [sum, a, b].map(zero_if_subnormal);
    let result = a.mul_add(b, sum);
    // What counts is the result as 24 bits would round it, which subnormal numbers do not have: a
    // quarter of their last bit below the smallest normal number is the limit. f64 has the bits.
    let normal = f64::from(f32::MIN_POSITIVE) * (1.0 - f64::from(f32::EPSILON) / 4.0);
    let exact = f64::from(a).mul_add(f64::from(b), f64::from(sum));
    if exact.abs() < normal { 0.0f32.copysign(result) } else { result }
}

#[inline(always)]
fn zero_if_subnormal(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0f32.copysign(x) } else { x }
}

/// The elements of `b` and then those of `a`, rounded to nearest even; subnormal numbers count as
/// zero, and a NaN that signals becomes quiet.
#[inline(always)]
pub(crate) fn _mm512_cvtne2ps_pbh(a: __m512, b: __m512) -> __m512bh {
    __m512bh(from_fn(|i| rounded(if i < 16 { b.0[i] } else { a.0[i - 16] })))
}

#[inline(always)]
fn rounded(x: f32) -> u16 {
    let bits = zero_if_subnormal(x).to_bits();
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    (if x.is_nan() { bits | 0x40_0000 } else { nearest } >> 16) as u16
}
