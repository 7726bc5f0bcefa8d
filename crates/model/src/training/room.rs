//! Memory that is taken, or only counted.

use bytemuck::Pod;
use catena_kernels::{
    AlignedBuf, Arena, DenseMatrix, DenseType, Pool, QuantFormat, QuantMatrix, RowOperand,
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
    /// What buffers are cut from that are not to have memory of their own.
    arena: Option<Arena>,
}

impl Room {
    /// A room that gives memory, or only counts it.
    pub(super) fn new(takes: bool) -> Self {
        Room { takes, bytes: 0, passing: 0, arena: None }
    }

    /// A room whose buffers are parts of an arena, as it was left: they are not zeroed.
    pub(super) fn within(arena: Arena) -> Self {
        Room { arena: Some(arena), ..Self::new(true) }
    }

    /// The arena that buffers were cut from.
    pub(super) fn into_arena(self) -> Arena {
        self.arena.unwrap_or_default()
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
        self.buffer(len)
    }

    pub(super) fn halves(&mut self, len: usize) -> AlignedBuf<u16> {
        self.buffer(len)
    }

    fn buffer<T: Pod>(&mut self, len: usize) -> AlignedBuf<T> {
        self.count(Arena::bytes_of::<T>(len));
        match &mut self.arena {
            _ if !self.takes => AlignedBuf::default(),
            Some(arena) => arena.cut(len),
            None => AlignedBuf::zeroed(len),
        }
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

    /// An operand for `rows` rows of `width` values, or as many columns.
    pub(super) fn operand(&mut self, dtype: DenseType, rows: usize, width: usize) -> RowOperand {
        let words = self.buffer(RowOperand::num_words(dtype, rows, width));
        RowOperand::with_words(dtype, words)
    }

    /// A matrix to be filled, `[n, k]` at most.
    pub(super) fn columns(&mut self, dtype: DenseType, n: usize, k: usize) -> DenseMatrix {
        let words = self.buffer(DenseMatrix::num_words(dtype, n, k));
        DenseMatrix::with_words(dtype, words)
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
