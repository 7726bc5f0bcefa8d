//! Micro-kernels: a tile of rows times panels in registers, one per element type and level.
//!
//! All walk the steps in order with one accumulator per output element. Within a bf16 step the low
//! element comes first, except in the AVX-512 instruction, whose own order of the pair is fixed by
//! the hardware.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod scalar;

use super::convert::DenseType;
use crate::Level;

/// Operands of one call, already offset to its first row and panel.
pub(super) struct Tile {
    /// First panel; step `s` of panel `p` is the 16 words at `p * panel_stride + s * 16`.
    pub(super) cols: *const u32,
    pub(super) panel_stride: usize,
    pub(super) steps: usize,
    /// First row; word (row, step) at `row * row_stride + step * step_stride`.
    pub(super) rows: *const u32,
    pub(super) row_stride: usize,
    pub(super) step_stride: usize,
    /// Output of the first row and panel; 16 floats per panel, rows `ldo` apart.
    pub(super) out: *mut f32,
    pub(super) ldo: usize,
    pub(super) accumulate: bool,
}

/// One entry of the table.
pub(super) struct Kernel {
    /// Panels that one call takes at most.
    pub(super) panels: usize,
    /// Rows per register tile: the unit by which threads split rows.
    pub(super) rows: usize,
    /// Computes `num_panels <= panels` panels for any number of rows.
    ///
    /// Safety: the operands cover the shape, the machine has the level, and the output is
    /// exclusive.
    pub(super) run: unsafe fn(tile: &Tile, num_panels: usize, num_rows: usize),
}

/// The kernel of a level and element type.
pub(super) fn kernel(level: Level, dtype: DenseType) -> &'static Kernel {
    match (level, dtype) {
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, DenseType::F32) => &avx512::F32,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx512, DenseType::Bf16) => &avx512::BF16,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, DenseType::F32) => &avx2::F32,
        #[cfg(target_arch = "x86_64")]
        (Level::Avx2, DenseType::Bf16) => &avx2::BF16,
        (_, DenseType::F32) => &scalar::F32,
        (_, DenseType::Bf16) => &scalar::BF16,
    }
}

/// Defines `run` for a tile function: whole tiles of `$rows` rows, then one smaller tile.
macro_rules! run_rows {
    ($(#[$meta:meta])* $name:ident, $tile:ident, $panels:literal, $rows:literal: $($tail:literal)*) => {
        $(#[$meta])*
        unsafe fn $name(tile: &super::Tile, num_rows: usize) {
            let mut row = 0;
            while row + $rows <= num_rows {
                // SAFETY: the caller's operands cover these rows.
                unsafe { $tile::<$panels, $rows>(tile, row) };
                row += $rows;
            }
            match num_rows - row {
                // SAFETY: as above.
                $($tail => unsafe { $tile::<$panels, $tail>(tile, row) },)*
                _ => {}
            }
        }
    };
}
use run_rows;
