//! AVX2 with FMA: one panel (two vectors) by six rows, twelve accumulators of the sixteen
//! registers.
//!
//! bf16 is widened in registers: the high element of a pair is the word with its low half cleared,
//! the low element is the word shifted up. The two elements are two passes over the rows, so that
//! only two widened column vectors live at a time; the shifts and masks go to ports that the
//! multiplications leave free.

use std::arch::x86_64::{
    __m256, _mm256_and_si256, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32,
};

use super::table::Kernel;
use super::tile::{Tile, run_rows};

pub(crate) static F32: Kernel =
    Kernel { panels: 1, panels_at_once: 1, rows: 6, contiguous: false, run: run_f32 };
pub(crate) static BF16: Kernel =
    Kernel { panels: 1, panels_at_once: 1, rows: 6, contiguous: false, run: run_bf16 };

/// # Safety
/// As [`Kernel::run`].
unsafe fn run_f32(tile: &Tile, _num_panels: usize, num_rows: usize) {
    // SAFETY: the caller promises the level and the operands.
    unsafe { rows_f32(tile, num_rows) }
}

/// # Safety
/// As [`Kernel::run`].
unsafe fn run_bf16(tile: &Tile, _num_panels: usize, num_rows: usize) {
    // SAFETY: the caller promises the level and the operands.
    unsafe { rows_bf16(tile, num_rows) }
}

run_rows!(#[target_feature(enable = "avx2,fma")] rows_f32, tile_f32, 1, 6: 1 2 3 4 5);
run_rows!(#[target_feature(enable = "avx2,fma")] rows_bf16, tile_bf16, 1, 6: 1 2 3 4 5);

/// The product of `R` rows from `row` on, whose words begin at `x`.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_f32<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    // SAFETY: the operands cover these rows and steps.
    unsafe {
        let mut sums: [[__m256; 2]; R] = tile.start(row);
        let mut cols = tile.cols.cast::<f32>();
        let mut x = x.cast::<f32>();
        for _ in 0..tile.steps {
            let (col0, col1) = (_mm256_loadu_ps(cols), _mm256_loadu_ps(cols.add(8)));
            for (i, sum) in sums.iter_mut().enumerate() {
                let value = _mm256_set1_ps(*x.add(i * tile.row_stride));
                sum[0] = _mm256_fmadd_ps(value, col0, sum[0]);
                sum[1] = _mm256_fmadd_ps(value, col1, sum[1]);
            }
            cols = cols.add(16);
            x = x.wrapping_add(tile.step_stride);
        }
        tile.finish(row, &sums);
    }
}

/// The product of `R` rows from `row` on, whose words begin at `x`.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile_bf16<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    let high_half = _mm256_set1_epi32(0xffff_0000_u32.cast_signed());
    // SAFETY: the operands cover these rows and steps.
    unsafe {
        let mut sums: [[__m256; 2]; R] = tile.start(row);
        let mut cols = tile.cols.cast::<f32>();
        let mut x = x.cast::<i32>();
        for _ in 0..tile.steps {
            let raw0 = _mm256_castps_si256(_mm256_loadu_ps(cols));
            let raw1 = _mm256_castps_si256(_mm256_loadu_ps(cols.add(8)));
            let col0 = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(raw0));
            let col1 = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(raw1));
            for (i, sum) in sums.iter_mut().enumerate() {
                let word = _mm256_set1_epi32(*x.add(i * tile.row_stride));
                let value = _mm256_castsi256_ps(_mm256_slli_epi32::<16>(word));
                sum[0] = _mm256_fmadd_ps(value, col0, sum[0]);
                sum[1] = _mm256_fmadd_ps(value, col1, sum[1]);
            }
            let col0 = _mm256_castsi256_ps(_mm256_and_si256(raw0, high_half));
            let col1 = _mm256_castsi256_ps(_mm256_and_si256(raw1, high_half));
            for (i, sum) in sums.iter_mut().enumerate() {
                let word = _mm256_set1_epi32(*x.add(i * tile.row_stride));
                let value = _mm256_castsi256_ps(_mm256_and_si256(word, high_half));
                sum[0] = _mm256_fmadd_ps(value, col0, sum[0]);
                sum[1] = _mm256_fmadd_ps(value, col1, sum[1]);
            }
            cols = cols.add(16);
            x = x.wrapping_add(tile.step_stride);
        }
        tile.finish(row, &sums);
    }
}
