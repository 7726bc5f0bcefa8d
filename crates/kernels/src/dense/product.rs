//! Walking a product's output in register tiles, on one thread or on all.

use std::cell::RefCell;
use std::ops::Range;

use super::convert::{DenseType, widen_panel, widen_row_panel};
use super::micro::{Kernel, Tile, kernel, multiplies_bf16};
use super::rows::{RowLayout, RowView};
use crate::share::SharedMut;
use crate::{AlignedBuf, Level, Pool, span};

/// Words of row operand per block: half of a small second-level cache.
const BLOCK_WORDS: usize = 1 << 16;
/// Rows from which it is cheaper to widen bf16 beforehand.
const WIDEN_FROM_ROWS: usize = 12;

thread_local! {
    /// Widened operands of one block; a megabyte or less per thread for common widths.
    static WIDENED: RefCell<AlignedBuf<u32>> = RefCell::default();
}

/// Column operand: panels of 16 columns, `panel_stride` words apart, 16 words per step.
#[derive(Clone, Copy)]
pub(crate) struct ColView<'a> {
    pub(crate) words: &'a [u32],
    pub(crate) cols: usize,
    pub(crate) panel_stride: usize,
}

/// `out = A B`, or `out += A B` if `accumulate`, over `steps` words of reduction.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(crate) level: Level,
    pub(crate) dtype: DenseType,
    pub(crate) rows: RowView<'a>,
    pub(crate) cols: ColView<'a>,
    pub(crate) steps: usize,
    pub(crate) accumulate: bool,
}

/// Computes the whole product on the calling thread.
///
/// # Panics
/// If an operand or `out` (row stride `ldo`) is too short for the shape.
pub(crate) fn product(p: &Product<'_>, out: &mut [f32], ldo: usize) {
    p.check(out.len(), ldo);
    // SAFETY: `check` proved `out` long enough for the shape, and it is borrowed alone.
    unsafe { product_of(p, out.as_mut_ptr(), ldo) }
}

/// As [`product`], into columns of an output that other threads write other columns of.
///
/// # Safety
/// [`product_len`] values must be writable at `out`, and nobody else may touch the product's columns.
pub(crate) unsafe fn product_of(p: &Product<'_>, out: *mut f32, ldo: usize) {
    p.check(usize::MAX, ldo);
    if p.is_empty() {
        return;
    }
    // SAFETY: `check` proved both operands long enough, the caller promises the output.
    unsafe { p.region(out, ldo, 0..p.rows.rows, 0..p.num_panels()) }
}

/// Values from the first to the last of `rows` rows of `n` at distance `ldo`.
///
/// # Panics
/// If rows overlap.
pub(crate) fn product_len(rows: usize, n: usize, ldo: usize) -> usize {
    assert!(ldo >= n, "row stride {ldo} of {n} columns");
    if rows == 0 { 0 } else { (rows - 1) * ldo + n }
}

/// Computes the product on all threads of the pool: split by columns when there are enough panels,
/// else by rows. The split never changes a result.
///
/// # Panics
/// As [`product`].
pub(crate) fn product_parallel(pool: &Pool, p: &Product<'_>, out: &mut [f32], ldo: usize) {
    p.check(out.len(), ldo);
    if p.is_empty() {
        return;
    }
    let kernel = kernel(p.level, p.dtype);
    let (num_rows, num_panels, threads) = (p.rows.rows, p.num_panels(), pool.threads());
    let groups = num_panels.div_ceil(kernel.panels);
    let by_panels = num_rows < 4 * kernel.rows * threads || groups >= 2 * threads;
    let out = SharedMut::new(out);
    pool.run(&|thread_idx| {
        let (rows, panels) = if by_panels {
            let part = span(groups, thread_idx, threads);
            (0..num_rows, part.start * kernel.panels..(part.end * kernel.panels).min(num_panels))
        } else {
            let part = span(num_rows.div_ceil(kernel.rows), thread_idx, threads);
            (part.start * kernel.rows..(part.end * kernel.rows).min(num_rows), 0..num_panels)
        };
        // SAFETY: the regions of different threads do not overlap.
        unsafe { p.part(out, ldo, rows, panels) };
    });
}

impl Product<'_> {
    /// Computes some rows and panels, which other threads compute others beside.
    ///
    /// # Panics
    /// If an operand or `out` (row stride `ldo`) is too short for the shape.
    ///
    /// # Safety
    /// No other thread may touch these rows of these panels.
    pub(super) unsafe fn part(
        &self,
        out: SharedMut<'_, f32>,
        ldo: usize,
        rows: Range<usize>,
        panels: Range<usize>,
    ) {
        self.check(out.len(), ldo);
        if !rows.is_empty() && !panels.is_empty() {
            // SAFETY: `check` proved the lengths; the rest is promised by the caller.
            unsafe { self.region(out.as_mut_ptr(), ldo, rows, panels) }
        }
    }

    fn num_panels(&self) -> usize {
        self.cols.cols.div_ceil(16)
    }

    fn is_empty(&self) -> bool {
        self.rows.rows == 0 || self.cols.cols == 0
    }

    fn check(&self, out_len: usize, ldo: usize) {
        if self.is_empty() {
            return;
        }
        assert!(self.steps > 0, "a product needs at least one step");
        let (r, c) = (&self.rows, &self.cols);
        r.check(kernel(self.level, self.dtype), self.steps);
        let col_end = (self.num_panels() - 1) * c.panel_stride + self.steps * 16;
        assert!(col_end <= c.words.len(), "column operand: {col_end} of {}", c.words.len());
        let out_end = product_len(r.rows, c.cols, ldo);
        assert!(out_end <= out_len, "output: {out_end} of {out_len}");
    }

    /// Computes the rows and panels given, in blocks of rows that stay in the second-level cache.
    ///
    /// # Safety
    /// `check` holds for `out`, and no other thread touches the region.
    unsafe fn region(&self, out: *mut f32, ldo: usize, rows: Range<usize>, panels: Range<usize>) {
        let widen = self.dtype == DenseType::Bf16
            && self.level != Level::Scalar
            && !multiplies_bf16(self.level);
        let tile = kernel(self.level, self.dtype).rows;
        let row_words = if widen { 2 * self.steps } else { self.steps };
        let block = (BLOCK_WORDS / row_words / tile).max(1) * tile;
        for first in rows.clone().step_by(block) {
            let rows = first..rows.end.min(first + block);
            // SAFETY: as promised to this function; blocks are parts of the region.
            unsafe {
                if widen && rows.len() >= WIDEN_FROM_ROWS {
                    self.widened_block(out, ldo, rows, panels.clone());
                } else {
                    self.block(out, ldo, &rows, panels.clone());
                }
            }
        }
    }

    /// Computes a block of rows with bf16 operands widened to f32 once per block, instead of in
    /// registers once per tile. The sums are the same, bit for bit.
    ///
    /// # Safety
    /// As [`Self::region`].
    unsafe fn widened_block(
        &self,
        out: *mut f32,
        ldo: usize,
        rows: Range<usize>,
        panels: Range<usize>,
    ) {
        let steps = 2 * self.steps;
        let RowLayout { height, stride } = self.rows.layout;
        let layout = RowLayout { height, stride: height * steps };
        WIDENED.with_borrow_mut(|buffer| {
            buffer.grow(layout.num_words(rows.len()) + 16 * steps);
            let (row_words, panel_words) = buffer.split_at_mut(layout.num_words(rows.len()));
            let panel_words = &mut panel_words[..16 * steps];
            let first = &self.rows.words[rows.start / height * stride..];
            for (i, widened) in row_words.chunks_exact_mut(layout.stride).enumerate() {
                let words = &first[i * stride..][..self.steps * height];
                widen_row_panel(self.level, words, height, widened);
            }
            let view = RowView { words: row_words, rows: rows.len(), layout };
            for panel in panels {
                let words = &self.cols.words[panel * self.cols.panel_stride..][..self.steps * 16];
                widen_panel(self.level, words, panel_words);
                let cols = (self.cols.cols - panel * 16).min(16);
                let widened = Product {
                    dtype: DenseType::F32,
                    rows: view,
                    cols: ColView { words: panel_words, cols, panel_stride: 16 * steps },
                    steps,
                    ..*self
                };
                // SAFETY: the operands were sized for this shape, and the output part is inside
                // the region.
                unsafe {
                    let out = out.add(rows.start * ldo + panel * 16);
                    widened.block(out, ldo, &(0..rows.len()), 0..1);
                }
            }
        });
    }

    /// Computes a block of rows as the operands stand.
    ///
    /// # Safety
    /// As [`Self::region`].
    unsafe fn block(&self, out: *mut f32, ldo: usize, rows: &Range<usize>, panels: Range<usize>) {
        let kernel = kernel(self.level, self.dtype);
        let full_panels = self.cols.cols / 16;
        let mut panel = panels.start;
        while panel < panels.end {
            if panel >= full_panels {
                // SAFETY: as promised to this function.
                unsafe { self.ragged_panel(kernel, out, ldo, rows, panel) };
                return;
            }
            // As many as fit a register tile, but as evenly as they go: few panels leave a tile idle.
            let left = panels.end.min(full_panels) - panel;
            let count = left.div_ceil(left.div_ceil(kernel.panels_at_once));
            // SAFETY: offsets stay inside what `check` proved; the kernel's level is available.
            unsafe {
                let target = out.add(rows.start * ldo + panel * 16);
                (kernel.run)(&self.tile(target, ldo, rows.start, panel), count, rows.len());
            }
            panel += count;
        }
    }

    /// The last panel when it has fewer than 16 columns: through a full tile on the stack.
    ///
    /// # Safety
    /// As [`Self::region`].
    unsafe fn ragged_panel(
        &self,
        kernel: &Kernel,
        out: *mut f32,
        ldo: usize,
        rows: &Range<usize>,
        panel: usize,
    ) {
        /// Whole tiles of every kernel.
        const MAX_ROWS: usize = 96;
        let cols = self.cols.cols - panel * 16;
        let mut buffer = [0.0f32; MAX_ROWS * 16];
        for first in rows.clone().step_by(MAX_ROWS) {
            let count = (rows.end - first).min(MAX_ROWS);
            // SAFETY: each output row has `cols` elements from this offset; the buffer holds 16 per
            // row.
            unsafe {
                let target = out.add(first * ldo + panel * 16);
                if self.accumulate {
                    for row in 0..count {
                        let from = target.add(row * ldo);
                        std::ptr::copy_nonoverlapping(from, buffer[row * 16..].as_mut_ptr(), cols);
                    }
                }
                let tile = self.tile(buffer.as_mut_ptr(), 16, first, panel);
                (kernel.run)(&tile, 1, count);
                for row in 0..count {
                    let to = target.add(row * ldo);
                    std::ptr::copy_nonoverlapping(buffer[row * 16..].as_ptr(), to, cols);
                }
            }
        }
    }

    /// # Safety
    /// `row` and `panel` are inside the operands; `row` begins a panel of rows.
    unsafe fn tile(&self, out: *mut f32, ldo: usize, row: usize, panel: usize) -> Tile {
        let RowLayout { height, stride } = self.rows.layout;
        // SAFETY: inside the operands by the caller's promise.
        let (cols, rows) = unsafe {
            (
                self.cols.words.as_ptr().add(panel * self.cols.panel_stride),
                self.rows.words.as_ptr().add(row / height * stride),
            )
        };
        let alone = height == 1;
        Tile {
            cols,
            panel_stride: self.cols.panel_stride,
            steps: self.steps,
            rows,
            row_stride: if alone { stride } else { 1 },
            step_stride: height,
            next_rows: if alone { kernel(self.level, self.dtype).rows * stride } else { stride },
            out,
            ldo,
            accumulate: self.accumulate,
        }
    }
}
