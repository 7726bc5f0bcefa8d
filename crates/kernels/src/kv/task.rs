//! What attention is cut into, and the working memory of one thread.

use std::ops::Range;

use super::cache::{BLOCK_TOKENS, SeqSpan};
use super::planes::Element;

/// Folded query rows per task.
pub(super) const MAX_ROWS: usize = 24;
/// Keys whose scores stand side by side.
pub(super) const KEYS: usize = 256;
/// Their pages.
pub(super) const KEY_PAGES: usize = KEYS / BLOCK_TOKENS;
/// Pages of a segment: 512 keys, a fixed cut of the key range.
const SEGMENT_PAGES: usize = 2 * KEY_PAGES;
/// Score of a key that a row does not see.
pub(super) const MASKED: f32 = -1e30;

/// A block of folded rows of one sequence and key/value head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) seq: usize,
    pub(super) g: usize,
    /// First folded row, `token * group + head`, and how many.
    pub(super) first: usize,
    pub(super) count: usize,
}

/// A task with everything it reads.
pub(super) struct View<'a, E: Element> {
    /// All pages of this layer and head.
    pub(super) keys: &'a [E],
    pub(super) values: &'a [E],
    /// Scales of their tokens, for types that have them.
    pub(super) key_scales: &'a [f32],
    pub(super) value_scales: &'a [f32],
    pub(super) block_table: &'a [u32],
    pub(super) head_dim: usize,
    /// Query heads per key/value head.
    pub(super) group: usize,
    pub(super) start_pos: usize,
    pub(super) first: usize,
    pub(super) count: usize,
    /// Keys that a row sees at most.
    pub(super) window: usize,
    /// Scores become `cap tanh(score)`, in the units of the softmax, if there is a cap.
    pub(super) cap: Option<f32>,
}

impl<E: Element> View<'_, E> {
    /// The positions that a row of the task sees: its own and those before it in the window.
    pub(super) fn visible(&self, row: usize) -> Range<usize> {
        let end = self.start_pos + (self.first + row) / self.group + 1;
        end.saturating_sub(self.window)..end
    }

    /// The pages that any row of the task sees.
    pub(super) fn pages(&self) -> Range<usize> {
        let (first, last) = (self.visible(0), self.visible(self.count - 1));
        first.start / BLOCK_TOKENS..last.end.div_ceil(BLOCK_TOKENS)
    }

    /// The segments that these pages fall into.
    fn segments(&self) -> Range<usize> {
        let pages = self.pages();
        pages.start / SEGMENT_PAGES..pages.end.div_ceil(SEGMENT_PAGES)
    }

    pub(super) fn num_segments(&self) -> usize {
        self.segments().len()
    }

    /// Pages of one of the segments.
    pub(super) fn segment(&self, segment: usize) -> Range<usize> {
        let (pages, segment) = (self.pages(), self.segments().start + segment);
        let (start, end) = (segment * SEGMENT_PAGES, (segment + 1) * SEGMENT_PAGES);
        start.max(pages.start)..end.min(pages.end)
    }
}

/// Adds the tasks of a sequence to `tasks`, the most expensive ones first.
pub(super) fn push_tasks(
    tasks: &mut Vec<Task>,
    seq_idx: usize,
    seq: &SeqSpan<'_>,
    kv_heads: usize,
    group: usize,
) {
    let rows = seq.num_rows * group;
    for g in 0..kv_heads {
        for block in (0..rows.div_ceil(MAX_ROWS)).rev() {
            let first = block * MAX_ROWS;
            tasks.push(Task { seq: seq_idx, g, first, count: MAX_ROWS.min(rows - first) });
        }
    }
}

/// The running softmax of some rows: weighted values, largest score, sum of weights.
pub(super) struct State<'a> {
    pub(super) out_rd: &'a mut [f32],
    pub(super) max_r: &'a mut [f32],
    pub(super) sum_r: &'a mut [f32],
}

impl<'a> State<'a> {
    /// Floats that a state of `MAX_ROWS` rows needs.
    pub(super) fn len(head_dim: usize) -> usize {
        MAX_ROWS * (head_dim + 2)
    }

    pub(super) fn of(memory: &'a mut [f32], head_dim: usize) -> Self {
        let (out_rd, rest) = memory.split_at_mut(MAX_ROWS * head_dim);
        let (max_r, sum_r) = rest.split_at_mut(MAX_ROWS);
        Self { out_rd, max_r, sum_r }
    }

    /// Nothing was seen by the first `rows` rows.
    pub(super) fn clear(&mut self, rows: usize, head_dim: usize) {
        self.out_rd[..rows * head_dim].fill(0.0);
        self.max_r[..rows].fill(MASKED);
        self.sum_r[..rows].fill(0.0);
    }

    /// Takes the keys of `other` into account, as if they followed.
    pub(super) fn merge(&mut self, other: &State<'_>, rows: usize, head_dim: usize) {
        for r in 0..rows {
            let max = self.max_r[r].max(other.max_r[r]);
            let (own, theirs) = ((self.max_r[r] - max).exp2(), (other.max_r[r] - max).exp2());
            self.max_r[r] = max;
            self.sum_r[r] = self.sum_r[r] * own + other.sum_r[r] * theirs;
            let values = r * head_dim..(r + 1) * head_dim;
            for (o, t) in self.out_rd[values.clone()].iter_mut().zip(&other.out_rd[values]) {
                *o = *o * own + *t * theirs;
            }
        }
    }
}

/// What one thread works in.
pub(super) struct Workspace<'a> {
    /// Queries in units in which scores are powers of two.
    pub(super) q_rd: &'a mut [f32],
    /// Rows of queries or of weights as pairs of bf16, for levels that multiply those.
    pub(super) words: &'a mut [u32],
    /// `[row, KEYS]`.
    pub(super) scores: &'a mut [f32],
    pub(super) total: State<'a>,
    pub(super) part: State<'a>,
}

impl<'a> Workspace<'a> {
    pub(super) fn len(head_dim: usize) -> usize {
        let len = MAX_ROWS * (head_dim + KEYS) + Self::words_len(head_dim);
        let len = len + 2 * State::len(head_dim);
        // Whole cache lines, so that threads do not share one.
        len.next_multiple_of(32)
    }

    fn words_len(head_dim: usize) -> usize {
        MAX_ROWS * head_dim.max(KEYS) / 2
    }

    pub(super) fn of(memory: &'a mut [f32], head_dim: usize) -> Self {
        let (q_rd, rest) = memory.split_at_mut(MAX_ROWS * head_dim);
        let (words, rest) = rest.split_at_mut(Self::words_len(head_dim));
        let words = bytemuck::cast_slice_mut(words);
        let (scores, rest) = rest.split_at_mut(MAX_ROWS * KEYS);
        let (total, rest) = rest.split_at_mut(State::len(head_dim));
        let part = &mut rest[..State::len(head_dim)];
        let (total, part) = (State::of(total, head_dim), State::of(part, head_dim));
        Self { q_rd, words, scores, total, part }
    }
}
