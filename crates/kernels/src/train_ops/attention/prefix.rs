//! Learned keys and values before each sequence's own.

use super::products::Arithmetic;
use super::rows::add_values;
use super::shape::AttentionShape;
use crate::dense::Source;
use crate::share::SharedMut;
use crate::{AlignedBuf, Pool};

/// Keys and values that stand before those of every sequence, as those of earlier tokens would: the
/// query of row `i` is at position `tokens + i`, and what it sees follows from the mask.
#[derive(Clone, Copy, Default)]
pub struct AttentionPrefix<'a> {
    /// A row per token: the keys `[g, d]`, then the values `[g, dv]`. Rows are `stride` apart, the
    /// last may be shorter.
    pub rows: &'a [f32],
    /// Distance of two rows.
    pub stride: usize,
    /// Number of rows.
    pub tokens: usize,
}

impl AttentionPrefix<'_> {
    pub(super) fn check(&self, shape: &AttentionShape) {
        let width = shape.key_width() + shape.value_width();
        let needed = if self.tokens == 0 { 0 } else { (self.tokens - 1) * self.stride + width };
        assert!(self.rows.len() >= needed, "{} values of a prefix of {needed}", self.rows.len());
        assert!(self.tokens == 0 || self.stride >= width, "rows of {width}, {} apart", self.stride);
    }

    /// Keys or values of one head: those of the prefix, then the sequence's own. Without a prefix
    /// they are where they were.
    pub(super) fn before<'s>(
        &'s self,
        own: Source<'s>,
        first: usize,
        joined: &'s mut AlignedBuf<f32>,
    ) -> Source<'s> {
        if self.tokens == 0 {
            return own;
        }
        let (d, rows) = (own.len, self.tokens + own.rows);
        joined.grow(rows * d);
        let (prefix, rest) = joined[..rows * d].split_at_mut(self.tokens * d);
        for (out, row) in prefix.chunks_exact_mut(d).zip(self.rows.chunks(self.stride)) {
            out.copy_from_slice(&row[first..first + d]);
        }
        for (out, row) in rest.chunks_exact_mut(d).zip(own.data.chunks(own.stride)) {
            out.copy_from_slice(&row[..d]);
        }
        Source { data: &joined[..rows * d], stride: d, rows, len: d }
    }

    /// Adds the gradients that the sequences have for the prefix, in the order of `parts`, to
    /// `drows`, which is laid out as the rows.
    ///
    /// `parts` `[sequences, tokens, width]`.
    pub(super) fn add_gradients(
        &self,
        pool: &Pool,
        arithmetic: Arithmetic,
        width: usize,
        parts: &[f32],
        drows: &mut [f32],
    ) {
        if self.tokens == 0 {
            return;
        }
        assert_eq!(drows.len(), self.rows.len(), "a prefix and its gradient");
        let (tokens, stride) = (self.tokens, self.stride);
        let drows = SharedMut::new(drows);
        pool.for_each(tokens, &|_, token| {
            // SAFETY: each task has its own row.
            let out = unsafe { drows.range(token * stride..token * stride + width) };
            for part in parts.chunks_exact(tokens * width) {
                add_values(arithmetic.level, &part[token * width..][..width], out);
            }
        });
    }
}
