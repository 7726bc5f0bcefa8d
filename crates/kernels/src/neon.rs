//! Instructions of 64-bit Arm whose intrinsics are not stable yet, one function each.

use std::arch::aarch64::{float32x4_t, int8x16_t, int32x4_t, uint16x4_t};
use std::arch::asm;

/// `sum[i] += a[4i..4i + 4] . b[4 LANE..4 LANE + 4]`: each group of four of `a` times one of `b`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
pub(crate) fn dot_lane<const LANE: i32>(
    mut sum: int32x4_t,
    a: int8x16_t,
    b: int8x16_t,
) -> int32x4_t {
    const { assert!(0 <= LANE && LANE < 4) };
    // SAFETY: the instruction is there with the feature, and touches these registers alone.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.4b[{lane}]",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// `sum[i] += a[4i..4i + 4] . b[4i..4i + 4]`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
pub(crate) fn dot(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: as in `dot_lane`.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// `sum[2i + j] += a[8i..8i + 8] . b[8j..8j + 8]`: two rows of eight times two rows of eight.
#[inline]
#[target_feature(enable = "neon,i8mm")]
pub(crate) fn dot_two_by_two(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: as in `dot_lane`.
    unsafe {
        asm!(
            "smmla {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// Four f16, given as bits, as f32: exact.
#[inline]
#[target_feature(enable = "neon")]
pub(crate) fn f32_of_f16(bits: uint16x4_t) -> float32x4_t {
    let values: float32x4_t;
    // SAFETY: as in `dot_lane`; every 64-bit Arm has this instruction.
    unsafe {
        asm!(
            "fcvtl {values:v}.4s, {bits:v}.4h",
            values = lateout(vreg) values,
            bits = in(vreg) bits,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    values
}
