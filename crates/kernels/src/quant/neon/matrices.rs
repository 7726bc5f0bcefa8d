//! The product with many rows: half a tile (8 outputs) times up to 4 rows by i8mm.
//!
//! `smmla` multiplies two rows of eight activations by two rows of eight weights: twice the products
//! of `sdot`, but its operands have to be put together. That is done once for all rows: half a
//! tile's weights are unpacked into a buffer that fits the first cache for usual `k`, in the order in
//! which they are used and with their scales as f32. The sums stay in the instruction's order,
//! `[2 rows][2 outputs]`, to the end of the rows.

use std::arch::aarch64::{
    float32x4_t, int8x16_t, vcombine_f32, vcombine_s8, vcvtq_f32_s32, vdup_n_f32, vdupq_n_f32,
    vdupq_n_s8, vdupq_n_s32, vfmaq_f32, vget_high_f32, vget_low_f32, vld1_s8, vld1q_f32, vld1q_s8,
    vmulq_f32, vreinterpretq_f32_f64, vreinterpretq_f64_f32, vreinterpretq_s8_s32,
    vreinterpretq_s32_s8, vst1q_f32, vst1q_s8, vzip1q_f64, vzip1q_s32, vzip2q_f64, vzip2q_s32,
};
use std::cell::RefCell;
use std::ops::Range;

use super::weights::{self, LANES, QUARTER_BYTES, QUARTERS};
use crate::AlignedBuf;
use crate::neon::dot_two_by_two;
use crate::quant::format::BLOCK;
use crate::quant::geometry::{Packed, STEPS, TILE};
use crate::quant::job::{Job, Pointers};

/// Rows from which unpacking into a buffer pays.
pub(super) const FROM_ROWS: usize = 12;
/// Pairs of outputs in half a tile.
const PAIRS: usize = 4;
/// Bytes of a register.
const REGISTER: usize = 16;
/// Activations that an instruction takes of a row.
const EIGHT: usize = 8;

thread_local! {
    /// Half a tile, unpacked: see [`Part`].
    static UNPACKED: RefCell<AlignedBuf<u8>> = RefCell::default();
}

/// How a sub-block of half a tile lies in the buffer: registers of `[2 outputs][8 weights]` for each
/// pair of outputs, eight weights after eight; registers `[2][2 outputs]` with each pair's scales
/// twice; and as many with minima if there are such.
struct Part<const SUBS: usize, const HAS_MIN: bool>;

impl<const SUBS: usize, const HAS_MIN: bool> Part<SUBS, HAS_MIN> {
    /// Runs of eight weights.
    const RUNS: usize = BLOCK / SUBS / EIGHT;
    const SCALES_AT: usize = Self::RUNS * PAIRS * REGISTER;
    const MINS_AT: usize = Self::SCALES_AT + PAIRS * REGISTER;
    const BYTES: usize = Self::MINS_AT + if HAS_MIN { PAIRS * REGISTER } else { 0 };
}

/// One tile times all of `rows`.
///
/// # Safety
/// The processor must have i8mm; `job` must cover these rows and the tile; `w` is the start of the
/// tile.
#[target_feature(enable = "neon,i8mm")]
pub(super) unsafe fn one_tile<P: Packed>(
    job: &Job<'_, '_>,
    w: *const u8,
    rows: Range<usize>,
    tile: usize,
) {
    // SAFETY: passed on to the caller.
    unsafe {
        match (P::G.subs, P::G.has_min) {
            (1, false) => by_halves::<P, 1, false>(job, w, rows, tile),
            (1, true) => by_halves::<P, 1, true>(job, w, rows, tile),
            (2, false) => by_halves::<P, 2, false>(job, w, rows, tile),
            (2, true) => by_halves::<P, 2, true>(job, w, rows, tile),
            (subs, _) => unreachable!("{subs} sub-blocks"),
        }
    }
}

/// # Safety
/// As [`one_tile`], the constants being those of `P`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn by_halves<P: Packed, const SUBS: usize, const HAS_MIN: bool>(
    job: &Job<'_, '_>,
    w: *const u8,
    rows: Range<usize>,
    tile: usize,
) {
    UNPACKED.with_borrow_mut(|buffer| {
        buffer.grow(job.blocks * SUBS * Part::<SUBS, HAS_MIN>::BYTES);
        let outputs = job.lanes(tile);
        for half in 0..outputs.div_ceil(TILE / 2) {
            // SAFETY: the buffer is as long as `fill` and the products want; the rest is passed on
            // to the caller.
            unsafe {
                fill::<P, SUBS, HAS_MIN>(w, job.blocks, half, buffer.as_mut_ptr());
                let first = tile * TILE + half * TILE / 2;
                all_rows::<SUBS, HAS_MIN>(job, buffer.as_ptr(), rows.clone(), first);
            }
        }
    });
}

/// Unpacks half a tile into a buffer.
///
/// # Safety
/// `w` must be the start of a tile of format `P` with so many blocks, `to` a buffer with a [`Part`]
/// for each sub-block.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn fill<P: Packed, const SUBS: usize, const HAS_MIN: bool>(
    w: *const u8,
    blocks: usize,
    half: usize,
    to: *mut u8,
) {
    let (g, steps) = (P::G, STEPS / SUBS);
    for part in 0..blocks * SUBS {
        let (block, sub) = (part / SUBS, part % SUBS);
        for i in 0..QUARTERS / 2 {
            let quarter = half * QUARTERS / 2 + i;
            // SAFETY: the caller promises the tile and the buffer.
            unsafe {
                let at = w.add(g.codes_at(block) + QUARTER_BYTES * quarter);
                let to = to.add(part * Part::<SUBS, HAS_MIN>::BYTES + 2 * REGISTER * i);
                // Written out, so that shifts are by constants whatever the optimizer decides.
                macro_rules! runs {
                    ($($run:literal)*) => { $(if 2 * $run < steps {
                        let step = sub * steps + 2 * $run;
                        let first = weights::values::<P>(at, step);
                        let second = weights::values::<P>(at, step + 1);
                        put_run(first, second, to.add($run * PAIRS * REGISTER));
                    })* };
                }
                runs!(0 1 2 3);
                let scales = weights::scales::<P>(w, block, sub, quarter);
                put_twice(scales, to.add(Part::<SUBS, HAS_MIN>::SCALES_AT));
                if HAS_MIN {
                    let mins = weights::mins::<P>(w, block, sub, quarter);
                    put_twice(mins, to.add(Part::<SUBS, HAS_MIN>::MINS_AT));
                }
            }
        }
    }
}

/// Writes two registers with eight weights of two outputs each, from two steps of four outputs.
///
/// # Safety
/// 32 bytes must be writable.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn put_run(first: int8x16_t, second: int8x16_t, to: *mut u8) {
    let (first, second) = (vreinterpretq_s32_s8(first), vreinterpretq_s32_s8(second));
    // SAFETY: promised by the caller.
    unsafe {
        vst1q_s8(to.cast(), vreinterpretq_s8_s32(vzip1q_s32(first, second)));
        vst1q_s8(to.add(REGISTER).cast(), vreinterpretq_s8_s32(vzip2q_s32(first, second)));
    }
}

/// Writes two registers with two values each, twice.
///
/// # Safety
/// 32 bytes must be writable.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn put_twice(values: float32x4_t, to: *mut u8) {
    let two = vreinterpretq_f64_f32(values);
    // SAFETY: promised by the caller.
    unsafe {
        vst1q_f32(to.cast(), vreinterpretq_f32_f64(vzip1q_f64(two, two)));
        vst1q_f32(to.add(REGISTER).cast(), vreinterpretq_f32_f64(vzip2q_f64(two, two)));
    }
}

/// Eight outputs from column `first` on, in the buffer `w`, times all of `rows`.
///
/// # Safety
/// As [`one_tile`]; the buffer must have a [`Part`] for each sub-block.
#[target_feature(enable = "neon,i8mm")]
unsafe fn all_rows<const SUBS: usize, const HAS_MIN: bool>(
    job: &Job<'_, '_>,
    w: *const u8,
    rows: Range<usize>,
    first: usize,
) {
    let mut row = rows.start;
    // SAFETY: passed on to the caller.
    unsafe {
        while row < rows.end {
            // With six rows the compiler has too few registers left for the rest.
            let count = (rows.end - row).min(4);
            if count <= 2 {
                micro::<SUBS, HAS_MIN, 1>(job, w, row, count, first);
            } else {
                micro::<SUBS, HAS_MIN, 2>(job, w, row, count, first);
            }
            row += count;
        }
    }
}

/// Eight outputs times `count` rows from `row` on, as `NP` pairs; of an odd number the last row is
/// taken twice.
///
/// # Safety
/// As [`all_rows`]; `count` is `2 * NP` or one less.
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn micro<const SUBS: usize, const HAS_MIN: bool, const NP: usize>(
    job: &Job<'_, '_>,
    w: *const u8,
    row: usize,
    count: usize,
    first: usize,
) {
    let mut x = [[job.activations(row); 2]; NP];
    for (p, x) in x.iter_mut().enumerate() {
        for (i, x) in x.iter_mut().enumerate() {
            *x = job.activations(row + (2 * p + i).min(count - 1));
        }
    }
    let mut acc = [[vdupq_n_f32(0.0); PAIRS]; NP];
    for block in 0..job.blocks {
        for sub in 0..SUBS {
            // SAFETY: the caller promises the buffer; rows have so many blocks.
            unsafe {
                let part = block * SUBS + sub;
                let w = w.add(part * Part::<SUBS, HAS_MIN>::BYTES);
                add_part::<SUBS, HAS_MIN, NP>(&mut acc, &x, w, block, part);
            }
        }
    }
    for (p, acc) in acc.iter().enumerate() {
        for i in 0..PAIRS / 2 {
            let (left, right) = (acc[2 * i], acc[2 * i + 1]);
            let sums = [
                vcombine_f32(vget_low_f32(left), vget_low_f32(right)),
                vcombine_f32(vget_high_f32(left), vget_high_f32(right)),
            ];
            for (t, sums) in sums.into_iter().enumerate().take(count - 2 * p) {
                // SAFETY: the job covers these rows and the tile.
                unsafe { job.store(sums, row + 2 * p + t, first + i * LANES) };
            }
        }
    }
}

/// One sub-block, the `part`-th of the rows, of the sums that `micro` computes.
///
/// # Safety
/// `w` must be the start of a [`Part`]; the rows must have the block.
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn add_part<const SUBS: usize, const HAS_MIN: bool, const NP: usize>(
    acc: &mut [[float32x4_t; PAIRS]; NP],
    x: &[[Pointers; 2]; NP],
    w: *const u8,
    block: usize,
    part: usize,
) {
    let mut sums = [[vdupq_n_s32(0); PAIRS]; NP];
    // SAFETY: promised by the caller.
    unsafe {
        for run in 0..Part::<SUBS, HAS_MIN>::RUNS {
            let mut weights = [vdupq_n_s8(0); PAIRS];
            for (i, weights) in weights.iter_mut().enumerate() {
                *weights = vld1q_s8(w.add((run * PAIRS + i) * REGISTER).cast());
            }
            let at = part * (BLOCK / SUBS) + run * EIGHT;
            for p in 0..NP {
                let [one, two] = x[p];
                let q = vcombine_s8(vld1_s8(one.codes.add(at)), vld1_s8(two.codes.add(at)));
                for i in 0..PAIRS {
                    sums[p][i] = dot_two_by_two(sums[p][i], q, weights[i]);
                }
            }
        }
        for p in 0..NP {
            let [one, two] = x[p];
            let scale = each_twice(*one.scales.add(block), *two.scales.add(block));
            for i in 0..PAIRS {
                let d = vld1q_f32(w.add(Part::<SUBS, HAS_MIN>::SCALES_AT + i * REGISTER).cast());
                let sum = vcvtq_f32_s32(sums[p][i]);
                acc[p][i] = vfmaq_f32(acc[p][i], sum, vmulq_f32(d, scale));
            }
            if HAS_MIN {
                let sum = each_twice(*one.scaled_sums.add(part), *two.scaled_sums.add(part));
                for i in 0..PAIRS {
                    let m = vld1q_f32(w.add(Part::<SUBS, HAS_MIN>::MINS_AT + i * REGISTER).cast());
                    acc[p][i] = vfmaq_f32(acc[p][i], m, sum);
                }
            }
        }
    }
}

/// Two values, each for two outputs.
#[inline]
#[target_feature(enable = "neon")]
fn each_twice(one: f32, two: f32) -> float32x4_t {
    vcombine_f32(vdup_n_f32(one), vdup_n_f32(two))
}
