//! Memory that is taken, or only counted.

use catena_kernels::{
    AlignedBuf, DenseMatrix, DenseType, Pool, QuantFormat, QuantMatrix, RowOperand,
};

use super::matrix::Matrix;
use crate::ModelError;

/// Where the memory of a model comes from.
///
/// A room that counts gives empty buffers and knows how large they would be: what makes a model
/// also tells what it will take, so the two cannot differ.
pub(super) struct Room {
    pub(super) takes: bool,
    bytes: usize,
    passing: usize,
}

impl Room {
    /// A room that gives memory, or only counts it.
    pub(super) fn new(takes: bool) -> Self {
        Room { takes, bytes: 0, passing: 0 }
    }

    /// All that was asked for.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The most that was held only until it was packed.
    pub(super) fn passing(&self) -> usize {
        self.passing
    }

    /// Notes memory that others take.
    pub(super) fn count(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Notes memory that is held only for a moment.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.passing = self.passing.max(bytes);
    }

    pub(super) fn floats(&mut self, len: usize) -> AlignedBuf<f32> {
        self.count(len.saturating_mul(size_of::<f32>()));
        AlignedBuf::zeroed(if self.takes { len } else { 0 })
    }

    pub(super) fn halves(&mut self, len: usize) -> AlignedBuf<u16> {
        self.count(len.saturating_mul(size_of::<u16>()));
        AlignedBuf::zeroed(if self.takes { len } else { 0 })
    }

    pub(super) fn zeros(&mut self, len: usize) -> Vec<f32> {
        self.count(len.saturating_mul(size_of::<f32>()));
        vec![0.0; if self.takes { len } else { 0 }]
    }

    /// An empty list with room for so many values.
    pub(super) fn list<T>(&mut self, len: usize) -> Vec<T> {
        self.count(len.saturating_mul(size_of::<T>()));
        Vec::with_capacity(if self.takes { len } else { 0 })
    }

    /// [`RowOperand::with_capacity`].
    pub(super) fn operand(&mut self, dtype: DenseType, rows: usize, width: usize) -> RowOperand {
        self.count(RowOperand::capacity_bytes(dtype, rows, width));
        if !self.takes {
            return RowOperand::new(dtype);
        }
        RowOperand::with_capacity(dtype, rows, width)
    }

    /// [`DenseMatrix::with_capacity`].
    pub(super) fn columns(&mut self, dtype: DenseType, n: usize, k: usize) -> DenseMatrix {
        self.count(DenseMatrix::capacity_bytes(dtype, n, k));
        let (n, k) = if self.takes { (n, k) } else { (0, 0) };
        DenseMatrix::with_capacity(dtype, n, k)
    }

    /// A frozen matrix `[n, k]` of `values`, which a room that counts does not have.
    pub(super) fn dense(
        &mut self,
        pool: &Pool,
        values: &[f32],
        (n, k): (usize, usize),
        dtype: DenseType,
    ) -> Matrix {
        self.pass(n * k * size_of::<f32>());
        let mut matrix = self.columns(dtype, n, k);
        if self.takes {
            matrix.repack(pool, values, n, k);
        }
        Matrix::Dense(matrix)
    }

    /// A frozen matrix of blocks; an empty one where memory is only counted.
    pub(super) fn blocks(
        &mut self,
        pool: &Pool,
        format: QuantFormat,
        rows: &[&[u8]],
        k: usize,
    ) -> Result<Matrix, ModelError> {
        self.count(QuantMatrix::packed_bytes(format, rows.len(), k));
        if !self.takes {
            return Ok(Matrix::Dense(DenseMatrix::with_capacity(DenseType::Bf16, 0, 0)));
        }
        Ok(Matrix::Quant(QuantMatrix::from_blocks(pool, format, rows, k)?))
    }
}
