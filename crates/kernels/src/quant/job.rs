//! What the SIMD products rely on when they follow pointers, checked once per call.

use std::ops::Range;

use super::activations::Activations;
use super::format::BLOCK;
use super::geometry::{Packed, TILE};
use super::matrix::Target;

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
