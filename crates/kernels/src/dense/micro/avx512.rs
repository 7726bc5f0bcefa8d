//! AVX-512: three panels by eight rows, twenty-four accumulators of the thirty-two registers.
//!
//! bf16 uses `vdpbf16ps` (two products and two sums per lane); it flushes subnormal numbers to
//! zero. Processors without it widen the elements in registers, as the AVX2 version does.

use crate::x86::{
    __m512, __m512bh, __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps,
    _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_slli_epi32, _mm512_storeu_ps,
};

use super::table::Kernel;
use super::tile::{Tile, run_rows};

pub(crate) static F32: Kernel =
    Kernel { panels: 3, panels_at_once: 3, rows: 8, contiguous: false, run: run_f32 };
pub(crate) static BF16: Kernel =
    Kernel { panels: 3, panels_at_once: 3, rows: 8, contiguous: false, run: run_bf16 };
pub(crate) static BF16_WIDENED: Kernel =
    Kernel { panels: 3, panels_at_once: 3, rows: 8, contiguous: false, run: run_widened };

/// # Safety
/// As [`Kernel::run`].
unsafe fn run_f32(tile: &Tile, num_panels: usize, num_rows: usize) {
    // SAFETY: the caller promises the level and the operands.
    unsafe {
        match num_panels {
            1 => rows1_f32(tile, num_rows),
            2 => rows2_f32(tile, num_rows),
            _ => rows3_f32(tile, num_rows),
        }
    }
}

/// # Safety
/// As [`Kernel::run`].
unsafe fn run_bf16(tile: &Tile, num_panels: usize, num_rows: usize) {
    // SAFETY: the caller promises the level and the operands.
    unsafe {
        match num_panels {
            1 => rows1_bf16(tile, num_rows),
            2 => rows2_bf16(tile, num_rows),
            _ => rows3_bf16(tile, num_rows),
        }
    }
}

/// # Safety
/// As [`Kernel::run`].
unsafe fn run_widened(tile: &Tile, num_panels: usize, num_rows: usize) {
    // SAFETY: the caller promises the level and the operands.
    unsafe {
        match num_panels {
            1 => rows1_widened(tile, num_rows),
            2 => rows2_widened(tile, num_rows),
            _ => rows3_widened(tile, num_rows),
        }
    }
}

/// Defines the loops over the rows of a tile function, one for each number of panels.
macro_rules! loops {
    ($($features:literal $tile:ident: $($name:ident = $panels:literal),*;)*) => { $($(
        run_rows!(
            #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = $features))]
            #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
            $name, $tile, $panels, 8: 1 2 3 4 5 6 7
        );
    )*)* };
}
loops! {
    "avx512f" tile_f32: rows1_f32 = 1, rows2_f32 = 2, rows3_f32 = 3;
    "avx512f,avx512bf16" tile_bf16: rows1_bf16 = 1, rows2_bf16 = 2, rows3_bf16 = 3;
    "avx512f" tile_widened: rows1_widened = 1, rows2_widened = 2, rows3_widened = 3;
}

/// The accumulators of `R` rows from `row` on, from zero or from the output.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn start<const P: usize, const R: usize>(tile: &Tile, row: usize) -> [[__m512; P]; R] {
    let mut sums = [[_mm512_setzero_ps(); P]; R];
    if tile.accumulate {
        for (i, sum) in sums.iter_mut().enumerate() {
            for (p, sum) in sum.iter_mut().enumerate() {
                // SAFETY: the output covers these rows and panels.
                *sum = unsafe { _mm512_loadu_ps(tile.out.add((row + i) * tile.ldo + p * 16)) };
            }
        }
    }
    sums
}

/// Writes the accumulators of `R` rows from `row` on to the output.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn finish<const P: usize, const R: usize>(tile: &Tile, row: usize, sums: &[[__m512; P]; R]) {
    for (i, sum) in sums.iter().enumerate() {
        for (p, sum) in sum.iter().enumerate() {
            // SAFETY: the output covers these rows and panels.
            unsafe { _mm512_storeu_ps(tile.out.add((row + i) * tile.ldo + p * 16), *sum) };
        }
    }
}

/// The product of `R` rows from `row` on, whose words begin at `x`.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn tile_f32<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    // SAFETY: the operands cover these rows, panels and steps.
    unsafe {
        let mut sums = start::<P, R>(tile, row);
        let mut cols = tile.cols.cast::<f32>();
        let mut x = x.cast::<f32>();
        for _ in 0..tile.steps {
            let mut panel = [_mm512_setzero_ps(); P];
            for (p, panel) in panel.iter_mut().enumerate() {
                *panel = _mm512_loadu_ps(cols.add(p * tile.panel_stride));
            }
            for (i, sum) in sums.iter_mut().enumerate() {
                let value = _mm512_set1_ps(*x.add(i * tile.row_stride));
                for (sum, panel) in sum.iter_mut().zip(panel) {
                    *sum = _mm512_fmadd_ps(value, panel, *sum);
                }
            }
            cols = cols.wrapping_add(16);
            x = x.wrapping_add(tile.step_stride);
        }
        finish(tile, row, &sums);
    }
}

/// The product of `R` rows from `row` on, whose words begin at `x`.
///
/// # Safety
/// As [`Kernel::run`], for these rows.
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f,avx512bf16"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn tile_bf16<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    // SAFETY: the operands cover these rows, panels and steps; both vector types are 64 plain
    // bytes.
    unsafe {
        let mut sums = start::<P, R>(tile, row);
        let mut cols = tile.cols;
        let mut x = x.cast::<i32>();
        for _ in 0..tile.steps {
            let mut panel = [_mm512_set1_epi32(0); P];
            for (p, panel) in panel.iter_mut().enumerate() {
                let words = cols.add(p * tile.panel_stride).cast::<f32>();
                *panel = _mm512_castps_si512(_mm512_loadu_ps(words));
            }
            for (i, sum) in sums.iter_mut().enumerate() {
                let value = _mm512_set1_epi32(*x.add(i * tile.row_stride));
                let value = std::mem::transmute::<__m512i, __m512bh>(value);
                for (sum, panel) in sum.iter_mut().zip(panel) {
                    let panel = std::mem::transmute::<__m512i, __m512bh>(panel);
                    *sum = _mm512_dpbf16_ps(*sum, panel, value);
                }
            }
            cols = cols.wrapping_add(16);
            x = x.wrapping_add(tile.step_stride);
        }
        finish(tile, row, &sums);
    }
}

/// The two elements of a pair in two passes: the low one shifted up, then the high one with its
/// low half cleared. Only the widened panels of one pass live at a time.
///
/// # Safety
/// As [`tile_bf16`].
#[inline]
#[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = "avx512f"))]
#[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn tile_widened<const P: usize, const R: usize>(tile: &Tile, row: usize, x: *const u32) {
    let high_half = _mm512_set1_epi32(0xffff_0000_u32.cast_signed());
    // SAFETY: the operands cover these rows, panels and steps.
    unsafe {
        let mut sums = start::<P, R>(tile, row);
        let mut cols = tile.cols;
        let mut x = x.cast::<i32>();
        for _ in 0..tile.steps {
            let mut raw = [_mm512_set1_epi32(0); P];
            let mut panel = [_mm512_setzero_ps(); P];
            for p in 0..P {
                let words = cols.add(p * tile.panel_stride).cast::<f32>();
                raw[p] = _mm512_castps_si512(_mm512_loadu_ps(words));
                panel[p] = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(raw[p]));
            }
            for (i, sum) in sums.iter_mut().enumerate() {
                let word = _mm512_set1_epi32(*x.add(i * tile.row_stride));
                let value = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(word));
                for (sum, panel) in sum.iter_mut().zip(panel) {
                    *sum = _mm512_fmadd_ps(value, panel, *sum);
                }
            }
            for p in 0..P {
                panel[p] = _mm512_castsi512_ps(_mm512_and_si512(raw[p], high_half));
            }
            for (i, sum) in sums.iter_mut().enumerate() {
                let word = _mm512_set1_epi32(*x.add(i * tile.row_stride));
                let value = _mm512_castsi512_ps(_mm512_and_si512(word, high_half));
                for (sum, panel) in sum.iter_mut().zip(panel) {
                    *sum = _mm512_fmadd_ps(value, panel, *sum);
                }
            }
            cols = cols.wrapping_add(16);
            x = x.wrapping_add(tile.step_stride);
        }
        finish(tile, row, &sums);
    }
}
