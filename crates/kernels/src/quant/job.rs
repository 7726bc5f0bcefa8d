//! What the SIMD products rely on when they follow pointers, checked once per call.

use std::ops::Range;

use super::activations::Activations;
use super::format::BLOCK;
use super::geometry::{Packed, TILE};
use super::matrix::Target;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::vector::Vector;

/// How far ahead a product with one activation row prefetches in the stream of weights.
#[cfg(target_arch = "x86_64")]
pub(super) const AHEAD_BYTES: usize = 2048;

/// The constants of one call, all sizes verified.
pub(super) struct Job<'a, 't> {
    pub(super) x: &'a Activations<'a>,
    pub(super) blocks: usize,
    pub(super) tile_bytes: usize,
    pub(super) target: &'a Target<'t>,
}

impl<'a, 't> Job<'a, 't> {
    /// # Panics
    /// If weights, activations or target do not cover `rows` and `tiles`.
    pub(super) fn new<P: Packed>(
        weights: &[u8],
        x: &'a Activations<'a>,
        rows: &Range<usize>,
        tiles: &Range<usize>,
        target: &'a Target<'t>,
    ) -> Self {
        let blocks = x.k / BLOCK;
        let tile_bytes = P::G.tile_bytes(blocks);
        assert!(rows.end <= x.rows && x.codes_tk.len() >= x.rows * x.k);
        assert!(x.subs == P::G.subs && x.scales_tb.len() >= x.rows * blocks);
        let shortest = x.corrections_tbs.len().min(x.scaled_sums_tbs.len());
        assert!(shortest >= x.rows * blocks * x.subs);
        assert!(weights.len() >= tiles.end * tile_bytes);
        if !rows.is_empty() && !tiles.is_empty() {
            assert!((tiles.end - 1) * TILE < target.n && target.n <= target.ldo);
            assert!((rows.end - 1) * target.ldo + target.n <= target.out.len());
        }
        Self { x, blocks, tile_bytes, target }
    }

    /// Outputs of a tile that exist; the last tile may be padded.
    pub(super) fn lanes(&self, tile: usize) -> usize {
        (self.target.n - tile * TILE).min(TILE)
    }

    /// Where the activations from a row on are.
    ///
    /// # Panics
    /// If there is no such row.
    #[inline(always)]
    pub(super) fn activations(&self, row: usize) -> Pointers {
        let (x, blocks) = (self.x, self.blocks);
        let subs = blocks * x.subs;
        Pointers {
            codes: x.codes_tk[row * x.k..].as_ptr(),
            scales: x.scales_tb[row * blocks..].as_ptr(),
            corrections: x.corrections_tbs[row * subs..].as_ptr(),
            scaled_sums: x.scaled_sums_tbs[row * subs..].as_ptr(),
            k: x.k,
            blocks,
        }
    }

    /// Writes outputs of a row from column `first` on; only those that exist.
    ///
    /// # Safety
    /// The job must cover the row and the tile that the columns belong to; the processor must have the
    /// features of the level.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    pub(super) unsafe fn store<V: Vector>(&self, mut sums: V, row: usize, first: usize) {
        let lanes = self.target.n.saturating_sub(first).min(V::LANES);
        if lanes == 0 {
            return;
        }
        // SAFETY: this call alone writes these rows of this tile (see `Target`).
        let out = unsafe { self.target.lanes(row, first, lanes) };
        if lanes == V::LANES {
            // A copy of known length: one of any length would be a call.
            // SAFETY: `out` is a register's worth.
            unsafe {
                if self.target.accumulate {
                    sums = V::load(out.as_ptr()).add(sums);
                }
                sums.store(out.as_mut_ptr());
            }
            return;
        }
        let mut values = [0.0f32; TILE];
        if self.target.accumulate {
            values[..lanes].copy_from_slice(out);
            // SAFETY: `values` is a register's worth or more.
            sums = unsafe { V::load(values.as_ptr()).add(sums) };
        }
        // SAFETY: as above.
        unsafe { sums.store(values.as_mut_ptr()) };
        out.copy_from_slice(&values[..lanes]);
    }

    /// Where the first output of a tile goes in a row.
    ///
    /// # Safety
    /// Row and tile must be among those that `new` has checked.
    #[cfg(target_arch = "x86_64")]
    pub(super) unsafe fn out(&self, row: usize, tile: usize) -> *mut f32 {
        // SAFETY: in bounds of the target, as `new` has checked.
        unsafe { self.target.out.as_mut_ptr().add(row * self.target.ldo + tile * TILE) }
    }
}

/// Where the activations of a row, and of those after it, begin.
#[derive(Clone, Copy)]
pub(super) struct Pointers {
    pub(super) codes: *const i8,
    pub(super) scales: *const f32,
    pub(super) corrections: *const i32,
    pub(super) scaled_sums: *const f32,
    pub(super) k: usize,
    pub(super) blocks: usize,
}

/// Defines a function that walks the rows in steps of `$step` and ends with the matching rest.
///
/// The first pass over a group of tiles fetches the next group's weights; without that the hardware
/// prefetcher starts over at every group, which halves the speed of small batches. Whether to fetch is
/// a constant of the micro-kernel: a branch for each vector of weights made the compiler spill.
#[cfg(target_arch = "x86_64")]
macro_rules! walk_rows {
    (
        $(#[$meta:meta])* $name:ident, $micro:ident, $weights:ident,
        $tiles:literal, $step:literal, $($rest:literal),*
    ) => {
        /// # Safety
        /// As the micro-kernel's, for all `rows`.
        #[inline]
        $(#[$meta])*
        unsafe fn $name<P: $weights>(
            job: &Job<'_, '_>,
            w: *const u8,
            rows: Range<usize>,
            tile: usize,
        ) {
            let ahead = $tiles * job.tile_bytes;
            let mut row = rows.start;
            // SAFETY: passed on to the caller.
            unsafe {
                if row + $step <= rows.end {
                    $micro::<P, $tiles, $step, true>(job, w, row, tile, ahead);
                    row += $step;
                }
                while row + $step <= rows.end {
                    $micro::<P, $tiles, $step, false>(job, w, row, tile, 0);
                    row += $step;
                }
                // Behind other rows there is nothing to fetch: no version of its own for that.
                let ahead = if row == rows.start { ahead } else { 0 };
                match rows.end - row {
                    0 => {}
                    $($rest => $micro::<P, $tiles, $rest, true>(job, w, row, tile, ahead),)*
                    rest => unreachable!("{rest} rows left of steps of {}", $step),
                }
            }
        }
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use walk_rows;
