//! Working memory of attention.

use super::products::Columns;
use super::shape::{AttentionShape, BLOCK_ROWS};
use crate::{AlignedBuf, DenseMatrix, Pool, RowOperand};

/// Working memory of attention: one set of buffers per thread, grown to the longest sequence seen.
#[derive(Default)]
pub struct AttentionScratch {
    threads: Vec<ThreadScratch>,
    /// Each sequence's gradient of the prefix (backward).
    prefix_parts: AlignedBuf<f32>,
}

impl AttentionScratch {
    /// Empty; sized at first use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Memory that it comes to hold on `threads` threads, for sequences of up to `longest` tokens, a
    /// prefix with them: the columns of a head's keys twice and of its values once, the sums of
    /// both, and two blocks of scores.
    pub fn bytes_for(shape: &AttentionShape, longest: usize, threads: usize) -> usize {
        let (d, dv) = (shape.head_dim, shape.value_head_dim);
        let columns = |d| DenseMatrix::capacity_bytes(shape.dtype, longest, d);
        let columns = 2 * columns(d) + columns(dv);
        let values = longest * (d + dv) + 2 * BLOCK_ROWS * longest.next_multiple_of(16);
        let words = RowOperand::capacity_bytes(shape.dtype, BLOCK_ROWS, longest);
        threads * (columns + words + values * size_of::<f32>())
    }

    /// A set of buffers per thread, and `part_len` values that the tasks share.
    pub(super) fn for_pool(
        &mut self,
        pool: &Pool,
        part_len: usize,
    ) -> (&mut [ThreadScratch], &mut [f32]) {
        let threads = pool.threads().max(self.threads.len());
        self.threads.resize_with(threads, ThreadScratch::default);
        self.prefix_parts.grow(part_len);
        (&mut self.threads, &mut self.prefix_parts[..part_len])
    }
}

/// Buffers of one thread; forward uses the first half.
#[derive(Default)]
pub(super) struct ThreadScratch {
    /// Keys or values behind a prefix.
    pub(super) joined: AlignedBuf<f32>,
    /// Keys as columns of `q k^T`.
    pub(super) key_columns: Columns,
    /// Values as columns of `p v` (forward) or of `dout v^T` (backward).
    pub(super) value_columns: Columns,
    /// Keys as columns of `ds k` (backward).
    pub(super) key_rows: Columns,
    pub(super) query_columns: Columns,
    pub(super) dout_columns: Columns,
    pub(super) row_words: AlignedBuf<u32>,
    pub(super) scores: AlignedBuf<f32>,
    pub(super) dscores: AlignedBuf<f32>,
    /// Slopes of capped scores, one row (backward).
    pub(super) slopes: AlignedBuf<f32>,
    pub(super) tile: AlignedBuf<f32>,
    pub(super) dkeys: AlignedBuf<f32>,
    pub(super) dvalues: AlignedBuf<f32>,
}
