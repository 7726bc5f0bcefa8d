//! What a micro-kernel is called with, and the loop over rows that all of them share.

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
