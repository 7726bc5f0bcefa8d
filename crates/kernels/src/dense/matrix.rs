//! The column operand: a matrix packed in panels of 16 columns.

use super::convert::{DenseType, Source, pack_columns, pack_half_rows, pack_rows, word_values};
use super::made::Square;
use super::micro::kernel;
use super::operand::RowOperand;
use super::product::{ColView, Product, product_parallel};
use super::rows::RowView;
use std::cell::RefCell;
use std::ops::Range;

use crate::chain::{Part, multiply_part};
use crate::share::SharedMut;
use crate::{AlignedBuf, Level, MatmulScratch, Pool, level, span};

/// Steps that a transposed packing writes to one panel before the next: few enough source rows
/// that their lines stay in the first-level cache.
const STEPS_PER_BLOCK: usize = 8;

thread_local! {
    /// Rows of a block that are made.
    static MADE_ROWS: RefCell<AlignedBuf<f32>> = RefCell::default();
}

/// Writes the words of a panel, which begins with a column.
type FillPanel<'a> = dyn Fn(usize, &mut [u32]) + 'a;
/// Fills the panels of a block of steps from one on, by what it is given.
type FillBlock<'a> = dyn Fn(usize, &dyn Fn(&FillPanel<'_>)) + Sync + 'a;

/// A matrix `W [n, k]`, packed for `y = x W^T`.
///
/// The packed form holds the same number of bits as the plain one (rows padded to 16, an odd `k` to
/// even in bf16) and is the only copy.
pub struct DenseMatrix {
    dtype: DenseType,
    n: usize,
    k: usize,
    words: AlignedBuf<u32>,
}

impl DenseMatrix {
    /// Packs `W [n, k]`, row-major, for `y = x W^T`.
    ///
    /// # Panics
    /// If `w_nk.len() != n * k`.
    pub fn pack(pool: &Pool, w_nk: &[f32], n: usize, k: usize, dtype: DenseType) -> Self {
        let mut matrix = Self::with_capacity(dtype, n, k);
        matrix.repack(pool, w_nk, n, k);
        matrix
    }

    /// Packs `W [n, k]` for the product with `W` itself, `dx = dy W`: the result stands for `W^T
    /// [k, n]`.
    ///
    /// # Panics
    /// If `w_nk.len() != n * k`.
    pub fn pack_transposed(
        pool: &Pool,
        w_nk: &[f32],
        n: usize,
        k: usize,
        dtype: DenseType,
    ) -> Self {
        let mut matrix = Self::with_capacity(dtype, k, n);
        matrix.repack_transposed(pool, w_nk, n, k, k);
        matrix
    }

    /// An empty matrix with room for `[n, k]`, to be filled by the `repack` functions.
    pub fn with_capacity(dtype: DenseType, n: usize, k: usize) -> Self {
        Self::with_words(dtype, AlignedBuf::zeroed(Self::num_words(dtype, n, k)))
    }

    /// An empty matrix in memory that is there: [`Self::num_words`] of what it has room for.
    pub fn with_words(dtype: DenseType, words: AlignedBuf<u32>) -> Self {
        DenseMatrix { dtype, n: 0, k: 0, words }
    }

    /// Memory that [`Self::with_capacity`] takes, and the packed form of `[n, k]`.
    pub fn capacity_bytes(dtype: DenseType, n: usize, k: usize) -> usize {
        Self::num_words(dtype, n, k) * size_of::<u32>()
    }

    /// Words of the packed form of `[n, k]`.
    pub fn num_words(dtype: DenseType, n: usize, k: usize) -> usize {
        n.div_ceil(16) * 16 * dtype.steps(k)
    }

    /// Replaces the content by `W [n, k]`, as [`Self::pack`]; memory is reused when it suffices.
    ///
    /// # Panics
    /// If `w_nk.len() != n * k`.
    pub fn repack(&mut self, pool: &Pool, w_nk: &[f32], n: usize, k: usize) {
        assert_eq!(w_nk.len(), n * k, "matrix [{n}, {k}]");
        let src = Source { data: w_nk, stride: k, rows: n, len: k };
        let (dtype, level) = (self.dtype, level());
        let panel_words = self.shape(n, k);
        if panel_words == 0 || n == 0 {
            return;
        }
        let words = &mut self.words[..n.div_ceil(16) * panel_words];
        pool.split_rows(words, panel_words, &|part, words| {
            for (i, panel) in words.chunks_exact_mut(panel_words).enumerate() {
                pack_columns(level, dtype, src, (part.start + i) * 16, panel);
            }
        });
    }

    /// Replaces the content by `W^T [k, n]` for `W [n, k]` with rows `stride` apart, as
    /// [`Self::pack_transposed`].
    ///
    /// # Panics
    /// If `w_nk` is too short.
    pub fn repack_transposed(
        &mut self,
        pool: &Pool,
        w_nk: &[f32],
        n: usize,
        k: usize,
        stride: usize,
    ) {
        let (dtype, level) = (self.dtype, level());
        let src = Source { data: w_nk, stride, rows: n, len: k };
        self.fill_transposed(pool, n, k, &|first, step, words| {
            pack_rows(level, dtype, src, first, step, words);
        });
    }

    /// As [`Self::repack_transposed`], for values that are bf16 already.
    ///
    /// # Panics
    /// If `w_nk.len() != n * k`, or this is no matrix of bf16.
    pub fn repack_transposed_halves(&mut self, pool: &Pool, w_nk: &[u16], n: usize, k: usize) {
        assert_eq!(w_nk.len(), n * k, "matrix [{n}, {k}]");
        assert_eq!(self.dtype, DenseType::Bf16, "halves are bf16");
        let level = level();
        self.fill_transposed(pool, n, k, &|first, step, words| {
            pack_half_rows(level, (w_nk, k), first, step, words);
        });
    }

    /// [`Self::repack_transposed`] of a source, and `beside(rows)` for the rows of each block while they
    /// are at hand.
    pub(super) fn repack_transposed_beside(
        &mut self,
        pool: &Pool,
        src: Source<'_>,
        beside: &(dyn Fn(Range<usize>) + Sync),
    ) {
        let (dtype, level) = (self.dtype, level());
        self.blocks_transposed(pool, src.rows, src.len, &|step, block| {
            let first = dtype.elements(step);
            beside(first..src.rows.min(first + dtype.elements(STEPS_PER_BLOCK)));
            block(&|column, words| pack_rows(level, dtype, src, column, step, words));
        });
    }

    /// [`Self::repack_transposed`] of rows that never stand in memory together: `make(row, values)`
    /// writes one.
    pub(crate) fn repack_transposed_made(
        &mut self,
        pool: &Pool,
        (n, k): (usize, usize),
        make: &(dyn Fn(usize, &mut [f32]) + Sync),
    ) {
        let (dtype, level) = (self.dtype, level());
        let rows_of = dtype.elements(STEPS_PER_BLOCK);
        self.blocks_transposed(pool, n, k, &|step, block| {
            let first = dtype.elements(step);
            let rows = first..n.min(first + rows_of);
            MADE_ROWS.with_borrow_mut(|values| {
                values.grow(rows_of * k);
                let values = &mut values[..rows.len() * k];
                for (row, values) in rows.zip(values.chunks_exact_mut(k)) {
                    make(row, values);
                }
                let src = Source { data: values, stride: k, rows: values.len() / k, len: k };
                block(&|column, words| pack_rows(level, dtype, src, column, 0, words));
            });
        });
    }

    /// Takes the shape `[k, n]` and has the panels filled: `fill(column, step, words)` writes the
    /// steps from `step` on of the panel that begins with `column`.
    fn fill_transposed(
        &mut self,
        pool: &Pool,
        n: usize,
        k: usize,
        fill: &(dyn Fn(usize, usize, &mut [u32]) + Sync),
    ) {
        self.blocks_transposed(pool, n, k, &|step, block| {
            block(&|column, words| fill(column, step, words));
        });
    }

    /// Takes the shape `[k, n]` and has its panels filled, a block of steps over all of them at a time,
    /// so that the source is read along its rows: `fill(step, block)` has `block` call what writes the
    /// words of a panel, from `step` on, by the panel's first column.
    fn blocks_transposed(&mut self, pool: &Pool, n: usize, k: usize, fill: &FillBlock<'_>) {
        let dtype = self.dtype;
        let panel_words = self.shape(k, n);
        if panel_words == 0 || k == 0 {
            return;
        }
        let blocks = dtype.steps(n).div_ceil(STEPS_PER_BLOCK);
        let panels = SharedMut::new(&mut self.words[..k.div_ceil(16) * panel_words]);
        pool.run(&|thread_idx| {
            for block in span(blocks, thread_idx, pool.threads()) {
                let step = block * STEPS_PER_BLOCK;
                let end = dtype.steps(n).min(step + STEPS_PER_BLOCK);
                fill(step, &|write| {
                    for panel in 0..k.div_ceil(16) {
                        let at = panel * panel_words;
                        // SAFETY: threads have different steps.
                        let words = unsafe { panels.range(at + step * 16..at + end * 16) };
                        write(panel * 16, words);
                    }
                });
            }
        });
    }

    /// Takes a new shape, grows if needed, and returns the words per panel.
    fn shape(&mut self, n: usize, k: usize) -> usize {
        (self.n, self.k) = (n, k);
        let panel_words = self.dtype.steps(k) * 16;
        let num_words = n.div_ceil(16) * panel_words;
        if self.words.len() < num_words {
            self.words = AlignedBuf::zeroed(num_words);
        }
        panel_words
    }

    /// Rows of the matrix, columns of the product.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Length of the reduction.
    pub fn k(&self) -> usize {
        self.k
    }

    /// Element type.
    pub fn dtype(&self) -> DenseType {
        self.dtype
    }

    /// Memory of the packed form.
    pub fn bytes(&self) -> usize {
        self.words.len() * size_of::<u32>()
    }

    /// `y = x W^T`, or `y += x W^T` if `accumulate`.
    ///
    /// # Shapes
    /// `x_tk` `[t, k]`; `out_tn` `[t, n]` with rows `ldo` apart.
    ///
    /// # Panics
    /// If `x_tk.len()` is not a multiple of `k`, or `out_tn` is too short.
    pub fn matmul(
        &self,
        pool: &Pool,
        x_tk: &[f32],
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
        scratch: &mut MatmulScratch,
    ) {
        let part = Part::Dense(self);
        multiply_part(level(), pool, part, x_tk, (out_tn, ldo), accumulate, scratch);
    }

    /// [`Self::matmul`] with an operand already converted; its element type must be the matrix's.
    ///
    /// # Panics
    /// If the element types or the reductions differ, or `out_tn` is too short.
    pub fn matmul_operand(
        &self,
        pool: &Pool,
        x: &RowOperand,
        out_tn: &mut [f32],
        ldo: usize,
        accumulate: bool,
    ) {
        assert_eq!(self.dtype, x.dtype(), "element types of a product");
        assert_eq!(self.k, x.reduction(), "reduction of a product");
        product_parallel(pool, &self.product(level(), x.view(), accumulate), out_tn, ldo);
    }

    fn product<'a>(&'a self, level: Level, rows: RowView<'a>, accumulate: bool) -> Product<'a> {
        let steps = self.dtype.steps(self.k);
        let cols = ColView { words: &self.words, cols: self.n, panel_stride: steps * 16 };
        Product { level, dtype: self.dtype, rows, cols, steps, accumulate }
    }

    /// Writes or adds some rows and columns of the product; columns begin with a panel.
    ///
    /// # Panics
    /// If the operand, or `out` with rows `ldo` apart, does not cover the product.
    ///
    /// # Safety
    /// No other thread may touch these rows of these columns.
    pub(crate) unsafe fn multiply(
        &self,
        level: Level,
        x: RowView<'_>,
        (rows, columns): (Range<usize>, Range<usize>),
        (out, ldo): (SharedMut<'_, f32>, usize),
        accumulate: bool,
    ) {
        assert!(columns.start.is_multiple_of(16), "columns from {} on", columns.start);
        assert!(rows.end <= x.rows && columns.end <= self.n, "{rows:?} by {columns:?}");
        let panels = columns.start / 16..columns.end.div_ceil(16);
        // SAFETY: passed on to the caller.
        unsafe { self.product(level, x, accumulate).part(out, ldo, rows, panels) }
    }

    /// Columns at whose multiples threads split a product.
    pub(crate) fn group_columns(&self, level: Level) -> usize {
        16 * kernel(level, self.dtype).panels
    }

    /// The packed words from the panel of a column on.
    pub(crate) fn packed_from(&self, column: usize) -> &[u32] {
        &self.words[column / 16 * 16 * self.dtype.steps(self.k)..]
    }

    /// The words of some steps of a panel.
    pub(super) fn panel(&self, panel: usize, steps: &Range<usize>) -> &[u32] {
        let start = panel * self.dtype.steps(self.k) * 16;
        &self.words[start + steps.start * 16..start + steps.end * 16]
    }

    /// The steps with columns `16 * column..` of rows `16 * panel..`, fewer at the matrix's end.
    pub(super) fn steps_of_square(&self, panel: usize, column: usize) -> &[[u32; 16]] {
        let (steps, per_square) = (self.dtype.steps(self.k), self.dtype.steps(16));
        let first = column * per_square;
        self.panel(panel, &(first..steps.min(first + per_square))).as_chunks::<16>().0
    }

    /// Columns `16 * column..` of rows `16 * panel..`, zero beyond the matrix.
    pub(super) fn square(&self, panel: usize, column: usize, square: &mut Square) {
        let per_square = self.dtype.steps(16);
        let lines = self.steps_of_square(panel, column);
        match self.dtype {
            DenseType::F32 => {
                for (values, words) in square.iter_mut().zip(lines) {
                    *values = words.map(f32::from_bits);
                }
            }
            DenseType::Bf16 => {
                for (two, words) in square.as_chunks_mut::<2>().0.iter_mut().zip(lines) {
                    two[0] = words.map(|word| f32::from_bits(word << 16));
                    two[1] = words.map(|word| f32::from_bits(word & 0xffff_0000));
                }
            }
        }
        let per_step = 16 / per_square;
        for values in &mut square[lines.len() * per_step..] {
            *values = [0.0; 16];
        }
    }

    /// Reads one row back, as the products see it.
    ///
    /// # Panics
    /// If `row >= n` or `out_k.len() != k`.
    pub fn row(&self, row: usize, out_k: &mut [f32]) {
        assert!(row < self.n, "row {row} of {}", self.n);
        assert_eq!(out_k.len(), self.k, "row length");
        let per_word = if self.dtype == DenseType::F32 { 1 } else { 2 };
        let panel = &self.words[(row / 16) * self.dtype.steps(self.k) * 16..];
        for (step, out) in out_k.chunks_mut(per_word).enumerate() {
            let values = word_values(self.dtype, panel[step * 16 + row % 16]);
            out.copy_from_slice(&values[..out.len()]);
        }
    }
}
