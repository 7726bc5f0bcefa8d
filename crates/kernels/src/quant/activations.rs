//! Activations as 8-bit codes with one scale per row and block of 32.

use std::ops::Range;

use super::at_level::at_level;
use super::format::BLOCK;
use super::geometry::Geometry;
use crate::share::SharedMut;
use crate::{AlignedBuf, Level};

/// Blocks whose largest magnitude is below this count as zero: `127 / max` would overflow.
pub(super) const TINY: f32 = 1e-30;

/// `x ~ scale * q`, `scale = max|x| / 127` per block of 32, with the sums that zero points and
/// minima of the weights multiply.
///
/// # Shapes
/// `codes_tk`; `scales_tb` `[t, k / 32]`; the others `[t, k / 32, s]`, `s` sub-blocks per block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activations<'a> {
    pub(super) rows: usize,
    pub(super) k: usize,
    pub(super) subs: usize,
    pub(super) codes_tk: &'a [i8],
    pub(super) scales_tb: &'a [f32],
    /// `-zero_point * sum(q)`.
    pub(super) corrections_tbs: &'a [i32],
    /// `scale * sum(q)`.
    pub(super) scaled_sums_tbs: &'a [f32],
}

/// Which sums the weights want.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sums {
    /// What their unsigned codes are too large by.
    pub(super) zero_point: i32,
    /// Runs of a block that are summed apart: 1 or 2.
    pub(super) subs: usize,
}

impl Sums {
    pub(super) fn of(g: &Geometry) -> Self {
        Self { zero_point: g.zero, subs: g.subs }
    }
}

/// The parts of [`Activations`] that one thread writes: whole rows.
pub(super) struct Rows<'a> {
    pub(super) codes: &'a mut [i8],
    pub(super) scales: &'a mut [f32],
    pub(super) corrections: &'a mut [i32],
    pub(super) scaled_sums: &'a mut [f32],
}

/// Memory of [`Activations`], kept between products.
#[derive(Debug, Default)]
pub(crate) struct ActivationBuf {
    codes: AlignedBuf<i8>,
    scales: AlignedBuf<f32>,
    corrections: AlignedBuf<i32>,
    scaled_sums: AlignedBuf<f32>,
}

/// The same while threads fill it and read it.
#[derive(Clone, Copy)]
pub(crate) struct SharedActivations<'a> {
    codes: SharedMut<'a, i8>,
    scales: SharedMut<'a, f32>,
    corrections: SharedMut<'a, i32>,
    scaled_sums: SharedMut<'a, f32>,
}

impl ActivationBuf {
    pub(crate) fn bytes(&self) -> usize {
        self.codes.bytes()
            + self.scales.bytes()
            + self.corrections.bytes()
            + self.scaled_sums.bytes()
    }

    /// Makes room for rows of `k` values with these sums.
    pub(crate) fn grow(&mut self, rows: usize, k: usize, sums: Sums) {
        let blocks = rows * (k / BLOCK);
        self.codes.grow(rows * k);
        self.scales.grow(blocks);
        self.corrections.grow(blocks * sums.subs);
        self.scaled_sums.grow(blocks * sums.subs);
    }

    pub(crate) fn share(&mut self) -> SharedActivations<'_> {
        SharedActivations {
            codes: SharedMut::new(&mut self.codes),
            scales: SharedMut::new(&mut self.scales),
            corrections: SharedMut::new(&mut self.corrections),
            scaled_sums: SharedMut::new(&mut self.scaled_sums),
        }
    }
}

impl<'a> SharedActivations<'a> {
    /// Quantizes `x` into row `row`, with the sums that the weights want.
    ///
    /// # Safety
    /// No other thread may touch the row meanwhile.
    pub(crate) unsafe fn set(self, level: Level, sums: Sums, row: usize, x: &[f32]) {
        let (k, blocks) = (x.len(), x.len() / BLOCK);
        let in_blocks = row * blocks..(row + 1) * blocks;
        let in_subs = in_blocks.start * sums.subs..in_blocks.end * sums.subs;
        // SAFETY: the row is the caller's alone.
        let out = unsafe {
            Rows {
                codes: self.codes.range(row * k..(row + 1) * k),
                scales: self.scales.range(in_blocks),
                corrections: self.corrections.range(in_subs.clone()),
                scaled_sums: self.scaled_sums.range(in_subs),
            }
        };
        quantize_rows(level, x, sums, out);
    }

    /// The first `rows` rows of `k` values.
    ///
    /// # Safety
    /// No thread may write to them while the result lives.
    pub(crate) unsafe fn read(self, rows: usize, k: usize, sums: Sums) -> Activations<'a> {
        let blocks = rows * (k / BLOCK);
        let subs: Range<usize> = 0..blocks * sums.subs;
        // SAFETY: promised by the caller.
        unsafe {
            Activations {
                rows,
                k,
                subs: sums.subs,
                codes_tk: self.codes.read(0..rows * k),
                scales_tb: self.scales.read(0..blocks),
                corrections_tbs: self.corrections.read(subs.clone()),
                scaled_sums_tbs: self.scaled_sums.read(subs),
            }
        }
    }
}

/// Quantizes whole rows, [`scalar`] being the formula.
pub(super) fn quantize_rows(level: Level, x: &[f32], sums: Sums, out: Rows<'_>) {
    // SAFETY: the level is only in use where the processor has its features.
    unsafe { at_level!(level, scalar, quantize_rows, (x, sums, out)) }
}

/// The scale of a block whose largest magnitude is given, and what its values are multiplied by.
///
/// A block with a value that is not finite has no scale: its row then has no result, which shows,
/// where codes made up for such values would not.
#[inline(always)]
pub(super) fn scale_of(largest: f32) -> (f32, f32) {
    if !largest.is_finite() {
        (f32::NAN, 0.0)
    } else if largest > TINY {
        (largest / 127.0, 127.0 / largest)
    } else {
        (0.0, 0.0)
    }
}

/// `scale = max|x| / 127`, `q = round_ties_even(x * (127 / max|x|))` per block.
pub(super) fn scalar(x: &[f32], sums: Sums, out: Rows<'_>) {
    let Rows { codes, scales, corrections, scaled_sums } = out;
    let Sums { zero_point, subs } = sums;
    for (b, (x, codes)) in
        x.as_chunks::<BLOCK>().0.iter().zip(codes.as_chunks_mut::<BLOCK>().0).enumerate()
    {
        // Magnitudes are ordered as their bits are, NaN above all others.
        let largest = x.iter().fold(0, |largest: u32, v| largest.max(v.abs().to_bits()));
        let (scale, inverse) = scale_of(f32::from_bits(largest));
        for (code, v) in codes.iter_mut().zip(x) {
            *code = (v * inverse).round_ties_even() as i32 as i8;
        }
        scales[b] = scale;
        for (sub, codes) in codes.chunks_exact(BLOCK / subs).enumerate() {
            let sum: i32 = codes.iter().map(|&q| i32::from(q)).sum();
            corrections[b * subs + sub] = (-zero_point).wrapping_mul(sum);
            scaled_sums[b * subs + sub] = scale * sum as f32;
        }
    }
}
