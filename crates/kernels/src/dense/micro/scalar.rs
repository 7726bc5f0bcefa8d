//! The reference: the formula in plain Rust. The twin of the SIMD kernels in the tests.

use super::table::Kernel;
use super::tile::{Tile, run_rows};

pub(crate) static F32: Kernel =
    Kernel { panels: 1, panels_at_once: 1, rows: 4, contiguous: false, run: run_f32 };
pub(crate) static BF16: Kernel =
    Kernel { panels: 1, panels_at_once: 1, rows: 4, contiguous: false, run: run_bf16 };

/// # Safety
/// As [`Kernel::run`].
unsafe fn run_f32(tile: &Tile, _num_panels: usize, num_rows: usize) {
    // SAFETY: passed through.
    unsafe { rows_f32(tile, num_rows) }
}

/// # Safety
/// As [`Kernel::run`].
unsafe fn run_bf16(tile: &Tile, _num_panels: usize, num_rows: usize) {
    // SAFETY: passed through.
    unsafe { rows_bf16(tile, num_rows) }
}

run_rows!(rows_f32, tile_f32, 1, 4: 1 2 3);
run_rows!(rows_bf16, tile_bf16, 1, 4: 1 2 3);

/// The accumulators, from zero or from the output.
///
/// # Safety
/// As [`Kernel::run`], for `R` rows from `row` on.
unsafe fn start<const R: usize>(tile: &Tile, row: usize) -> [[f32; 16]; R] {
    let mut sums = [[0.0; 16]; R];
    if tile.accumulate {
        for (i, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the output covers these rows.
            *sum =
                unsafe { tile.out.add((row + i) * tile.ldo).cast::<[f32; 16]>().read_unaligned() };
        }
    }
    sums
}

/// Writes the accumulators of `R` rows from `row` on to the output.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
unsafe fn finish<const R: usize>(tile: &Tile, row: usize, sums: &[[f32; 16]; R]) {
    for (i, sum) in sums.iter().enumerate() {
        // SAFETY: the output covers these rows.
        unsafe { tile.out.add((row + i) * tile.ldo).cast::<[f32; 16]>().write_unaligned(*sum) };
    }
}

/// The product of `R` rows from `row` on, whose words begin at `x`.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
unsafe fn tile_f32<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    // SAFETY: the operands cover these rows and steps.
    unsafe {
        let mut sums = start::<R>(tile, row);
        for step in 0..tile.steps {
            let cols = tile.cols.add(step * 16).cast::<[f32; 16]>().read_unaligned();
            for (i, sum) in sums.iter_mut().enumerate() {
                let word = *x.add(i * tile.row_stride + step * tile.step_stride);
                let x = f32::from_bits(word);
                for (sum, col) in sum.iter_mut().zip(cols) {
                    *sum += x * col;
                }
            }
        }
        finish(tile, row, &sums);
    }
}

/// The product of `R` rows from `row` on, whose words begin at `x`.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
unsafe fn tile_bf16<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    let (low, high) =
        (|word: u32| f32::from_bits(word << 16), |word: u32| f32::from_bits(word & 0xffff_0000));
    // SAFETY: the operands cover these rows and steps.
    unsafe {
        let mut sums = start::<R>(tile, row);
        for step in 0..tile.steps {
            let cols = tile.cols.add(step * 16).cast::<[u32; 16]>().read_unaligned();
            for (i, sum) in sums.iter_mut().enumerate() {
                let word = *x.add(i * tile.row_stride + step * tile.step_stride);
                let (x_low, x_high) = (low(word), high(word));
                for (sum, col) in sum.iter_mut().zip(cols) {
                    *sum += x_low * low(col);
                    *sum += x_high * high(col);
                }
            }
        }
        finish(tile, row, &sums);
    }
}
