//! Attention over packed sequences without a cache, forward and backward.
//!
//! The flash scheme: query rows go in blocks, the scores of one block against all visible keys live
//! in a strip of thread-local memory, and the backward pass recomputes them from the saved
//! log-sum-exp. Nothing of size `t x t` exists. Keys and values of a head are packed once per
//! sequence into panels, and all products run on the dense micro-kernel. Work is dealt by
//! (sequence, head), and no task depends on another, so results do not depend on the number of
//! threads.

mod backward;
mod forward;
mod rows;

use std::ops::Range;

pub use backward::attention_backward;
pub use forward::attention_forward;

use crate::dense::{ColView, DenseType, Product, RowView, Source};
use crate::dense::{pack_columns, pack_rows, pair_rows, product, words_of_rows};
use crate::{AlignedBuf, Level, Pool};

/// Query rows per block: a multiple of every kernel's tile height.
const BLOCK_ROWS: usize = 48;

/// Which keys a query sees within its own sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionMask {
    /// Its own position and all before.
    Causal,
    /// All positions.
    Bidirectional,
}

/// Shape and arithmetic of attention.
#[derive(Clone, Copy, Debug)]
pub struct AttentionShape {
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key/value heads; divides the number of query heads, which share them in groups.
    pub num_key_value_heads: usize,
    /// Elements per head.
    pub head_dim: usize,
    /// Factor of the scores, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Which keys a query sees.
    pub mask: AttentionMask,
    /// Element type of the products; sums and softmax are f32.
    pub dtype: DenseType,
}

impl AttentionShape {
    fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    fn key_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    fn group(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Keys that query row `row` of a sequence of `len` sees.
    fn visible(&self, row: usize, len: usize) -> usize {
        match self.mask {
            AttentionMask::Causal => row + 1,
            AttentionMask::Bidirectional => len,
        }
    }

    /// Checks the head counts and lengths, and returns the number of tokens.
    fn check(&self, seq_bounds: &[usize], q: &[f32], k: &[f32], v: &[f32]) -> usize {
        let (heads, kv_heads) = (self.num_attention_heads, self.num_key_value_heads);
        assert!(kv_heads > 0 && heads.is_multiple_of(kv_heads), "{heads} heads, {kv_heads} shared");
        assert!(seq_bounds.is_sorted(), "sequence bounds ascend");
        let tokens = seq_bounds.last().copied().unwrap_or(0);
        assert_eq!(q.len(), tokens * self.query_width(), "queries of {tokens} tokens");
        assert_eq!(k.len(), tokens * self.key_width(), "keys of {tokens} tokens");
        assert_eq!(v.len(), tokens * self.key_width(), "values of {tokens} tokens");
        tokens
    }
}

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

    fn for_pool(&mut self, pool: &Pool) -> &mut [ThreadScratch] {
        let threads = pool.threads().max(self.threads.len());
        self.threads.resize_with(threads, ThreadScratch::default);
        &mut self.threads
    }
}

/// Buffers of one thread; forward uses the first half.
#[derive(Default)]
struct ThreadScratch {
    /// Keys as columns of `q k^T`.
    key_columns: Columns,
    /// Values as columns of `p v` (forward) or of `dout v^T` (backward).
    value_columns: Columns,
    /// Keys as columns of `ds k` (backward).
    key_rows: Columns,
    query_columns: Columns,
    dout_columns: Columns,
    row_words: AlignedBuf<u32>,
    scores: AlignedBuf<f32>,
    dscores: AlignedBuf<f32>,
    tile: AlignedBuf<f32>,
    dkeys: AlignedBuf<f32>,
    dvalues: AlignedBuf<f32>,
}

/// Sequences of at least one token, longest first, so that the last task dealt is a short one.
fn longest_first(seq_bounds: &[usize]) -> Vec<Range<usize>> {
    let mut sequences: Vec<_> =
        seq_bounds.windows(2).map(|pair| pair[0]..pair[1]).filter(|seq| !seq.is_empty()).collect();
    sequences.sort_by_key(|seq| std::cmp::Reverse(seq.len()));
    sequences
}

/// One head of one sequence inside a `[t, width]` array.
fn head_rows(
    data: &[f32],
    width: usize,
    first_row: usize,
    rows: usize,
    offset: usize,
    d: usize,
) -> Source<'_> {
    Source { data: &data[first_row * width + offset..], stride: width, rows, len: d }
}

/// A column operand in thread-local memory.
#[derive(Default)]
struct Columns {
    words: AlignedBuf<u32>,
    cols: usize,
    panel_stride: usize,
}

impl Columns {
    /// Takes the source's rows as columns (reduction along them).
    fn set_columns(&mut self, level: Level, dtype: DenseType, src: Source<'_>) {
        self.shape(src.rows, dtype.steps(src.len));
        for (panel, words) in self.panels().enumerate() {
            pack_columns(level, dtype, src, panel * 16, words);
        }
    }

    /// Takes the source's columns as columns (reduction over its rows).
    fn set_rows(&mut self, level: Level, dtype: DenseType, src: Source<'_>) {
        self.shape(src.len, dtype.steps(src.rows));
        for (panel, words) in self.panels().enumerate() {
            pack_rows(level, dtype, src, panel * 16, 0, words);
        }
    }

    fn shape(&mut self, cols: usize, steps: usize) {
        (self.cols, self.panel_stride) = (cols, steps * 16);
        self.words.grow(cols.div_ceil(16) * self.panel_stride);
    }

    fn panels(&mut self) -> impl Iterator<Item = &mut [u32]> {
        let used = self.cols.div_ceil(16) * self.panel_stride;
        self.words[..used].chunks_exact_mut(self.panel_stride)
    }

    /// The first `cols` columns; up to a whole last panel, whose padding is zero.
    fn view(&self, cols: usize) -> ColView<'_> {
        ColView { words: &self.words, cols, panel_stride: self.panel_stride }
    }
}

/// The arithmetic shared by the products of one task.
#[derive(Clone, Copy)]
struct Arithmetic {
    level: Level,
    dtype: DenseType,
}

impl Arithmetic {
    /// `out = scale * src B` over the source's row length, for the first `cols` columns of `B`.
    fn rows_times(
        self,
        src: Source<'_>,
        scale: f32,
        words: &mut AlignedBuf<u32>,
        (columns, cols): (&Columns, usize),
        (out, ldo): (&mut [f32], usize),
    ) {
        let steps = self.dtype.steps(src.len);
        words.grow(src.rows * steps);
        words_of_rows(self.level, self.dtype, src, scale, words);
        let rows = RowView { words, rows: src.rows, row_stride: steps, step_stride: 1 };
        self.product(rows, columns.view(cols), steps, false, out, ldo);
    }

    /// `out += src^T B`, reduction over the source's rows.
    fn add_transposed_times(
        self,
        src: Source<'_>,
        words: &mut AlignedBuf<u32>,
        columns: &Columns,
        (out, ldo): (&mut [f32], usize),
    ) {
        let steps = self.dtype.steps(src.rows);
        words.grow(src.len * steps);
        pair_rows(self.level, self.dtype, src, words);
        let rows = RowView { words, rows: src.len, row_stride: 1, step_stride: src.len };
        self.product(rows, columns.view(columns.cols), steps, true, out, ldo);
    }

    fn product(
        self,
        rows: RowView<'_>,
        cols: ColView<'_>,
        steps: usize,
        accumulate: bool,
        out: &mut [f32],
        ldo: usize,
    ) {
        let (level, dtype) = (self.level, self.dtype);
        product(&Product { level, dtype, rows, cols, steps, accumulate }, out, ldo);
    }
}
