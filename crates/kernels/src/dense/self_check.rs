//! A short comparison of a level with the plain one, before the level is taken into use.

use super::DenseType;
use super::convert::{Source, pack_columns, words_of_rows};
use super::product::{ColView, Product, product};
use super::rows::{RowLayout, RowView};
use crate::Level;

/// Rows: whole register tiles of every level and a rest.
const ROWS: usize = 21;
/// Columns: more panels than a kernel takes at once, the last one in part.
const COLS: usize = 70;
/// Length of the reduction, odd so that the last bf16 pair is half empty.
const K: usize = 67;
/// Sums of so many products of values up to 1, in another order and with fused additions.
const TOLERANCE: f32 = 1e-4;

/// Whether products of both element types are those of [`Level::Scalar`] but for rounding.
pub(crate) fn agrees(level: Level) -> bool {
    // Multiples of 1/16 up to 1 are exact in bf16.
    let values = |len: usize, factor: usize| -> Vec<f32> {
        (0..len).map(|i| ((i * factor + i / 7) % 33) as f32 / 16.0 - 1.0).collect()
    };
    let (a, b) = (values(ROWS * K, 5), values(COLS * K, 11));
    [DenseType::F32, DenseType::Bf16].into_iter().all(|dtype| {
        let steps = dtype.steps(K);
        let mut rows = vec![0u32; ROWS * steps];
        let src = Source { data: &a, stride: K, rows: ROWS, len: K };
        words_of_rows(Level::Scalar, dtype, src, 1.0, &mut rows);
        let src = Source { data: &b, stride: K, rows: COLS, len: K };
        let mut cols = vec![0u32; COLS.div_ceil(16) * steps * 16];
        for (panel, words) in cols.chunks_exact_mut(steps * 16).enumerate() {
            pack_columns(Level::Scalar, dtype, src, panel * 16, words);
        }
        let compute = |level, num_rows| {
            let mut out = vec![0.0f32; num_rows * COLS];
            let rows = RowView { words: &rows, rows: num_rows, layout: RowLayout::plain(steps) };
            let cols = ColView { words: &cols, cols: COLS, panel_stride: steps * 16 };
            let accumulate = false;
            product(&Product { level, dtype, rows, cols, steps, accumulate }, &mut out, COLS);
            out
        };
        // Few rows and many take different ways.
        [ROWS, 3].into_iter().all(|rows| {
            let (found, expected) = (compute(level, rows), compute(Level::Scalar, rows));
            found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < TOLERANCE)
        })
    })
}
