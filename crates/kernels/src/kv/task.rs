//! What attention is cut into, and the working memory of one thread.

use std::ops::Range;

use super::cache::{BLOCK_TOKENS, SeqSpan};
use super::planes::Element;
use crate::Level;
use crate::leveled::leveled;
use crate::math::exp2;

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
    pub(super) max_r: &'a mut [f32; MAX_ROWS],
    pub(super) sum_r: &'a mut [f32; MAX_ROWS],
}

impl<'a> State<'a> {
    /// Floats that a state of `MAX_ROWS` rows needs.
    pub(super) fn len(head_dim: usize) -> usize {
        MAX_ROWS * (head_dim + 2)
    }

    pub(super) fn of(memory: &'a mut [f32], head_dim: usize) -> Self {
        let (out_rd, rest) = memory.split_at_mut(MAX_ROWS * head_dim);
        let (max_r, rest) = rest.split_first_chunk_mut().expect("a state has its maxima");
        let sum_r = rest.first_chunk_mut().expect("a state has its sums");
        Self { out_rd, max_r, sum_r }
    }

    /// Nothing was seen by the first `rows` rows.
    pub(super) fn clear(&mut self, rows: usize, head_dim: usize) {
        self.out_rd[..rows * head_dim].fill(0.0);
        // All rows there may be: steps and merges take these whole.
        self.max_r.fill(MASKED);
        self.sum_r.fill(0.0);
    }

    /// Takes the keys of `other` into account, as if they followed.
    pub(super) fn merge(&mut self, level: Level, other: &State<'_>, rows: usize, head_dim: usize) {
        let [out, others] = [self.out_rd.len(), other.out_rd.len()];
        assert!(
            rows <= MAX_ROWS && rows * head_dim <= out.min(others),
            "{rows} of {out}, {others}"
        );
        merge(level, self, other, rows, head_dim);
    }

    /// Divides the weighted values by the sums of their weights.
    pub(super) fn normalize(&mut self, level: Level, rows: usize, head_dim: usize) {
        normalize(level, &mut self.out_rd[..rows * head_dim], self.sum_r, head_dim);
    }
}

leveled! {
    fn merge(own: &mut State<'_>, other: &State<'_>, rows: usize, head_dim: usize) {
        // All rows there may be: how many there are changes nothing for one.
        let (mut kept, mut taken) = ([0.0f32; MAX_ROWS], [0.0f32; MAX_ROWS]);
        for r in 0..MAX_ROWS {
            let (max, other_max) = (own.max_r[r], other.max_r[r]);
            let largest = if other_max > max { other_max } else { max };
            (kept[r], taken[r]) = (exp2(max - largest), exp2(other_max - largest));
            own.max_r[r] = largest;
            own.sum_r[r] = own.sum_r[r] * kept[r] + other.sum_r[r] * taken[r];
        }
        let values = own.out_rd.chunks_exact_mut(head_dim).zip(other.out_rd.chunks_exact(head_dim));
        for ((out, other), (kept, taken)) in values.take(rows).zip(kept.iter().zip(&taken)) {
            for (o, t) in out.iter_mut().zip(other) {
                *o = *o * kept + t * taken;
            }
        }
    }
}

leveled! {
    fn normalize(out_rd: &mut [f32], sum_r: &[f32], head_dim: usize) {
        for (out, sum) in out_rd.chunks_exact_mut(head_dim).zip(sum_r) {
            let inverse = 1.0 / sum;
            for o in out {
                *o *= inverse;
            }
        }
    }
}

/// What the steps of a segment read and hand on to each other.
pub(super) struct Operands<'a> {
    /// Queries in units in which scores are powers of two.
    pub(super) q_rd: &'a mut [f32],
    /// The same as pairs of bf16, for levels that multiply those.
    pub(super) q_words: &'a mut [u32],
    /// `[row, KEYS]`; weights after the softmax, unless that leaves them as words.
    pub(super) scores: &'a mut [f32],
    /// `[row, KEYS / 2]`: weights as pairs of bf16, for levels that multiply those.
    pub(super) weight_words: &'a mut [u32],
    /// Scales of the values of `KEYS` tokens, for types that have them.
    pub(super) value_scales: &'a mut [f32; KEYS],
    /// Keys or values of `KEYS` tokens as bf16, for pages that are not multiplied as they stand.
    pub(super) pages: &'a mut [u16],
}

impl<'a> Operands<'a> {
    /// Floats that they take.
    fn len(head_dim: usize, scaled: bool) -> usize {
        let rows = MAX_ROWS * (head_dim + head_dim / 2 + KEYS + KEYS / 2);
        rows + KEYS + Self::page_floats(head_dim, scaled)
    }

    fn page_floats(head_dim: usize, scaled: bool) -> usize {
        if scaled { KEYS * head_dim / 2 } else { 0 }
    }

    fn of(memory: &'a mut [f32], head_dim: usize, scaled: bool) -> Self {
        let (q_rd, rest) = memory.split_at_mut(MAX_ROWS * head_dim);
        let (q_words, rest) = rest.split_at_mut(MAX_ROWS * (head_dim / 2));
        let (scores, rest) = rest.split_at_mut(MAX_ROWS * KEYS);
        let (weight_words, rest) = rest.split_at_mut(MAX_ROWS * KEYS / 2);
        let (value_scales, pages) = rest.split_first_chunk_mut().expect("the scales have memory");
        let pages = &mut pages[..Self::page_floats(head_dim, scaled)];
        let (q_words, weight_words) =
            (bytemuck::cast_slice_mut(q_words), bytemuck::cast_slice_mut(weight_words));
        let pages = bytemuck::cast_slice_mut(pages);
        Self { q_rd, q_words, scores, weight_words, value_scales, pages }
    }
}

/// What one thread works in.
pub(super) struct Workspace<'a> {
    pub(super) operands: Operands<'a>,
    pub(super) total: State<'a>,
    pub(super) part: State<'a>,
}

impl<'a> Workspace<'a> {
    /// Floats that a thread needs; `scaled`: for a type of pages with scales.
    pub(super) fn len(head_dim: usize, scaled: bool) -> usize {
        let len = Operands::len(head_dim, scaled) + 2 * State::len(head_dim);
        // Whole cache lines, so that threads do not share one.
        len.next_multiple_of(32)
    }

    pub(super) fn of(memory: &'a mut [f32], head_dim: usize, scaled: bool) -> Self {
        let (operands, rest) = memory.split_at_mut(Operands::len(head_dim, scaled));
        let (total, rest) = rest.split_at_mut(State::len(head_dim));
        let part = &mut rest[..State::len(head_dim)];
        let operands = Operands::of(operands, head_dim, scaled);
        let (total, part) = (State::of(total, head_dim), State::of(part, head_dim));
        Self { operands, total, part }
    }
}
