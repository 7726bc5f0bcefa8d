//! Working memory of attention.

use super::products::Columns;
use crate::{AlignedBuf, Pool};

/// Working memory of attention: one set of buffers per thread, grown to the longest sequence seen.
#[derive(Default)]
pub struct AttentionScratch {
    threads: Vec<ThreadScratch>,
}

impl AttentionScratch {
    /// Empty; sized at first use.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn for_pool(&mut self, pool: &Pool) -> &mut [ThreadScratch] {
        let threads = pool.threads().max(self.threads.len());
        self.threads.resize_with(threads, ThreadScratch::default);
        &mut self.threads
    }
}

/// Buffers of one thread; forward uses the first half.
#[derive(Default)]
pub(super) struct ThreadScratch {
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
