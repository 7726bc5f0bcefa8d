//! The products inside attention, on operands in thread-local memory.

use crate::dense::{ColView, DenseType, Product, RowLayout, RowView, Source};
use crate::dense::{pack_columns, pack_rows, pack_transposed_rows, product, words_of_rows};
use crate::{AlignedBuf, Level};

/// A column operand in thread-local memory.
#[derive(Default)]
pub(super) struct Columns {
    words: AlignedBuf<u32>,
    cols: usize,
    panel_stride: usize,
}

impl Columns {
    /// Takes the source's rows as columns (reduction along them).
    pub(super) fn set_columns(&mut self, level: Level, dtype: DenseType, src: Source<'_>) {
        self.shape(src.rows, dtype.steps(src.len));
        for (panel, words) in self.panels().enumerate() {
            pack_columns(level, dtype, src, panel * 16, words);
        }
    }

    /// Takes the source's columns as columns (reduction over its rows).
    pub(super) fn set_rows(&mut self, level: Level, dtype: DenseType, src: Source<'_>) {
        self.shape(src.len, dtype.steps(src.rows));
        for (panel, words) in self.panels().enumerate() {
            pack_rows(level, dtype, src, panel * 16, 0, words);
        }
    }

    fn shape(&mut self, cols: usize, steps: usize) {
        (self.cols, self.panel_stride) = (cols, steps * 16);
        self.words.grow(cols.div_ceil(16) * self.panel_stride);
    }

    fn panels(&mut self) -> impl Iterator<Item = &mut [u32]> {
        let used = self.cols.div_ceil(16) * self.panel_stride;
        self.words[..used].chunks_exact_mut(self.panel_stride)
    }

    /// `cols` columns from column `first` on, which begins a panel; up to a whole last panel,
    /// whose padding is zero.
    pub(super) fn view(&self, first: usize, cols: usize) -> ColView<'_> {
        debug_assert!(first.is_multiple_of(16), "column {first} begins no panel");
        let words = &self.words[first / 16 * self.panel_stride..];
        ColView { words, cols, panel_stride: self.panel_stride }
    }

    /// All columns, from element `first` of the reduction on, which begins a step.
    pub(super) fn view_from(&self, dtype: DenseType, first: usize) -> ColView<'_> {
        let words = &self.words[dtype.steps(first) * 16..];
        ColView { words, cols: self.cols, panel_stride: self.panel_stride }
    }
}

/// The arithmetic shared by the products of one task.
#[derive(Clone, Copy)]
pub(super) struct Arithmetic {
    pub(super) level: Level,
    pub(super) dtype: DenseType,
}

impl Arithmetic {
    /// `out = scale * src B` over the source's row length.
    pub(super) fn rows_times(
        self,
        src: Source<'_>,
        scale: f32,
        words: &mut AlignedBuf<u32>,
        columns: ColView<'_>,
        (out, ldo): (&mut [f32], usize),
    ) {
        let steps = self.dtype.steps(src.len);
        words.grow(src.rows * steps);
        words_of_rows(self.level, self.dtype, src, scale, words);
        let rows = RowView { words, rows: src.rows, layout: RowLayout::plain(steps) };
        self.product(rows, columns, steps, false, out, ldo);
    }

    /// `out += src^T B`, reduction over the source's rows.
    pub(super) fn add_transposed_times(
        self,
        src: Source<'_>,
        words: &mut AlignedBuf<u32>,
        columns: &Columns,
        (out, ldo): (&mut [f32], usize),
    ) {
        let steps = self.dtype.steps(src.rows);
        let layout = RowLayout::transposed(self.level, self.dtype, steps);
        words.grow(layout.num_words(src.len));
        let used = &mut words[..layout.num_words(src.len)];
        pack_transposed_rows(self.level, self.dtype, src, 0, layout, used);
        let rows = RowView { words, rows: src.len, layout };
        self.product(rows, columns.view(0, columns.cols), steps, true, out, ldo);
    }

    pub(super) fn product(
        self,
        rows: RowView<'_>,
        cols: ColView<'_>,
        steps: usize,
        accumulate: bool,
        out: &mut [f32],
        ldo: usize,
    ) {
        let (level, dtype) = (self.level, self.dtype);
        product(&Product { level, dtype, rows, cols, steps, accumulate }, out, ldo);
    }
}
