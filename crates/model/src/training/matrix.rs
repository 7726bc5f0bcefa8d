//! A matrix of the model: frozen in the form of its file, or trained.

use std::ops::Range;

use catena_kernels::{DenseMatrix, QuantMatrix, WeightRef};

use super::grads::Grads;

/// A matrix `[n, k]`.
pub(super) enum Matrix {
    /// Packed bf16 or f32.
    Dense(DenseMatrix),
    /// Blocks as the file has them.
    Quant(QuantMatrix),
    /// Rows inside the trained values.
    Trained(Trained),
}

/// A trained matrix.
pub(super) struct Trained {
    pub(super) range: Range<usize>,
    pub(super) n: usize,
    pub(super) k: usize,
}

impl Matrix {
    /// The weight with its products.
    pub(super) fn get<'a>(&'a self, values: &'a [f32]) -> WeightRef<'a> {
        match self {
            Self::Dense(matrix) => WeightRef::Dense(matrix),
            Self::Quant(matrix) => WeightRef::Quant(matrix),
            Self::Trained(Trained { range, n, k }) => {
                WeightRef::Floats { w_nk: &values[range.clone()], n: *n, k: *k }
            }
        }
    }

    /// As [`Self::get`], of some of the rows. A frozen one gives all of them, whatever is asked.
    pub(super) fn rows<'a>(&'a self, values: &'a [f32], rows: &Range<usize>) -> WeightRef<'a> {
        match self {
            Self::Dense(_) | Self::Quant(_) => self.get(values),
            Self::Trained(Trained { range, k, .. }) => {
                let w_nk = &values[range.clone()][rows.start * k..rows.end * k];
                WeightRef::Floats { w_nk, n: rows.len(), k: *k }
            }
        }
    }

    /// The gradient of some of its rows, for a product, if it is trained ([`Grads::of_product`]).
    pub(super) fn grad<'g>(
        &self,
        rows: &Range<usize>,
        grads: &'g mut Grads,
    ) -> Option<(&'g mut [f32], bool)> {
        match self {
            Self::Dense(_) | Self::Quant(_) => None,
            Self::Trained(Trained { range, k, .. }) => {
                let of_rows = range.start + rows.start * k..range.start + rows.end * k;
                Some(grads.of_product(&of_rows))
            }
        }
    }

    /// The gradient of all of it, to be added to, if it is trained.
    pub(super) fn grad_sum<'g>(&self, grads: &'g mut Grads) -> Option<&'g mut [f32]> {
        match self {
            Self::Dense(_) | Self::Quant(_) => None,
            Self::Trained(Trained { range, .. }) => Some(grads.of(range)),
        }
    }

    pub(super) fn is_trained(&self) -> bool {
        matches!(self, Self::Trained(_))
    }
}
