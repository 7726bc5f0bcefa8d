//! Attention backward.

use std::ops::Range;

use super::prefix::AttentionPrefix;
use super::products::Arithmetic;
use super::rows::{cap_slopes, dsoftmax, multiply, scaled};
use super::scratch::{AttentionScratch, ThreadScratch};
use super::shape::{AttentionShape, BLOCK_ROWS, head_rows, longest_first};
use crate::share::SharedMut;
use crate::{Pool, level};

/// Gradients of [`super::attention_forward`] with respect to queries, keys and values (written, not
/// added).
///
/// With `p = exp(scale q k^T - lse)`: `dv = p^T dout; dp = dout v^T; ds = p (dp - rowsum(p dp));`,
/// times the slope of the cap if there is one,
/// `dq = scale ds k; dk = scale ds^T q`, summed over the query heads that share a key head.
///
/// # Shapes
/// `q_thd`, `dq_thd` `[t, h, d]`; `k_tgd`, `dk_tgd` `[t, g, d]`; `v_tgd`, `dv_tgd` `[t, g, dv]`,
/// `dout_thd` `[t, h, dv]` with the values' own head width; `lse_th` `[t, h]`.
///
/// # Panics
/// If lengths, bounds and head counts disagree: a caller's bug.
///
/// # Source
/// Dao et al. 2022, arXiv:2205.14135, algorithm 4; the row sum is taken over `p dp` and not `out
/// dout`, so that the rounding of bf16 operands cancels and each row of `ds` sums to zero.
pub fn attention_backward(
    pool: &Pool,
    shape: &AttentionShape,
    seq_bounds: &[usize],
    (q_thd, k_tgd, v_tgd): (&[f32], &[f32], &[f32]),
    lse_th: &[f32],
    dout_thd: &[f32],
    (dq_thd, dk_tgd, dv_tgd): (&mut [f32], &mut [f32], &mut [f32]),
    scratch: &mut AttentionScratch,
) {
    prefixed_attention_backward(
        pool,
        shape,
        seq_bounds,
        (AttentionPrefix::default(), &mut []),
        (q_thd, k_tgd, v_tgd),
        lse_th,
        dout_thd,
        (dq_thd, dk_tgd, dv_tgd),
        scratch,
    );
}

/// Gradients of [`super::prefixed_attention_forward`]: as [`attention_backward`], and that of the
/// prefix is added to `drows`, which is laid out as its rows.
///
/// # Panics
/// As there, or if prefix and gradient differ in length.
pub fn prefixed_attention_backward(
    pool: &Pool,
    shape: &AttentionShape,
    seq_bounds: &[usize],
    (prefix, drows): (AttentionPrefix<'_>, &mut [f32]),
    (q_thd, k_tgd, v_tgd): (&[f32], &[f32], &[f32]),
    lse_th: &[f32],
    dout_thd: &[f32],
    (dq_thd, dk_tgd, dv_tgd): (&mut [f32], &mut [f32], &mut [f32]),
    scratch: &mut AttentionScratch,
) {
    prefix.check(shape);
    let tokens = shape.check(seq_bounds, q_thd, k_tgd, v_tgd);
    assert_eq!(lse_th.len(), tokens * shape.num_attention_heads, "log-sum-exps");
    assert_eq!(dout_thd.len(), tokens * shape.out_width(), "output's gradient of {tokens} tokens");
    assert_eq!(dq_thd.len(), q_thd.len(), "queries and their gradient");
    assert_eq!(dk_tgd.len(), k_tgd.len(), "keys and their gradient");
    assert_eq!(dv_tgd.len(), v_tgd.len(), "values and their gradient");
    let sequences = longest_first(seq_bounds);
    let part_width = shape.key_width() + shape.value_width();
    let part_len = prefix.tokens * part_width;
    let (scratch, parts) = scratch.for_pool(pool, sequences.len() * part_len);
    let arithmetic = Arithmetic { level: level(), dtype: shape.dtype };
    let task = Task {
        shape,
        arithmetic,
        prefix,
        q: q_thd,
        k: k_tgd,
        v: v_tgd,
        lse: lse_th,
        dout: dout_thd,
        dq: SharedMut::new(dq_thd),
        dk: SharedMut::new(dk_tgd),
        dv: SharedMut::new(dv_tgd),
        parts: SharedMut::new(&mut *parts),
    };
    let heads = shape.num_key_value_heads;
    let scratch = SharedMut::new(scratch);
    pool.for_each(sequences.len() * heads, &|thread_idx, i| {
        // SAFETY: each thread has its own index, and runs one task at a time.
        let scratch = unsafe { &mut scratch.range(thread_idx..thread_idx + 1)[0] };
        task.run(i / heads * part_len, &sequences[i / heads], i % heads, scratch);
    });
    prefix.add_gradients(pool, arithmetic, part_width, parts, drows);
}

struct Task<'a> {
    shape: &'a AttentionShape,
    arithmetic: Arithmetic,
    prefix: AttentionPrefix<'a>,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    lse: &'a [f32],
    dout: &'a [f32],
    dq: SharedMut<'a, f32>,
    dk: SharedMut<'a, f32>,
    dv: SharedMut<'a, f32>,
    /// Each sequence's gradient of the prefix, keys then values, `[sequences, tokens, width]`.
    parts: SharedMut<'a, f32>,
}

impl Task<'_> {
    /// One key head of one sequence, with all query heads that share it. Its gradient of the prefix
    /// goes to the part that begins at `part`.
    fn run(&self, part: usize, seq: &Range<usize>, kv_head: usize, s: &mut ThreadScratch) {
        let (shape, Arithmetic { level, dtype }) = (self.shape, self.arithmetic);
        let (d, dv, len) = (shape.head_dim, shape.value_head_dim, seq.len());
        let (width, value_width) = (shape.key_width(), shape.value_width());
        let keys = head_rows(self.k, width, seq.start, len, kv_head * d, d);
        let values = head_rows(self.v, value_width, seq.start, len, kv_head * dv, dv);
        let before = self.prefix.tokens;
        let keys = self.prefix.before(keys, kv_head * d, &mut s.joined);
        s.key_columns.set_columns(level, dtype, keys);
        s.key_rows.set_rows(level, dtype, keys);
        let values = self.prefix.before(values, width + kv_head * dv, &mut s.joined);
        s.value_columns.set_columns(level, dtype, values);
        for (sums, width) in [(&mut s.dkeys, d), (&mut s.dvalues, dv)] {
            let all = (before + len) * width;
            sums.grow(all);
            sums[..all].fill(0.0);
        }
        for head in kv_head * shape.group()..(kv_head + 1) * shape.group() {
            for first in (0..len).step_by(BLOCK_ROWS) {
                self.block(seq, head, first..len.min(first + BLOCK_ROWS), s);
            }
        }
        for token in 0..before + len {
            // SAFETY: this task alone writes this key head of this sequence.
            let (dkey, dvalue) = unsafe {
                if let Some(row) = token.checked_sub(before) {
                    let row = seq.start + row;
                    let (k, v) = (row * width + kv_head * d, row * value_width + kv_head * dv);
                    (self.dk.range(k..k + d), self.dv.range(v..v + dv))
                } else {
                    let row = part + token * (width + value_width);
                    let (k, v) = (row + kv_head * d, row + width + kv_head * dv);
                    (self.parts.range(k..k + d), self.parts.range(v..v + dv))
                }
            };
            scaled(level, &s.dkeys[token * d..][..d], shape.scale, dkey);
            dvalue.copy_from_slice(&s.dvalues[token * dv..][..dv]);
        }
    }

    fn block(&self, seq: &Range<usize>, head: usize, rows: Range<usize>, s: &mut ThreadScratch) {
        let (shape, arithmetic) = (self.shape, self.arithmetic);
        let Arithmetic { level, dtype } = arithmetic;
        let (d, dv, width) = (shape.head_dim, shape.value_head_dim, shape.query_width());
        let (before, all) = (self.prefix.tokens, self.prefix.tokens + seq.len());
        let keys = shape.visible_of_block(&(before + rows.start..before + rows.end), all);
        let strip = keys.len().next_multiple_of(16);
        s.scores.grow(rows.len() * strip);
        s.dscores.grow(rows.len() * strip);
        s.tile.grow(BLOCK_ROWS * d);
        let first_row = seq.start + rows.start;
        let q = head_rows(self.q, width, first_row, rows.len(), head * d, d);
        let dout = head_rows(self.dout, shape.out_width(), first_row, rows.len(), head * dv, dv);
        let columns = s.key_columns.view(keys.start, strip);
        arithmetic.rows_times(q, shape.scale, &mut s.row_words, columns, (&mut s.scores, strip));
        let columns = s.value_columns.view(keys.start, strip);
        arithmetic.rows_times(dout, 1.0, &mut s.row_words, columns, (&mut s.dscores, strip));

        for (i, row) in rows.clone().enumerate() {
            let lse = self.lse[(seq.start + row) * shape.num_attention_heads + head];
            let scores = &mut s.scores[i * strip..][..keys.len()];
            let dscores = &mut s.dscores[i * strip..][..keys.len()];
            let seen = shape.seen(before + row, all, &keys);
            let Some(cap) = shape.logit_softcap else {
                dsoftmax(level, scores, dscores, seen, lse);
                continue;
            };
            s.slopes.grow(keys.len());
            let slopes = &mut s.slopes[..seen.len()];
            cap_slopes(level, &mut scores[seen.clone()], cap, slopes);
            dsoftmax(level, scores, dscores, seen.clone(), lse);
            multiply(level, &mut dscores[seen], slopes);
        }

        let p = head_rows(&s.scores, strip, 0, rows.len(), 0, keys.len());
        let ds = head_rows(&s.dscores, strip, 0, rows.len(), 0, keys.len());
        let columns = s.key_rows.view_from(dtype, keys.start);
        arithmetic.rows_times(ds, 1.0, &mut s.row_words, columns, (&mut s.tile, d));
        for i in 0..rows.len() {
            let at = (first_row + i) * width + head * d;
            // SAFETY: this task alone writes the query heads of its key head in this sequence.
            let dq = unsafe { self.dq.range(at..at + d) };
            scaled(level, &s.tile[i * d..][..d], shape.scale, dq);
        }
        s.dout_columns.set_rows(level, dtype, dout);
        s.query_columns.set_rows(level, dtype, q);
        let (dkeys, dvalues) = (&mut s.dkeys[keys.start * d..], &mut s.dvalues[keys.start * dv..]);
        arithmetic.add_transposed_times(p, &mut s.row_words, &s.dout_columns, (dvalues, dv));
        arithmetic.add_transposed_times(ds, &mut s.row_words, &s.query_columns, (dkeys, d));
    }
}
