//! Where the words of a row operand stand, and the packing of one whose source stands transposed.
//!
//! Rows that come from rows stay as they are. Those that come from *columns*, as in `dW = dy^T x`,
//! lie far apart: a register tile would touch a distant line for every step. They are packed in
//! panels of as many rows as the tile has, `[row / height][step][height]`, which takes no turning:
//! a step of a panel is a few neighbours of the source.

use std::cell::RefCell;
use std::ops::Range;

use super::convert::{DenseType, Source, step_of_rows};
use super::made::turned;
use super::micro::{Kernel, kernel};
use crate::leveled::leveled;
use crate::{AlignedBuf, Level};

/// Columns of the source that are packed in one go: whole panels of every height.
const LINE: usize = 768;
/// Steps that a panel takes in one go: lines that follow each other. One step at a time for all panels
/// took three times as long, every line being waited for.
const TOGETHER: usize = 16;
/// Panels a multiple of this apart, in words, would compete for the same places in the caches.
const APART: usize = 256;

thread_local! {
    /// Pairs of bf16 before they are dealt to panels.
    static PAIRS: RefCell<AlignedBuf<u32>> = RefCell::default();
}

/// Word (row, step) is number `row / height * stride + step * height + row % height`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowLayout {
    /// Rows of a panel: those of the kernel's register tile, or one where rows stand alone.
    pub(super) height: usize,
    /// Words from one panel to the next.
    pub(super) stride: usize,
}

impl RowLayout {
    /// Rows of `steps` words, one after the other.
    pub(crate) fn plain(steps: usize) -> Self {
        RowLayout { height: 1, stride: steps }
    }

    /// What [`pack_transposed_rows`] writes.
    pub(crate) fn transposed(level: Level, dtype: DenseType, steps: usize) -> Self {
        let kernel = kernel(level, dtype);
        if kernel.contiguous {
            return Self::plain(steps);
        }
        let words = kernel.rows * steps;
        let stride = if words.is_multiple_of(APART) { words + 16 } else { words };
        RowLayout { height: kernel.rows, stride }
    }

    /// Words that `rows` rows take, with the padding of the last panel.
    pub(crate) fn num_words(self, rows: usize) -> usize {
        rows.div_ceil(self.height) * self.stride
    }
}

/// Row operand of a product.
#[derive(Clone, Copy)]
pub(crate) struct RowView<'a> {
    pub(crate) words: &'a [u32],
    pub(crate) rows: usize,
    pub(crate) layout: RowLayout,
}

impl RowView<'_> {
    /// The rows given, from step `first_step` on.
    ///
    /// # Panics
    /// If the first row is inside a panel.
    pub(super) fn part(&self, rows: Range<usize>, first_step: usize) -> Self {
        let RowLayout { height, stride } = self.layout;
        assert!(rows.start.is_multiple_of(height), "row {} of panels of {height}", rows.start);
        let first = rows.start / height * stride + first_step * height;
        RowView { words: &self.words[first..], rows: rows.len(), layout: self.layout }
    }

    /// Checks that all words up to `steps` are there, in a form that the kernel can read.
    ///
    /// # Panics
    /// If not.
    pub(super) fn check(&self, kernel: &Kernel, steps: usize) {
        let RowLayout { height, stride } = self.layout;
        let readable = height == 1 || height == kernel.rows && !kernel.contiguous;
        assert!(readable, "row panels of {height} for tiles of {}", kernel.rows);
        let end = (self.rows - 1) / height * stride + steps * height;
        assert!(end <= self.words.len(), "row operand: {end} of {}", self.words.len());
    }
}

/// Rows `first..` of a row operand whose rows are the source's *columns*, reduction over the
/// source's rows; as many panels as `out` has, laid out as [`RowLayout::transposed`].
pub(crate) fn pack_transposed_rows(
    level: Level,
    dtype: DenseType,
    src: Source<'_>,
    first: usize,
    layout: RowLayout,
    out: &mut [u32],
) {
    let RowLayout { height, stride } = layout;
    let needed = src.rows.saturating_sub(1) * src.stride + src.len;
    assert!(needed <= src.data.len(), "columns of {needed} values in {}", src.data.len());
    let last = src.len.min(first + out.len() / stride * height);
    if height == 1 {
        return turn_rows(level, dtype, src, first..last, stride, out);
    }
    let all = dtype.steps(src.rows);
    for line in (first..last).step_by(LINE) {
        let width = (last - line).min(LINE);
        let out = &mut out[(line - first) / height * stride..];
        for step in (0..all).step_by(TOGETHER) {
            let steps = step..all.min(step + TOGETHER);
            match dtype {
                DenseType::F32 => {
                    let words = bytemuck::cast_slice(&src.data[step * src.stride + line..]);
                    let lines = Lines { words, apart: src.stride, width };
                    deal(level, lines, height, steps, stride, out);
                }
                DenseType::Bf16 => PAIRS.with_borrow_mut(|words| {
                    words.grow(TOGETHER * LINE);
                    for (words, step) in words.chunks_exact_mut(width).zip(steps.clone()) {
                        step_of_rows(level, dtype, src, step, line, words);
                    }
                    let lines = Lines { words, apart: width, width };
                    deal(level, lines, height, steps, stride, out);
                }),
            }
        }
    }
}

/// Words of some steps: `width` of each, `apart` words from one step to the next.
#[derive(Clone, Copy)]
struct Lines<'a> {
    words: &'a [u32],
    apart: usize,
    width: usize,
}

leveled! {
    /// Gives each panel its words of some steps.
    fn deal(
        lines: Lines<'_>,
        height: usize,
        steps: Range<usize>,
        stride: usize,
        out: &mut [u32],
    ) {
        match height {
            4 => deal_by::<4>(lines, steps, stride, out),
            6 => deal_by::<6>(lines, steps, stride, out),
            8 => deal_by::<8>(lines, steps, stride, out),
            _ => unreachable!("no kernel has tiles of {height} rows"),
        }
    }
}

#[inline(always)]
fn deal_by<const H: usize>(lines: Lines<'_>, steps: Range<usize>, stride: usize, out: &mut [u32]) {
    for (first, panel) in (0..lines.width).step_by(H).zip(out.chunks_mut(stride)) {
        let panel = panel[steps.start * H..steps.end * H].as_chunks_mut::<H>().0;
        let words = lines.words[first..].chunks(lines.apart);
        if first + H <= lines.width {
            for (to, words) in panel.iter_mut().zip(words) {
                to.copy_from_slice(&words[..H]);
            }
        } else {
            let rest = lines.width - first;
            for (to, words) in panel.iter_mut().zip(words) {
                to[..rest].copy_from_slice(&words[..rest]);
            }
        }
    }
}

/// As [`pack_transposed_rows`] for kernels that want the steps of a row next to each other: squares
/// of 16 are turned in registers.
fn turn_rows(
    level: Level,
    dtype: DenseType,
    src: Source<'_>,
    rows: Range<usize>,
    stride: usize,
    out: &mut [u32],
) {
    let steps = dtype.steps(src.rows);
    for first in rows.clone().step_by(16) {
        let count = (rows.end - first).min(16);
        for step in (0..steps).step_by(16) {
            let (mut square, mut turned_square) = ([[0; 16]; 16], [[0; 16]; 16]);
            let width = (steps - step).min(16);
            for (i, words) in square[..width].iter_mut().enumerate() {
                step_of_rows(level, dtype, src, step + i, first, &mut words[..count]);
            }
            turned(level, bytemuck::cast_ref(&square), &mut turned_square);
            for (i, words) in turned_square[..count].iter().enumerate() {
                let at = (first - rows.start + i) * stride + step;
                out[at..][..width].copy_from_slice(&words[..width]);
            }
        }
    }
}
