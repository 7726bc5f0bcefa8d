//! Shape and arithmetic of attention over packed sequences.

use crate::dense::{DenseType, Source};
use std::ops::Range;

/// Query rows per block: a multiple of every kernel's tile height.
pub(super) const BLOCK_ROWS: usize = 48;

/// Which keys a query sees within its own sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionMask {
    /// Its own position and all before.
    Causal,
    /// Its own position and those before, `window` in all.
    SlidingWindow {
        /// Keys that a query sees at most.
        window: usize,
    },
    /// All positions.
    Bidirectional,
    /// Positions at a distance of at most `radius`, before and behind.
    Window {
        /// The largest distance.
        radius: usize,
    },
}

/// Shape and arithmetic of attention.
#[derive(Clone, Copy, Debug)]
pub struct AttentionShape {
    /// Query heads.
    pub num_attention_heads: usize,
    /// Key/value heads; divides the number of query heads, which share them in groups.
    pub num_key_value_heads: usize,
    /// Elements of a query or key head.
    pub head_dim: usize,
    /// Elements of a value head, and of what a query head gives; those of the keys but in latent
    /// attention.
    pub value_head_dim: usize,
    /// Factor of the scores, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Which keys a query sees.
    pub mask: AttentionMask,
    /// Scores are bounded as `cap * tanh(score / cap)`.
    pub logit_softcap: Option<f32>,
    /// Element type of the products; sums and softmax are f32.
    pub dtype: DenseType,
}

impl AttentionShape {
    pub(in crate::train_ops) fn query_width(&self) -> usize {
        self.num_attention_heads * self.head_dim
    }

    pub(in crate::train_ops) fn key_width(&self) -> usize {
        self.num_key_value_heads * self.head_dim
    }

    pub(in crate::train_ops) fn value_width(&self) -> usize {
        self.num_key_value_heads * self.value_head_dim
    }

    pub(in crate::train_ops) fn out_width(&self) -> usize {
        self.num_attention_heads * self.value_head_dim
    }

    pub(super) fn group(&self) -> usize {
        self.num_attention_heads / self.num_key_value_heads
    }

    /// Keys that query row `row` of a sequence of `len` sees; they move forward with the row.
    pub(super) fn visible(&self, row: usize, len: usize) -> Range<usize> {
        match self.mask {
            AttentionMask::Causal => 0..row + 1,
            AttentionMask::SlidingWindow { window } => (row + 1).saturating_sub(window)..row + 1,
            AttentionMask::Bidirectional => 0..len,
            AttentionMask::Window { radius } => {
                row.saturating_sub(radius)..row.saturating_add(radius).saturating_add(1).min(len)
            }
        }
    }

    /// Keys that a block of rows needs, from a whole panel on.
    pub(super) fn visible_of_block(&self, rows: &Range<usize>, len: usize) -> Range<usize> {
        let first = self.visible(rows.start, len).start;
        first / 16 * 16..self.visible(rows.end - 1, len).end
    }

    /// Keys that query row `row` sees, counted from the first key of its block.
    pub(super) fn seen(&self, row: usize, len: usize, keys: &Range<usize>) -> Range<usize> {
        let visible = self.visible(row, len);
        visible.start - keys.start..visible.end - keys.start
    }

    /// Checks the head counts and lengths, and returns the number of tokens.
    pub(super) fn check(&self, seq_bounds: &[usize], q: &[f32], k: &[f32], v: &[f32]) -> usize {
        let (heads, kv_heads) = (self.num_attention_heads, self.num_key_value_heads);
        assert!(kv_heads > 0 && heads.is_multiple_of(kv_heads), "{heads} heads, {kv_heads} shared");
        assert!(seq_bounds.is_sorted(), "sequence bounds ascend");
        let tokens = seq_bounds.last().copied().unwrap_or(0);
        assert_eq!(q.len(), tokens * self.query_width(), "queries of {tokens} tokens");
        assert_eq!(k.len(), tokens * self.key_width(), "keys of {tokens} tokens");
        assert_eq!(v.len(), tokens * self.value_width(), "values of {tokens} tokens");
        tokens
    }
}

/// Sequences of at least one token, longest first, so that the last task dealt is a short one.
pub(super) fn longest_first(seq_bounds: &[usize]) -> Vec<Range<usize>> {
    let mut sequences: Vec<_> =
        seq_bounds.windows(2).map(|pair| pair[0]..pair[1]).filter(|seq| !seq.is_empty()).collect();
    sequences.sort_by_key(|seq| std::cmp::Reverse(seq.len()));
    sequences
}

/// One head of one sequence inside a `[t, width]` array.
pub(super) fn head_rows(
    data: &[f32],
    width: usize,
    first_row: usize,
    rows: usize,
    offset: usize,
    d: usize,
) -> Source<'_> {
    Source { data: &data[first_row * width + offset..], stride: width, rows, len: d }
}
