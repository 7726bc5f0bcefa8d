//! Activations as 8-bit codes with one scale per row and block of 32.

use super::format::BLOCK;
use super::geometry::Geometry;
use crate::pool::PARALLEL_FROM;
use crate::share::SharedMut;
use crate::{AlignedBuf, Level, Pool, span};

/// Blocks whose largest magnitude is below this count as zero: `127 / max` would overflow.
pub(super) const TINY: f32 = 1e-30;

/// `x ~ scale * q`, `scale = max|x| / 127` per block of 32, with the sums that zero points and
/// minima of the weights multiply.
///
/// # Shapes
/// `codes_tk`; `scales_tb` `[t, k / 32]`; the others `[t, k / 32, s]`, `s` sub-blocks per block.
#[derive(Debug, Default)]
pub(crate) struct Activations {
    pub(super) rows: usize,
    pub(super) k: usize,
    pub(super) subs: usize,
    pub(super) codes_tk: AlignedBuf<i8>,
    pub(super) scales_tb: AlignedBuf<f32>,
    /// `-zero_point * sum(q)`.
    pub(super) corrections_tbs: AlignedBuf<i32>,
    /// `scale * sum(q)`.
    pub(super) scaled_sums_tbs: AlignedBuf<f32>,
}

/// Which sums the weights want.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
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

impl Activations {
    pub(crate) fn bytes(&self) -> usize {
        self.codes_tk.bytes()
            + self.scales_tb.bytes()
            + self.corrections_tbs.bytes()
            + self.scaled_sums_tbs.bytes()
    }

    /// Replaces the contents by the rows of `x_tk`, with the sums that the weights want.
    pub(super) fn quantize(
        &mut self,
        level: Level,
        pool: &Pool,
        x_tk: &[f32],
        k: usize,
        sums: Sums,
    ) {
        let (blocks, subs) = (k / BLOCK, sums.subs);
        self.k = k;
        self.subs = subs;
        self.rows = x_tk.len() / k;
        self.codes_tk.grow(x_tk.len());
        self.scales_tb.grow(self.rows * blocks);
        self.corrections_tbs.grow(self.rows * blocks * subs);
        self.scaled_sums_tbs.grow(self.rows * blocks * subs);
        let codes = SharedMut::new(&mut self.codes_tk);
        let scales = SharedMut::new(&mut self.scales_tb);
        let corrections = SharedMut::new(&mut self.corrections_tbs);
        let scaled_sums = SharedMut::new(&mut self.scaled_sums_tbs);
        let rows = self.rows;
        let part = |thread: usize, threads: usize| {
            let mine = span(rows, thread, threads);
            let in_blocks = mine.start * blocks..mine.end * blocks;
            let in_subs = in_blocks.start * subs..in_blocks.end * subs;
            // SAFETY: spans of different threads are disjoint, so are their rows.
            let out = unsafe {
                Rows {
                    codes: codes.range(mine.start * k..mine.end * k),
                    scales: scales.range(in_blocks),
                    corrections: corrections.range(in_subs.clone()),
                    scaled_sums: scaled_sums.range(in_subs),
                }
            };
            quantize_rows(level, &x_tk[mine.start * k..mine.end * k], sums, out);
        };
        if x_tk.len() < PARALLEL_FROM {
            part(0, 1);
        } else {
            pool.run(&|thread| part(thread, pool.threads()));
        }
    }
}

fn quantize_rows(level: Level, x: &[f32], sums: Sums, out: Rows<'_>) {
    match level {
        Level::Scalar => scalar(x, sums, out),
        #[cfg(target_arch = "aarch64")]
        // SAFETY: the level is only in use where the processor has its features.
        Level::Neon => unsafe { super::neon::quantize_rows(x, sums, out) },
        #[cfg(not(target_arch = "aarch64"))]
        Level::Neon => scalar(x, sums, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the level is only in use where the processor has its features.
        Level::Avx2 => unsafe { super::avx2::quantize_rows(x, sums, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Level::Avx512 | Level::Amx => unsafe { super::avx512::quantize_rows(x, sums, out) },
        #[cfg(not(target_arch = "x86_64"))]
        Level::Avx2 | Level::Avx512 | Level::Amx => scalar(x, sums, out),
    }
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
