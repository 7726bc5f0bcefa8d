//! Activations in the forms that weights are multiplied by.

use super::part::{Placed, Weights};
use crate::dense::{RowLayout, RowView, Source, words_of_rows};
use crate::quant::{ActivationBuf, Activations, SharedActivations, Sums};
use crate::share::SharedMut;
use crate::{AlignedBuf, DenseType, Level, RowNorm};

/// Weights of a link at most: queries, keys and values.
pub(super) const MAX_PARTS: usize = 3;

/// What a row of activations is brought into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// 8-bit codes.
    Codes(Sums),
    /// The words that dense kernels read.
    Words(DenseType),
}

/// All rows in the form of some weights.
pub(super) enum Operand<'a> {
    Codes(Activations<'a>),
    Words(DenseType, RowView<'a>),
}

/// Memory for rows in one form, whatever that is.
#[derive(Debug, Default)]
struct OperandBuf {
    codes: ActivationBuf,
    words: AlignedBuf<u32>,
}

/// Memory for the rows of a link: in the form of each of its weights, and one row that is normed.
#[derive(Debug, Default)]
pub(crate) struct OperandSet {
    operands: [OperandBuf; MAX_PARTS],
    normed_k: AlignedBuf<f32>,
}

/// Memory of the rows in one form while threads write and read it.
#[derive(Clone, Copy)]
struct SharedOperand<'a> {
    codes: SharedActivations<'a>,
    words: SharedMut<'a, u32>,
}

/// The operands of a set while threads write and read them.
#[derive(Clone, Copy)]
pub(super) struct SharedOperands<'a>([SharedOperand<'a>; MAX_PARTS]);

impl OperandBuf {
    fn share(&mut self) -> SharedOperand<'_> {
        SharedOperand { codes: self.codes.share(), words: SharedMut::new(&mut self.words) }
    }
}

impl OperandSet {
    pub(crate) fn bytes(&self) -> usize {
        let operands = self.operands.iter();
        let operands = operands.map(|operand| operand.codes.bytes() + operand.words.bytes());
        operands.sum::<usize>() + self.normed_k.bytes()
    }

    /// Makes room for rows in the forms of `weights`.
    pub(super) fn grow(&mut self, weights: &Weights<'_>, rows: usize) {
        for placed in weights.parts() {
            let operand = &mut self.operands[placed.operand];
            match placed.form {
                Form::Codes(sums) => operand.codes.grow(rows, weights.k, sums),
                Form::Words(dtype) => operand.words.grow(rows * dtype.steps(weights.k)),
            }
        }
    }

    /// The operands, and the memory for a normed row.
    pub(super) fn share(&mut self) -> (SharedOperands<'_>, &mut AlignedBuf<f32>) {
        (SharedOperands(self.operands.each_mut().map(OperandBuf::share)), &mut self.normed_k)
    }
}

impl<'a> SharedOperands<'a> {
    /// Brings a row into the forms of all weights, through the norm if there is one.
    ///
    /// # Safety
    /// There must be room, and no other thread may touch the row meanwhile.
    pub(super) unsafe fn set_row(
        &self,
        level: Level,
        weights: &Weights<'_>,
        norm: Option<RowNorm<'_>>,
        (row, x_k): (usize, &[f32]),
        normed_k: &mut AlignedBuf<f32>,
    ) {
        let k = x_k.len();
        let x_k = match norm {
            None => x_k,
            Some(norm) => {
                normed_k.grow(k);
                norm.apply(level, x_k, &mut normed_k[..k]);
                &normed_k[..k]
            }
        };
        for (idx, placed) in weights.parts().iter().enumerate() {
            if placed.operand != idx {
                continue;
            }
            let SharedOperand { codes, words } = self.0[idx];
            // SAFETY: the row is the caller's alone.
            unsafe {
                match placed.form {
                    Form::Codes(sums) => codes.set(level, sums, row, x_k),
                    Form::Words(dtype) => {
                        let steps = dtype.steps(k);
                        let source = Source { data: x_k, stride: k, rows: 1, len: k };
                        let words = words.range(row * steps..(row + 1) * steps);
                        words_of_rows(level, dtype, source, 1.0, words);
                    }
                }
            }
        }
    }

    /// The rows in the form of one of the weights, which take `k` inputs.
    ///
    /// # Safety
    /// They must have been set, and no thread may set any while the result lives.
    pub(super) unsafe fn read(
        &self,
        placed: &Placed<'_>,
        (rows, k): (usize, usize),
    ) -> Operand<'a> {
        let SharedOperand { codes, words } = self.0[placed.operand];
        // SAFETY: promised by the caller.
        unsafe {
            match placed.form {
                Form::Codes(sums) => Operand::Codes(codes.read(rows, k, sums)),
                Form::Words(dtype) => {
                    let steps = dtype.steps(k);
                    let words = words.read(0..rows * steps);
                    Operand::Words(dtype, RowView { words, rows, layout: RowLayout::plain(steps) })
                }
            }
        }
    }
}
