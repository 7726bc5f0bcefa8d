//! A link on its matrices, and how threads share it.

use std::ops::Range;

use super::operand::{OperandSet, SharedOperands};
use super::part::Weights;
use crate::ops::{activation_values, add_values, gate_values};
use crate::share::SharedMut;
use crate::team::{Deal, Member};
use crate::{Gate, LOGITS_BLOCK, Level, LogitsFinish, MatmulScratch, Pool, RowNorm};

/// Multiply-adds up to which one thread is faster than waking the pool.
const ALONE_UP_TO: usize = 1 << 15;

/// Rows that go into a product.
#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    Lent(&'a [f32]),
    /// An earlier link may write them.
    Shared(SharedMut<'a, f32>),
}

/// What follows the product and its bias.
pub(super) enum Behind<'a> {
    Nothing,
    Addition,
    Activation(Gate),
    Gate(Gate, (SharedMut<'a, f32>, usize)),
    Logits(LogitsFinish, (SharedMut<'a, f32>, usize)),
}

/// A product with what stands before and behind it. Matrices are their values, and how far rows are
/// apart.
pub(super) struct Work<'a> {
    input: (Input<'a>, usize),
    norm: Option<RowNorm<'a>>,
    pub(super) weights: Weights<'a>,
    bias: Option<&'a [f32]>,
    output: (SharedMut<'a, f32>, usize),
    pub(super) behind: Behind<'a>,
    deal: Deal,
}

/// Rows and columns that one thread computes.
type Piece = (Range<usize>, Range<usize>);

/// Runs the works one after the other over `rows` rows each.
///
/// # Panics
/// If a matrix is too short or too narrow.
pub(super) fn run(
    level: Level,
    pool: &Pool,
    rows: usize,
    works: &[Work<'_>],
    scratch: &mut MatmulScratch,
) {
    for work in works {
        work.check(rows);
    }
    if rows == 0 {
        return;
    }
    let MatmulScratch { shared, own } = scratch;
    if rows > 1 {
        for work in works {
            shared.grow(&work.weights, rows);
        }
    }
    if own.len() < pool.threads() {
        own.resize_with(pool.threads(), OperandSet::default);
    }
    let (shared, own) = (shared.share().0, SharedMut::new(own));
    let work_of = |work: &Work<'_>| rows * work.weights.n() * work.weights.k;
    let alone = works.iter().all(|work| work_of(work) <= ALONE_UP_TO);
    pool.run_team(alone, &|member| {
        // SAFETY: every thread has a set of its own.
        let own = unsafe { own.range(member.thread..member.thread + 1) };
        let mut works = works.iter().peekable();
        if let Some(first) = works.peek() {
            first.fetch(rows, member);
        }
        while let Some(work) = works.next() {
            // SAFETY: all threads do the same work, and behind the barrier the next.
            unsafe { work.run(level, rows, member, &mut own[0], shared) };
            if let Some(next) = works.peek() {
                member.meet(|| next.fetch(rows, member));
            }
        }
    });
}

impl<'a> Work<'a> {
    /// # Panics
    /// If the bias is for another product.
    pub(super) fn new(
        input: (Input<'a>, usize),
        norm: Option<RowNorm<'a>>,
        (weights, bias): (Weights<'a>, Option<&'a [f32]>),
        output: (SharedMut<'a, f32>, usize),
        behind: Behind<'a>,
    ) -> Self {
        let n = weights.n();
        assert!(bias.is_none_or(|bias| bias.len() == n), "a bias beside {n} outputs");
        Self { input, norm, weights, bias, output, behind, deal: Deal::new() }
    }

    fn check(&self, rows: usize) {
        let fits = |len: usize, apart: usize, width: usize, what: &str| {
            let needed = if rows == 0 { 0 } else { (rows - 1) * apart + width };
            assert!(
                len >= needed && apart >= width,
                "{len} {what} for {rows} rows of {width} at distance {apart}"
            );
        };
        let len = match self.input.0 {
            Input::Lent(values) => values.len(),
            Input::Shared(values) => values.len(),
        };
        let n = self.weights.n();
        fits(len, self.input.1, self.weights.k, "inputs");
        fits(self.output.0.len(), self.output.1, n, "outputs");
        match &self.behind {
            Behind::Nothing | Behind::Addition | Behind::Activation(_) => {}
            Behind::Gate(_, (values, apart)) => {
                assert!(n.is_multiple_of(2), "{n} columns of gates and others");
                fits(values.len(), *apart, n / 2, "gated values");
            }
            Behind::Logits(_, (values, apart)) => {
                assert!(self.weights.parts().len() == 1, "a head of several weights");
                fits(values.len(), *apart, n.div_ceil(LOGITS_BLOCK), "maxima");
            }
        }
    }

    /// A thread's part of the work.
    ///
    /// # Safety
    /// All threads must do this work at once, with the same operands in `shared`, which have room for
    /// its rows, and no other; `check` must have passed.
    unsafe fn run(
        &self,
        level: Level,
        rows: usize,
        member: Member<'_>,
        own: &mut OperandSet,
        shared: SharedOperands<'_>,
    ) {
        let alone = rows == 1;
        if alone {
            own.grow(&self.weights, 1);
        }
        let (own_operands, normed_k) = own.share();
        let (operands, mine) =
            if alone { (own_operands, 0..1) } else { (shared, member.share(rows)) };
        for row in mine {
            // SAFETY: rows are shared out, or the operands are this thread's own; what writes the
            // input is behind a barrier.
            unsafe {
                let x_k = self.row(row);
                operands.set_row(level, &self.weights, self.norm, (row, x_k), normed_k);
            }
        }
        if !alone {
            member.meet(|| ());
        }
        let cut = self.cut(rows, member.threads);
        let compute = |task: usize| {
            let columns = self.columns(task / cut.rows, cut.columns);
            let part = task % cut.rows;
            let rows_of_part = rows * part / cut.rows..rows * (part + 1) / cut.rows;
            // SAFETY: tasks differ in rows or in columns; all rows are set.
            unsafe { self.compute(level, rows, (rows_of_part, columns), &operands) };
        };
        if cut.is_dealt {
            member.take(&self.deal, cut.columns * cut.rows, compute);
        } else if member.thread < cut.columns {
            compute(member.thread);
        }
    }

    /// # Safety
    /// Nobody may write to the row.
    unsafe fn row(&self, row: usize) -> &[f32] {
        let (input, apart) = self.input;
        let range = row * apart..row * apart + self.weights.k;
        match input {
            Input::Lent(values) => &values[range],
            // SAFETY: promised by the caller.
            Input::Shared(values) => unsafe { values.read(range) },
        }
    }

    /// Fetches the first weights of the thread's piece.
    fn fetch(&self, rows: usize, member: Member<'_>) {
        let cut = self.cut(rows, member.threads);
        if member.thread >= cut.columns {
            return;
        }
        let column = self.columns(member.thread, cut.columns).start;
        let fetch = |column: usize| {
            if let Some(placed) = self.weights.parts().iter().find(|placed| column < placed.end) {
                placed.part.fetch(column - placed.first);
            }
        };
        fetch(column);
        if self.is_gated() {
            fetch(column + self.weights.n() / 2);
        }
    }

    pub(super) fn is_gated(&self) -> bool {
        matches!(self.behind, Behind::Gate(..))
    }

    /// Computes a piece and what follows it.
    ///
    /// # Safety
    /// The operands must be set and nobody may change them, or touch the piece.
    unsafe fn compute(
        &self,
        level: Level,
        all_rows: usize,
        (rows, columns): Piece,
        operands: &SharedOperands<'_>,
    ) {
        let n = self.weights.n();
        let middle = n / 2;
        let of_product = if !self.is_gated() {
            [columns.clone(), 0..0]
        } else if columns == (0..middle) {
            [0..n, 0..0]
        } else {
            [columns.clone(), columns.start + middle..columns.end + middle]
        };
        // SAFETY: passed on to the caller; gates and what they multiply do not overlap.
        unsafe {
            for columns in of_product {
                self.multiply(level, all_rows, (rows.clone(), columns), operands);
            }
            for row in rows {
                self.finish(level, row, &columns);
            }
        }
    }

    /// `out = x W^T + b`, or `out += x W^T + b`, for a piece.
    ///
    /// # Safety
    /// As for [`Self::compute`].
    unsafe fn multiply(
        &self,
        level: Level,
        all_rows: usize,
        (rows, columns): Piece,
        operands: &SharedOperands<'_>,
    ) {
        if columns.is_empty() {
            return;
        }
        let accumulate = matches!(self.behind, Behind::Addition);
        let (output, apart) = self.output;
        for placed in self.weights.parts() {
            let first = placed.first;
            let (start, end) = (columns.start.max(first), columns.end.min(placed.end));
            if start >= end {
                continue;
            }
            let (piece, out) = ((rows.clone(), start - first..end - first), output.tail(first));
            // SAFETY: passed on to the caller.
            unsafe {
                let operand = operands.read(placed, (all_rows, self.weights.k));
                placed.part.multiply(level, &operand, piece, (out, apart), accumulate);
            }
        }
        let Some(bias) = self.bias else { return };
        for row in rows {
            // SAFETY: passed on to the caller.
            let out = unsafe { self.outputs(row, &columns) };
            add_values(level, out, &bias[columns.clone()]);
        }
    }

    /// Does what follows the product to some columns of a row.
    ///
    /// # Safety
    /// Nobody else may touch them.
    unsafe fn finish(&self, level: Level, row: usize, columns: &Range<usize>) {
        if columns.is_empty() {
            return;
        }
        // SAFETY: passed on to the caller; the columns of gates and of others do not overlap.
        unsafe {
            match &self.behind {
                Behind::Nothing | Behind::Addition => {}
                Behind::Activation(act) => {
                    activation_values(*act)(level, self.outputs(row, columns));
                }
                Behind::Gate(gate, (gated, apart)) => {
                    let middle = self.weights.n() / 2;
                    let others = columns.start + middle..columns.end + middle;
                    let gates = self.outputs(row, columns);
                    let out = gated.range(row * apart + columns.start..row * apart + columns.end);
                    gate_values(*gate)(level, gates, self.outputs(row, &others), out);
                }
                Behind::Logits(finish, (maxima, apart)) => {
                    let (first, end) =
                        (columns.start / LOGITS_BLOCK, columns.end.div_ceil(LOGITS_BLOCK));
                    let maxima = maxima.range(row * apart + first..row * apart + end);
                    finish.apply(level, self.outputs(row, columns), maxima);
                }
            }
        }
    }

    /// # Safety
    /// Nobody else may touch these columns of the row.
    unsafe fn outputs(&self, row: usize, columns: &Range<usize>) -> &'a mut [f32] {
        let (output, apart) = self.output;
        // SAFETY: promised by the caller.
        unsafe { output.range(row * apart + columns.start..row * apart + columns.end) }
    }
}
