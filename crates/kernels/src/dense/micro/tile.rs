//! What a micro-kernel is called with, and the loops over its rows that levels share.

#[cfg(target_arch = "x86_64")]
use crate::vector::Vector;

/// Operands of one call, already offset to its first row and panel.
pub(in crate::dense) struct Tile {
    /// First panel; step `s` of panel `p` is the 16 words at `p * panel_stride + s * 16`.
    pub(in crate::dense) cols: *const u32,
    pub(in crate::dense) panel_stride: usize,
    pub(in crate::dense) steps: usize,
    /// First row; in a register tile, word (row, step) at `row * row_stride + step * step_stride`.
    pub(in crate::dense) rows: *const u32,
    pub(in crate::dense) row_stride: usize,
    pub(in crate::dense) step_stride: usize,
    /// Words from the first row of a register tile to that of the next.
    pub(in crate::dense) next_rows: usize,
    /// Output of the first row and panel; 16 floats per panel, rows `ldo` apart.
    pub(in crate::dense) out: *mut f32,
    pub(in crate::dense) ldo: usize,
    pub(in crate::dense) accumulate: bool,
}

#[cfg(target_arch = "x86_64")]
impl Tile {
    /// The sums that `R` rows from `row` on begin with, `P` vectors next to each other: those in the
    /// output, or zeros.
    ///
    /// # Safety
    /// The output must cover these rows and vectors; the processor must have the features of the level.
    #[inline(always)]
    pub(super) unsafe fn start<V: Vector, const P: usize, const R: usize>(
        &self,
        row: usize,
    ) -> [[V; P]; R] {
        // SAFETY: promised by the caller.
        unsafe {
            let mut sums = [[V::splat(0.0); P]; R];
            if self.accumulate {
                for i in 0..R {
                    sums[i] = Vector::load(self.out.add((row + i) * self.ldo));
                }
            }
            sums
        }
    }

    /// Writes the sums of rows from `row` on.
    ///
    /// # Safety
    /// As [`Tile::start`].
    #[inline(always)]
    pub(super) unsafe fn finish<V: Vector, const P: usize, const R: usize>(
        &self,
        row: usize,
        sums: &[[V; P]; R],
    ) {
        for i in 0..R {
            // SAFETY: promised by the caller.
            unsafe { sums[i].store(self.out.add((row + i) * self.ldo)) };
        }
    }
}

/// Defines `run` for a tile function: whole tiles of `$rows` rows, then one smaller tile. It is told
/// the tile's first row of the output and where the words of that row begin.
macro_rules! run_rows {
    ($(#[$meta:meta])* $name:ident, $tile:ident, $panels:literal, $rows:literal: $($tail:literal)*) => {
        /// # Safety
        /// As [`Kernel::run`].
        $(#[$meta])*
        unsafe fn $name(tile: &Tile, num_rows: usize) {
            let (mut row, mut words) = (0, tile.rows);
            while row + $rows <= num_rows {
                // SAFETY: the caller's operands cover these rows.
                unsafe { $tile::<$panels, $rows>(tile, row, words) };
                row += $rows;
                words = words.wrapping_add(tile.next_rows);
            }
            match num_rows - row {
                // SAFETY: as above.
                $($tail => unsafe { $tile::<$panels, $tail>(tile, row, words) },)*
                _ => {}
            }
        }
    };
}
pub(super) use run_rows;
