//! Attention forward.

use std::ops::Range;

use super::prefix::AttentionPrefix;
use super::products::Arithmetic;
use super::rows::{capped, scaled, softmax_numerators};
use super::scratch::{AttentionScratch, ThreadScratch};
use super::shape::{AttentionShape, BLOCK_ROWS, head_rows, longest_first};
use crate::share::SharedMut;
use crate::{Pool, level};

/// `out = softmax(cap(scale * q k^T)) v` per head and sequence, and the log-sum-exp of each row of
/// scores if asked.
///
/// Sequence `i` is the tokens `seq_bounds[i]..seq_bounds[i + 1]`; the last bound is the number of
/// tokens.
///
/// # Shapes
/// `q_thd` `[t, h, d]`, `k_tgd` `[t, g, d]`; `v_tgd` `[t, g, dv]`, `out_thd` `[t, h, dv]` with the
/// values' own head width; `lse_th` `[t, h]`, kept for [`super::attention_backward`].
///
/// # Panics
/// If lengths, bounds and head counts disagree: a caller's bug.
///
/// # Source
/// Dao et al. 2022, arXiv:2205.14135; one strip of all visible keys instead of key blocks.
pub fn attention_forward(
    pool: &Pool,
    shape: &AttentionShape,
    seq_bounds: &[usize],
    q_thd: &[f32],
    k_tgd: &[f32],
    v_tgd: &[f32],
    out_thd: &mut [f32],
    lse_th: Option<&mut [f32]>,
    scratch: &mut AttentionScratch,
) {
    let (kv, prefix) = ((k_tgd, v_tgd), AttentionPrefix::default());
    prefixed_attention_forward(
        pool, shape, seq_bounds, prefix, q_thd, kv, out_thd, lse_th, scratch,
    );
}

/// As [`attention_forward`], with keys and values that stand before those of every sequence.
///
/// # Panics
/// As there, or if the prefix is too short.
pub fn prefixed_attention_forward(
    pool: &Pool,
    shape: &AttentionShape,
    seq_bounds: &[usize],
    prefix: AttentionPrefix<'_>,
    q_thd: &[f32],
    (k_tgd, v_tgd): (&[f32], &[f32]),
    out_thd: &mut [f32],
    lse_th: Option<&mut [f32]>,
    scratch: &mut AttentionScratch,
) {
    prefix.check(shape);
    let tokens = shape.check(seq_bounds, q_thd, k_tgd, v_tgd);
    assert_eq!(out_thd.len(), tokens * shape.out_width(), "output of {tokens} tokens");
    if let Some(lse) = &lse_th {
        assert_eq!(lse.len(), tokens * shape.num_attention_heads, "log-sum-exps");
    }
    let sequences = longest_first(seq_bounds);
    let task = Task {
        shape,
        arithmetic: Arithmetic { level: level(), dtype: shape.dtype },
        prefix,
        q: q_thd,
        k: k_tgd,
        v: v_tgd,
        out: SharedMut::new(out_thd),
        lse: lse_th.map(SharedMut::new),
    };
    let heads = shape.num_attention_heads;
    let scratch = SharedMut::new(scratch.for_pool(pool, 0).0);
    pool.for_each(sequences.len() * heads, &|thread_idx, i| {
        // SAFETY: each thread has its own index, and runs one task at a time.
        let scratch = unsafe { &mut scratch.range(thread_idx..thread_idx + 1)[0] };
        task.run(&sequences[i / heads], i % heads, scratch);
    });
}

struct Task<'a> {
    shape: &'a AttentionShape,
    arithmetic: Arithmetic,
    prefix: AttentionPrefix<'a>,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    out: SharedMut<'a, f32>,
    lse: Option<SharedMut<'a, f32>>,
}

impl Task<'_> {
    /// One query head of one sequence.
    fn run(&self, seq: &Range<usize>, head: usize, s: &mut ThreadScratch) {
        let (shape, Arithmetic { level, dtype }) = (self.shape, self.arithmetic);
        let (d, dv, len) = (shape.head_dim, shape.value_head_dim, seq.len());
        let kv_head = head / shape.group();
        let keys = head_rows(self.k, shape.key_width(), seq.start, len, kv_head * d, d);
        let values = head_rows(self.v, shape.value_width(), seq.start, len, kv_head * dv, dv);
        let keys = self.prefix.before(keys, kv_head * d, &mut s.joined);
        s.key_columns.set_columns(level, dtype, keys);
        let first = shape.key_width() + kv_head * dv;
        let values = self.prefix.before(values, first, &mut s.joined);
        s.value_columns.set_rows(level, dtype, values);
        for first in (0..len).step_by(BLOCK_ROWS) {
            self.block(seq, head, first..len.min(first + BLOCK_ROWS), s);
        }
    }

    fn block(&self, seq: &Range<usize>, head: usize, rows: Range<usize>, s: &mut ThreadScratch) {
        let (shape, arithmetic) = (self.shape, self.arithmetic);
        let (d, dv) = (shape.head_dim, shape.value_head_dim);
        let (before, all) = (self.prefix.tokens, self.prefix.tokens + seq.len());
        let keys = shape.visible_of_block(&(before + rows.start..before + rows.end), all);
        let strip = keys.len().next_multiple_of(16);
        s.scores.grow(rows.len() * strip);
        s.tile.grow(BLOCK_ROWS * dv);
        let (width, first_row) = (shape.query_width(), seq.start + rows.start);
        let q = head_rows(self.q, width, first_row, rows.len(), head * d, d);
        let columns = s.key_columns.view(keys.start, strip);
        arithmetic.rows_times(q, shape.scale, &mut s.row_words, columns, (&mut s.scores, strip));

        let mut inverse_sums = [0.0f32; BLOCK_ROWS];
        for (i, row) in rows.clone().enumerate() {
            let scores = &mut s.scores[i * strip..][..keys.len()];
            let seen = shape.seen(before + row, all, &keys);
            if let Some(cap) = shape.logit_softcap {
                capped(arithmetic.level, &mut scores[seen.clone()], cap);
            }
            let (max, sum) = softmax_numerators(arithmetic.level, scores, seen);
            inverse_sums[i] = 1.0 / sum;
            if let Some(lse) = &self.lse {
                let at = (seq.start + row) * shape.num_attention_heads + head;
                // SAFETY: this task alone writes this head of this sequence.
                unsafe { lse.range(at..at + 1)[0] = max + sum.ln() };
            }
        }
        let p = head_rows(&s.scores, strip, 0, rows.len(), 0, keys.len());
        let columns = s.value_columns.view_from(arithmetic.dtype, keys.start);
        arithmetic.rows_times(p, 1.0, &mut s.row_words, columns, (&mut s.tile, dv));
        for i in 0..rows.len() {
            let at = (first_row + i) * shape.out_width() + head * dv;
            // SAFETY: this task alone writes this head of this sequence.
            let out = unsafe { self.out.range(at..at + dv) };
            scaled(arithmetic.level, &s.tile[i * dv..][..dv], inverse_sums[i], out);
        }
    }
}
