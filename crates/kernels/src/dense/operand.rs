//! The row operand: activations in the form the kernels broadcast from.

use std::cell::RefCell;

use super::convert::{DenseType, Source, words_of_rows};
use super::matrix::DenseMatrix;
use super::rows::{RowLayout, RowView, pack_transposed_rows};
use crate::share::SharedMut;
use crate::{AlignedBuf, Pool, level};

thread_local! {
    /// One row that is made.
    static MADE_ROW: RefCell<AlignedBuf<f32>> = RefCell::default();
}

/// Activations converted for one or more products; the buffer is reused and grows to the largest
/// seen.
///
/// Convert once, multiply often: the query, key and value projections read the same operand.
pub struct RowOperand {
    dtype: DenseType,
    words: AlignedBuf<u32>,
    rows: usize,
    reduction: usize,
    layout: RowLayout,
}

impl RowOperand {
    /// An empty operand.
    pub fn new(dtype: DenseType) -> Self {
        Self::with_capacity(dtype, 0, 0)
    }

    /// An empty operand with room for `rows` rows of `reduction` elements (either orientation).
    pub fn with_capacity(dtype: DenseType, rows: usize, reduction: usize) -> Self {
        Self::with_words(dtype, AlignedBuf::zeroed(Self::num_words(dtype, rows, reduction)))
    }

    /// An empty operand in memory that is there: [`Self::num_words`] of what it has room for.
    pub fn with_words(dtype: DenseType, words: AlignedBuf<u32>) -> Self {
        RowOperand { dtype, words, rows: 0, reduction: 0, layout: RowLayout::plain(0) }
    }

    /// Memory that [`Self::with_capacity`] takes.
    pub fn capacity_bytes(dtype: DenseType, rows: usize, reduction: usize) -> usize {
        Self::num_words(dtype, rows, reduction) * size_of::<u32>()
    }

    /// Words that [`Self::with_capacity`] makes room for.
    pub fn num_words(dtype: DenseType, rows: usize, reduction: usize) -> usize {
        let transposed = RowLayout::transposed(level(), dtype, dtype.steps(rows));
        (dtype.steps(reduction) * rows).max(transposed.num_words(reduction))
    }

    /// Element type.
    pub fn dtype(&self) -> DenseType {
        self.dtype
    }

    /// Rows held.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Length of the reduction.
    pub fn reduction(&self) -> usize {
        self.reduction
    }

    /// Takes the rows of `x`: row `i` is `x[i * stride..][..k]`, `rows` of them.
    ///
    /// # Panics
    /// If `x` is too short.
    pub fn set(&mut self, pool: &Pool, x: &[f32], rows: usize, k: usize, stride: usize) {
        let (dtype, level) = (self.dtype, level());
        let steps = dtype.steps(k);
        self.shape(rows, k, RowLayout::plain(steps));
        if rows * steps == 0 {
            return;
        }
        pool.split_rows(&mut self.words[..rows * steps], steps, &|part, words| {
            let src = Source { data: &x[part.start * stride..], stride, rows: part.len(), len: k };
            words_of_rows(level, dtype, src, 1.0, words);
        });
    }

    /// [`Self::set`], and the same values as the columns of products over the rows
    /// ([`DenseMatrix::repack_transposed`]): both from one pass over `x`.
    ///
    /// # Panics
    /// If `x` is too short, or `columns` of another type.
    pub fn set_with_columns(
        &mut self,
        pool: &Pool,
        x: &[f32],
        (rows, k, stride): (usize, usize, usize),
        columns: &mut DenseMatrix,
    ) {
        let (dtype, level) = (self.dtype, level());
        assert_eq!(columns.dtype(), dtype, "element types of both");
        let steps = dtype.steps(k);
        self.shape(rows, k, RowLayout::plain(steps));
        let words = SharedMut::new(&mut self.words[..rows * steps]);
        let src = Source { data: x, stride, rows, len: k };
        columns.repack_transposed_beside(pool, src, &|part| {
            // SAFETY: blocks have different rows.
            let words = unsafe { words.range(part.start * steps..part.end * steps) };
            let src = Source { data: &x[part.start * stride..], rows: part.len(), ..src };
            words_of_rows(level, dtype, src, 1.0, words);
        });
    }

    /// Takes the *columns* of `x [t, cols]` as rows, so that the reduction runs over `t`.
    ///
    /// # Panics
    /// If `x` is too short.
    pub fn set_transposed(&mut self, pool: &Pool, x: &[f32], t: usize, cols: usize, stride: usize) {
        let (dtype, level) = (self.dtype, level());
        let steps = dtype.steps(t);
        let layout = RowLayout::transposed(level, dtype, steps);
        self.shape(cols, t, layout);
        if steps * cols == 0 {
            return;
        }
        let src = Source { data: x, stride, rows: t, len: cols };
        let words = &mut self.words[..layout.num_words(cols)];
        pool.split_rows(words, layout.stride, &|part, words| {
            pack_transposed_rows(level, dtype, src, part.start * layout.height, layout, words);
        });
    }

    /// [`Self::set`] of rows that never stand in memory together: `make(row, values)` writes one.
    pub(crate) fn set_made(
        &mut self,
        pool: &Pool,
        (rows, k): (usize, usize),
        make: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) {
        let (dtype, level) = (self.dtype, level());
        let steps = dtype.steps(k);
        self.shape(rows, k, RowLayout::plain(steps));
        if rows * steps == 0 {
            return;
        }
        pool.split_rows(&mut self.words[..rows * steps], steps, &|part, words| {
            MADE_ROW.with_borrow_mut(|values| {
                values.grow(k);
                let values = &mut values[..k];
                for (row, words) in part.zip(words.chunks_exact_mut(steps)) {
                    make(row, values);
                    let src = Source { data: values, stride: k, rows: 1, len: k };
                    words_of_rows(level, dtype, src, 1.0, words);
                }
            });
        });
    }

    fn shape(&mut self, rows: usize, reduction: usize, layout: RowLayout) {
        self.words.grow(layout.num_words(rows));
        (self.rows, self.reduction, self.layout) = (rows, reduction, layout);
    }

    pub(crate) fn view(&self) -> RowView<'_> {
        RowView { words: &self.words, rows: self.rows, layout: self.layout }
    }
}
