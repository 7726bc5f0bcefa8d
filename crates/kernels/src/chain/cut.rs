//! Into which pieces threads cut a product.

use std::ops::Range;

use super::part::Placed;
use super::work::{Behind, Work};
use crate::LOGITS_BLOCK;

/// Multiply-adds from which a product is dealt in small tasks to whichever thread is free; a
/// shorter one is cut into one piece for each, which costs less.
const DEAL_FROM: usize = 1 << 25;
/// Tasks for each thread of a product that is dealt.
const TASKS_PER_THREAD: usize = 4;
/// Rows of a task if there are too few columns for all threads; whole steps of every kernel.
const ROWS_PER_TASK: usize = 192;

/// Into how many pieces columns and rows are cut.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Whether pieces are dealt; else each thread has that of its number.
    pub(super) is_dealt: bool,
}

impl Work<'_> {
    pub(super) fn cut(&self, rows: usize, threads: usize) -> Cut {
        let whole = Cut { columns: 1, rows: 1, is_dealt: false };
        if threads == 1 || !self.can_be_cut() {
            return whole;
        }
        if rows * self.weights.n() * self.weights.k < DEAL_FROM {
            return Cut { columns: threads, ..whole };
        }
        let groups = self.width().div_ceil(self.group(&self.weights.parts()[0]));
        let tasks = threads * TASKS_PER_THREAD;
        let row_parts = if groups < tasks { rows.div_ceil(ROWS_PER_TASK) } else { 1 };
        Cut { columns: groups.min(tasks), rows: row_parts, is_dealt: true }
    }

    /// Columns of one of the pieces; these have as equal numbers of bytes as groups allow.
    pub(super) fn columns(&self, piece: usize, pieces: usize) -> Range<usize> {
        self.cut_at(piece, pieces)..self.cut_at(piece + 1, pieces)
    }

    /// Columns that are cut: gates go with what they multiply.
    fn width(&self) -> usize {
        let n = self.weights.n();
        if self.is_gated() { n / 2 } else { n }
    }

    /// Columns of a part at whose multiples the product may be cut.
    fn group(&self, placed: &Placed<'_>) -> usize {
        if matches!(self.behind, Behind::Logits(..)) {
            placed.group.next_multiple_of(LOGITS_BLOCK)
        } else {
            placed.group
        }
    }

    /// Whether what gates multiply begins with a tile of its weight, as gates do.
    fn can_be_cut(&self) -> bool {
        let middle = self.weights.n() / 2;
        let before = |placed: &&Placed<'_>| placed.first <= middle;
        let of_middle = self.weights.parts().iter().rfind(before);
        let aligned = |placed: &Placed<'_>| (middle - placed.first).is_multiple_of(16);
        !self.is_gated() || of_middle.is_some_and(aligned)
    }

    fn cut_at(&self, piece: usize, pieces: usize) -> usize {
        let (width, parts) = (self.width(), self.weights.parts());
        if piece == pieces {
            return width;
        }
        if self.is_gated() {
            let group = parts.iter().map(|placed| placed.group).fold(1, usize::max);
            return (width.div_ceil(group) * piece / pieces * group).min(width);
        }
        let target = parts.iter().map(|placed| placed.bytes).sum::<usize>() * piece / pieces;
        let mut before = 0;
        for placed in parts {
            let (bytes, group) = (placed.bytes, self.group(placed));
            if target < before + bytes {
                let groups = (placed.end - placed.first).div_ceil(group);
                let nearest = ((target - before) * groups + bytes / 2) / bytes;
                return (placed.first + nearest * group).min(placed.end);
            }
            before += bytes;
        }
        width
    }
}
