//! Integer sums of one sub-block.
//!
//! `vpmaddubsw` multiplies unsigned by signed bytes and adds pairs in 16 bits, saturating. For 4-bit
//! codes a whole block stays below that limit (8 steps of 2 * 15 * 127 make 30480), so one widening
//! per block is enough; 5-bit codes are widened after 4 steps, 6-bit codes after 2. 8-bit codes use
//! magnitudes and move the sign to the activation: a pair is at most 2 * 128 * 127 = 32512, and is
//! widened at once. Either way the integer sums are exact.

use std::arch::asm;
use std::arch::x86_64::{
    __m256i, _mm256_abs_epi8, _mm256_add_epi16, _mm256_add_epi32, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setzero_si256, _mm256_sign_epi8, _mm256_xor_si256,
};

use super::weights;
use crate::quant::geometry::{Geometry, Packed, STEPS, TILE};

/// Outputs in a register.
pub(super) const LANES: usize = 8;
/// Registers of a tile.
pub(super) const HALVES: usize = TILE / LANES;

/// Whether codes are multiplied with their sign, so that nothing is to be corrected.
pub(super) const fn is_signed(g: &Geometry) -> bool {
    g.zero == 128
}

/// Steps whose products may be added in 16 bits: each adds at most `2 * max_code * 127`.
const fn steps_in_16_bits(g: &Geometry) -> usize {
    let mut steps = STEPS / g.subs;
    while steps > 1 && steps as i32 * 2 * g.max_code * 127 > i16::MAX as i32 {
        steps /= 2;
    }
    assert!(is_signed(g) || steps as i32 * 2 * g.max_code * 127 <= i16::MAX as i32);
    steps
}

/// Sums over one sub-block: `code * activation`, of signed codes `(code - 128) * activation`.
///
/// # Safety
/// `at` must be the start of the codes of a block of format `P`; 32 bytes must be readable at `q`
/// and at each further row's distance `k`.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn dot<P: Packed, const SUB: usize, const NR: usize, const FETCH: bool>(
    at: *const u8,
    ahead: usize,
    q: *const i8,
    k: usize,
) -> [[__m256i; HALVES]; NR] {
    let steps = STEPS / P::G.subs;
    let mut sums = [[_mm256_setzero_si256(); HALVES]; NR];
    if P::G.low_bits == 8 {
        // No step differs from another: a loop leaves the optimizer more sense for registers.
        for step in 0..STEPS {
            // SAFETY: promised by the caller.
            unsafe { add_signed::<P, NR, FETCH>(&mut sums, at, step, ahead, q.add(4 * step), k) };
        }
        return sums;
    }
    let mut pairs = [[_mm256_setzero_si256(); HALVES]; NR];
    // Written out, so that shifts are by constants whatever the optimizer decides.
    macro_rules! steps {
        ($($i:literal)*) => { $(if $i < steps {
            let step = SUB * steps + $i;
            // SAFETY: promised by the caller.
            unsafe {
                if is_signed(&P::G) {
                    add_signed::<P, NR, FETCH>(&mut sums, at, step, ahead, q.add(4 * step), k);
                } else {
                    add_unsigned::<P, NR, FETCH>(&mut pairs, at, step, ahead, q.add(4 * step), k);
                    if ($i + 1) % const { steps_in_16_bits(&P::G) } == 0 {
                        widen::<NR>(&mut sums, &mut pairs);
                    }
                }
            }
        })* };
    }
    steps!(0 1 2 3 4 5 6 7);
    sums
}

/// `pairs[t] += codes . q[t]`, two products per lane of 16 bits; `q` has rows at distance `k`.
///
/// # Safety
/// As for [`dot`], `q` being where the step's activations start.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add_unsigned<P: Packed, const NR: usize, const FETCH: bool>(
    pairs: &mut [[__m256i; HALVES]; NR],
    at: *const u8,
    step: usize,
    ahead: usize,
    q: *const i8,
    k: usize,
) {
    // SAFETY: promised by the caller.
    let codes = unsafe {
        [
            weights::codes::<P, FETCH>(at, step, ahead),
            weights::codes::<P, false>(at.add(32), step, 0),
        ]
    };
    for t in 0..NR {
        // SAFETY: promised by the caller.
        let four = unsafe { broadcast(q.add(t * k)) };
        for h in 0..HALVES {
            let products = _mm256_maddubs_epi16(codes[h], four);
            pairs[t][h] = keep::<NR>(_mm256_add_epi16(pairs[t][h], products));
        }
    }
}

/// `sums[t] += (codes - 128) . q[t]`, four products per lane: magnitudes times activations with the
/// codes' signs.
///
/// # Safety
/// As for [`add_unsigned`].
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn add_signed<P: Packed, const NR: usize, const FETCH: bool>(
    sums: &mut [[__m256i; HALVES]; NR],
    at: *const u8,
    step: usize,
    ahead: usize,
    q: *const i8,
    k: usize,
) {
    let (ones, zero_point) = (_mm256_set1_epi16(1), _mm256_set1_epi8(-128));
    // SAFETY: promised by the caller.
    let codes = unsafe {
        [
            weights::codes::<P, FETCH>(at, step, ahead),
            weights::codes::<P, false>(at.add(32), step, 0),
        ]
    };
    let signed = [_mm256_xor_si256(codes[0], zero_point), _mm256_xor_si256(codes[1], zero_point)];
    let magnitudes = [_mm256_abs_epi8(signed[0]), _mm256_abs_epi8(signed[1])];
    for t in 0..NR {
        // SAFETY: promised by the caller.
        let four = unsafe { broadcast(q.add(t * k)) };
        for h in 0..HALVES {
            let four = _mm256_sign_epi8(four, signed[h]);
            let pairs = _mm256_maddubs_epi16(magnitudes[h], four);
            let products = _mm256_madd_epi16(pairs, ones);
            sums[t][h] = keep::<NR>(_mm256_add_epi32(sums[t][h], products));
        }
    }
}

/// Moves what is in 16 bits to the sums in 32 bits.
#[inline]
#[target_feature(enable = "avx2")]
fn widen<const NR: usize>(sums: &mut [[__m256i; HALVES]; NR], pairs: &mut [[__m256i; HALVES]; NR]) {
    for t in 0..NR {
        for h in 0..HALVES {
            let widened = _mm256_madd_epi16(pairs[t][h], _mm256_set1_epi16(1));
            sums[t][h] = _mm256_add_epi32(sums[t][h], widened);
            pairs[t][h] = _mm256_setzero_si256();
        }
    }
}

/// Four activation codes in every lane.
///
/// # Safety
/// Four bytes must be readable; they need not be aligned.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn broadcast(q: *const i8) -> __m256i {
    // SAFETY: promised by the caller.
    _mm256_set1_epi32(unsafe { q.cast::<i32>().read_unaligned() })
}

/// The same value. With several rows, the optimizer may neither look through this nor change its
/// order: it would add products as a tree, whose leaves need more registers than there are. That
/// cost `Q4_0` a quarter of its speed.
#[inline]
#[target_feature(enable = "avx2")]
fn keep<const NR: usize>(mut v: __m256i) -> __m256i {
    if NR > 1 {
        // SAFETY: there is no instruction.
        unsafe {
            asm!("/* {0} */", inout(ymm_reg) v, options(nomem, nostack, preserves_flags));
        }
    }
    v
}
