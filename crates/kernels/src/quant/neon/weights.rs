//! Reading a tile: codes of a step and scales of a sub-block, unpacked in registers.
//!
//! A *quarter* is four outputs of a tile, those of one register; its part of a vector of codes is
//! 16 bytes.

use std::arch::aarch64::{
    float32x4_t, int8x16_t, uint8x16_t, vandq_u8, vbslq_u8, vcreate_s8, vcvtq_f32_s32, vdupq_n_s8,
    vdupq_n_u8, veorq_s8, vget_low_s16, vld1_u16, vld1q_s8, vld1q_u8, vmovl_s8, vmovl_s16,
    vmulq_f32, vqtbl1q_s8, vreinterpretq_f32_u32, vreinterpretq_s8_u8, vshll_n_u16, vshlq_n_u8,
    vshrq_n_u8, vsubq_s8,
};

use crate::neon::f32_of_f16;
use crate::quant::geometry::{Geometry, Packed, Scales, TILE, VECTOR};

/// Outputs in a register.
pub(super) const LANES: usize = 4;
/// Registers of a tile.
pub(super) const QUARTERS: usize = TILE / LANES;
/// Bytes of a quarter's part of a vector of codes.
pub(super) const QUARTER_BYTES: usize = VECTOR / QUARTERS;

/// Whether [`codes`] has the zero point taken off at no cost, so that nothing is to be corrected:
/// a table has it taken off its entries, and 128 is the sign bit.
pub(super) const fn is_centred(g: &Geometry) -> bool {
    g.table.is_some() || g.low_bits == 8
}

/// The codes of a step for a quarter, looked up if they are indices; less the zero point if the
/// format [`is_centred`]. Other codes are below 64: all are signed bytes.
///
/// # Safety
/// `at` must be the start of the codes of a block of format `P`, plus [`QUARTER_BYTES`] for each
/// quarter before this one.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn codes<P: Packed>(at: *const u8, step: usize) -> int8x16_t {
    let g = P::G;
    const { assert!(is_centred(&P::G) || P::G.max_code <= i8::MAX as i32) };
    let (vector, shift) = g.low(step);
    // SAFETY: the geometry's vectors are within the block, which the caller promises.
    let low = unsafe { vld1q_u8(at.add(vector * VECTOR)) };
    let mut codes = shifted(low, -(shift as i32));
    if shift + g.low_bits < 8 {
        codes = vandq_u8(codes, vdupq_n_u8((1 << g.low_bits) - 1));
    }
    if g.high_bits > 0 {
        let (vector, shift) = g.high(step);
        // SAFETY: as above.
        let high = unsafe { vld1q_u8(at.add(vector * VECTOR)) };
        let high = shifted(high, g.low_bits as i32 - shift as i32);
        codes = vbslq_u8(vdupq_n_u8(((1 << g.high_bits) - 1) << g.low_bits), high, codes);
    }
    if g.table.is_some() {
        let table = const { &centred_table(&P::G) };
        // SAFETY: a table has 16 bytes.
        return vqtbl1q_s8(unsafe { vld1q_s8(table.as_ptr()) }, codes);
    }
    let codes = vreinterpretq_s8_u8(codes);
    if g.low_bits == 8 { veorq_s8(codes, vdupq_n_s8(i8::MIN)) } else { codes }
}

/// The weights of a step for a quarter, without their scale: codes less the zero point.
///
/// # Safety
/// As [`codes`].
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn values<P: Packed>(at: *const u8, step: usize) -> int8x16_t {
    // SAFETY: promised by the caller.
    let codes = unsafe { codes::<P>(at, step) };
    if is_centred(&P::G) || P::G.zero == 0 {
        return codes;
    }
    vsubq_s8(codes, vdupq_n_s8(P::G.zero as i8))
}

/// A format's table less its zero point; of no use for a format without one.
const fn centred_table(g: &Geometry) -> [i8; 16] {
    let mut centred = [0; 16];
    if let Some(table) = g.table {
        let mut i = 0;
        while i < table.len() {
            centred[i] = (table[i] as i32 - g.zero) as i8;
            i += 1;
        }
    }
    centred
}

/// Bytes shifted to the left, or to the right if `by` is negative. `by` is known when compiling.
#[inline]
#[target_feature(enable = "neon")]
fn shifted(v: uint8x16_t, by: i32) -> uint8x16_t {
    match by {
        0 => v,
        1 => vshlq_n_u8::<1>(v),
        2 => vshlq_n_u8::<2>(v),
        3 => vshlq_n_u8::<3>(v),
        4 => vshlq_n_u8::<4>(v),
        -1 => vshrq_n_u8::<1>(v),
        -2 => vshrq_n_u8::<2>(v),
        -3 => vshrq_n_u8::<3>(v),
        -4 => vshrq_n_u8::<4>(v),
        -5 => vshrq_n_u8::<5>(v),
        -6 => vshrq_n_u8::<6>(v),
        _ => unreachable!("no format shifts by {by}"),
    }
}

/// The scales of a quarter in a sub-block.
///
/// # Safety
/// `w` must be the start of a tile of format `P` that has the block; `quarter` is below
/// [`QUARTERS`].
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn scales<P: Packed>(
    w: *const u8,
    block: usize,
    sub: usize,
    quarter: usize,
) -> float32x4_t {
    let (g, first) = (P::G, LANES * quarter);
    // SAFETY: the geometry's places are within the tile, which the caller promises.
    unsafe {
        let d = vld1_u16(w.add(g.d_at(block) + 2 * first).cast());
        match g.scales {
            Scales::F16 => f32_of_f16(d),
            Scales::Bf16 => vreinterpretq_f32_u32(vshll_n_u16::<16>(d)),
            Scales::Bytes => {
                let bytes = four_bytes(w.add(g.sub_scales_at(block, sub) + first));
                times(f32_of_f16(d), bytes)
            }
            Scales::Nibbles => {
                let bytes = four_bytes(w.add(g.sub_scales_at(block, sub) + first));
                times(f32_of_f16(d), bytes & LOW_NIBBLES)
            }
        }
    }
}

/// The minima of a quarter in a sub-block; only for formats with minima.
///
/// # Safety
/// As [`scales`].
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn mins<P: Packed>(
    w: *const u8,
    block: usize,
    sub: usize,
    quarter: usize,
) -> float32x4_t {
    let (g, first) = (P::G, LANES * quarter);
    // SAFETY: the geometry's places are within the tile, which the caller promises.
    unsafe {
        let m = f32_of_f16(vld1_u16(w.add(g.m_at(block) + 2 * first).cast()));
        match g.scales {
            Scales::F16 | Scales::Bf16 => m,
            Scales::Bytes => times(m, four_bytes(w.add(g.sub_mins_at(block, sub) + first))),
            Scales::Nibbles => {
                let bytes = four_bytes(w.add(g.sub_scales_at(block, sub) + first));
                times(m, bytes >> 4 & LOW_NIBBLES)
            }
        }
    }
}

const LOW_NIBBLES: u32 = 0x0f0f_0f0f;

/// Four bytes, the first lowest.
///
/// # Safety
/// They must be readable; they need not be aligned.
#[inline]
unsafe fn four_bytes(at: *const u8) -> u32 {
    // SAFETY: promised by the caller.
    u32::from_le(unsafe { at.cast::<u32>().read_unaligned() })
}

/// Each value times a signed byte.
#[inline]
#[target_feature(enable = "neon")]
fn times(v: float32x4_t, bytes: u32) -> float32x4_t {
    let words = vget_low_s16(vmovl_s8(vcreate_s8(u64::from(bytes))));
    vmulq_f32(v, vcvtq_f32_s32(vmovl_s16(words)))
}
