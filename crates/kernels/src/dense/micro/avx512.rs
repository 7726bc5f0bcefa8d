//! AVX-512: three panels by eight rows, twenty-four accumulators of the thirty-two registers.
//!
//! bf16 uses `vdpbf16ps` (two products and two sums per lane); it flushes subnormal numbers to
//! zero. Processors without it widen the elements in registers, as the AVX2 version does.

use crate::x86::{
    __m512, __m512bh, __m512i, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps,
    _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_slli_epi32,
};

use super::table::Kernel;
use super::tile::{Tile, run_rows};

pub(crate) static F32: Kernel =
    Kernel { panels: 3, panels_at_once: 3, rows: 8, contiguous: false, run: run_f32 };
pub(crate) static BF16: Kernel =
    Kernel { panels: 3, panels_at_once: 3, rows: 8, contiguous: false, run: run_bf16 };
pub(crate) static BF16_WIDENED: Kernel =
    Kernel { panels: 3, panels_at_once: 3, rows: 8, contiguous: false, run: run_widened };

/// Defines `$run` of a tile function: the loops over the rows, one for each number of panels.
macro_rules! run_panels {
    ($run:ident, $tile:ident, $features:literal) => {
        /// # Safety
        /// As [`Kernel::run`].
        unsafe fn $run(tile: &Tile, num_panels: usize, num_rows: usize) {
            run_panels!(@ one, $tile, 1, $features);
            run_panels!(@ two, $tile, 2, $features);
            run_panels!(@ three, $tile, 3, $features);
            // SAFETY: the caller promises the level and the operands.
            unsafe {
                match num_panels {
                    1 => one(tile, num_rows),
                    2 => two(tile, num_rows),
                    _ => three(tile, num_rows),
                }
            }
        }
    };
    (@ $name:ident, $tile:ident, $panels:literal, $features:literal) => {
        run_rows!(
            #[cfg_attr(not(feature = "emulate-avx512"), target_feature(enable = $features))]
            #[cfg_attr(feature = "emulate-avx512", target_feature(enable = "avx2,fma,f16c"))]
            $name, $tile, $panels, 8: 1 2 3 4 5 6 7
        );
    };
}
run_panels!(run_f32, tile_f32, "avx512f");
run_panels!(run_bf16, tile_bf16, "avx512f,avx512bf16");
run_panels!(run_widened, tile_widened, "avx512f");

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
        let mut sums: [[__m512; P]; R] = tile.start(row);
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
        tile.finish(row, &sums);
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
        let mut sums: [[__m512; P]; R] = tile.start(row);
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
        tile.finish(row, &sums);
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
        let mut sums: [[__m512; P]; R] = tile.start(row);
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
        tile.finish(row, &sums);
    }
}
