//! AMX: two tiles of 16 rows by two panels, four of the eight tiles being sums.
//!
//! A panel's steps are the rows of a tile as they stand, 16 of them, and so are 16 words of the row
//! operand. What the reduction has beyond a multiple of 16 steps follows in a pass of its own, with
//! smaller tiles. Few rows take the same way with tiles of fewer rows: other instructions would add
//! in another order.

use std::ops::Range;

use super::table::Kernel;
use super::tile::Tile;
use crate::x86::amx::{self, SIDE, Shape};

pub(crate) static BF16: Kernel =
    Kernel { panels: 2, panels_at_once: usize::MAX, rows: 2 * SIDE, contiguous: true, run };

/// # Safety
/// As [`Kernel::run`].
unsafe fn run(tile: &Tile, num_panels: usize, num_rows: usize) {
    debug_assert_eq!(tile.step_stride, 1);
    let whole = tile.steps / SIDE * SIDE;
    let rest = whole..tile.steps;
    // SAFETY: the caller promises the level and the operands.
    unsafe {
        if whole > 0 {
            pass(tile, 0..whole, SIDE, num_panels, num_rows);
        }
        if !rest.is_empty() {
            let words = rest.len();
            pass(tile, rest, words, num_panels, num_rows);
        }
    }
}

/// Some steps of all rows and panels, `words` at a time.
///
/// # Safety
/// As [`Kernel::run`]; `steps` are inside the operands and a multiple of `words`.
unsafe fn pass(tile: &Tile, steps: Range<usize>, words: usize, num_panels: usize, num_rows: usize) {
    let part = Part { tile, adds: tile.accumulate || steps.start > 0, steps, words };
    for panel in (0..num_panels).step_by(2) {
        for row in (0..num_rows).step_by(2 * SIDE) {
            let first = (num_rows - row).min(SIDE);
            let second = (num_rows - row - first).min(SIDE);
            let rows = [first as u8, second.max(1) as u8];
            // SAFETY: the level has tiles; the operands cover these rows, panels and steps.
            unsafe {
                amx::configure(Shape { rows, words: words as u8 });
                match (second > 0, panel + 1 < num_panels) {
                    (true, true) => part.multiply::<true, true>(row, panel),
                    (true, false) => part.multiply::<true, false>(row, panel),
                    (false, true) => part.multiply::<false, true>(row, panel),
                    (false, false) => part.multiply::<false, false>(row, panel),
                }
            }
        }
    }
}

/// What a pass has in common.
struct Part<'a> {
    tile: &'a Tile,
    steps: Range<usize>,
    words: usize,
    adds: bool,
}

impl Part<'_> {
    /// A second tile of rows if `ROWS`, a second panel if `PANELS`.
    ///
    /// # Safety
    /// The tiles are configured for these rows, and the operands cover them and the panels.
    #[inline]
    unsafe fn multiply<const ROWS: bool, const PANELS: bool>(&self, row: usize, panel: usize) {
        let tile = self.tile;
        let row_bytes = 4 * tile.row_stride;
        let out_bytes = 4 * tile.ldo;
        // SAFETY: inside the operands and the output by the caller's promise.
        unsafe {
            let out = tile.out.add(row * tile.ldo + panel * SIDE).cast::<u8>();
            let below = out.wrapping_add(SIDE * out_bytes);
            if self.adds {
                amx::load::<0>(out, out_bytes);
                if PANELS {
                    amx::load::<1>(out.add(4 * SIDE), out_bytes);
                }
                if ROWS {
                    amx::load::<2>(below, out_bytes);
                }
                if ROWS && PANELS {
                    amx::load::<3>(below.add(4 * SIDE), out_bytes);
                }
            } else {
                amx::zero::<0>();
                amx::zero::<1>();
                amx::zero::<2>();
                amx::zero::<3>();
            }
            let rows = tile.rows.add(row * tile.row_stride).cast::<u8>();
            let cols = tile.cols.add(panel * tile.panel_stride).cast::<u8>();
            let next = cols.wrapping_add(4 * tile.panel_stride);
            for step in self.steps.clone().step_by(self.words) {
                let x = rows.add(4 * step);
                amx::load::<6>(cols.add(4 * SIDE * step), 4 * SIDE);
                amx::load_passing::<4>(x, row_bytes);
                amx::dot_bf16::<0, 4, 6>();
                if PANELS {
                    amx::load::<7>(next.add(4 * SIDE * step), 4 * SIDE);
                    amx::dot_bf16::<1, 4, 7>();
                }
                if ROWS {
                    amx::load_passing::<5>(x.add(SIDE * row_bytes), row_bytes);
                    amx::dot_bf16::<2, 5, 6>();
                }
                if ROWS && PANELS {
                    amx::dot_bf16::<3, 5, 7>();
                }
            }
            amx::store::<0>(out, out_bytes);
            if PANELS {
                amx::store::<1>(out.add(4 * SIDE), out_bytes);
            }
            if ROWS {
                amx::store::<2>(below, out_bytes);
            }
            if ROWS && PANELS {
                amx::store::<3>(below.add(4 * SIDE), out_bytes);
            }
        }
    }
}
