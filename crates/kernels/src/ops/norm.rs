//! Root mean square norm.

use std::ops::Range;

use crate::leveled::leveled;
use crate::math::fold;
use crate::pool::PARALLEL_FROM;
use crate::share::SharedMut;
use crate::train_ops::layer_norm_row;
use crate::{Level, Pool, RowOperand, level, span};

/// Scales each row to unit root mean square, then by a learned gain.
///
/// `y = x / sqrt(mean(x^2) + eps) * gain`
///
/// # Shapes
/// `x_tc` and `out_tc` `[t, c]`; `gain_c` `[c]`. Sums are f32 in 16 lanes, folded pairwise.
///
/// # Panics
/// If `x_tc` is not whole rows of `gain_c.len()`, or `out_tc` differs in length.
///
/// # Source
/// Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4. We add `eps` inside the root, as the Llama
/// reference code does.
pub fn rms_norm(pool: &Pool, x_tc: &[f32], gain_c: &[f32], eps: f32, out_tc: &mut [f32]) {
    rms_norm_at(level(), pool, x_tc, gain_c, eps, out_tc);
}

pub(super) fn rms_norm_at(
    level: Level,
    pool: &Pool,
    x_tc: &[f32],
    gain_c: &[f32],
    eps: f32,
    out_tc: &mut [f32],
) {
    let c = gain_c.len();
    assert!(x_tc.len() == out_tc.len(), "{} inputs, {} outputs", x_tc.len(), out_tc.len());
    if x_tc.len() < PARALLEL_FROM {
        assert!(c > 0 && x_tc.len().is_multiple_of(c), "{} in rows of {c}", x_tc.len());
        return rows(level, x_tc, gain_c, eps, out_tc);
    }
    pool.split_rows(out_tc, c, &|range, out| {
        rows(level, &x_tc[range.start * c..range.end * c], gain_c, eps, out);
    });
}

/// [`rms_norm`] as the operand of the products that follow, row by row.
///
/// # Panics
/// If `x_tc` is not whole rows of `gain_c.len()`.
pub fn rms_norm_operand(
    pool: &Pool,
    x_tc: &[f32],
    gain_c: &[f32],
    eps: f32,
    operand: &mut RowOperand,
) {
    let (level, c) = (level(), gain_c.len());
    assert!(c > 0 && x_tc.len().is_multiple_of(c), "{} in rows of {c}", x_tc.len());
    operand.set_made(pool, (x_tc.len() / c, c), &|row, out| {
        rows(level, &x_tc[row * c..][..c], gain_c, eps, out);
    });
}

/// A norm of whole rows, with what it learned.
#[derive(Debug, Clone, Copy)]
pub enum RowNorm<'a> {
    /// As [`rms_norm`].
    Rms {
        /// `[c]`.
        gain_c: &'a [f32],
        /// Added under the root.
        eps: f32,
    },
    /// As [`layer_norm`](crate::layer_norm).
    Layer {
        /// `[c]`.
        gain_c: &'a [f32],
        /// `[c]`.
        bias_c: &'a [f32],
        /// Added under the root.
        eps: f32,
    },
}

impl RowNorm<'_> {
    /// Norms one row.
    ///
    /// # Panics
    /// If the lengths differ.
    pub(crate) fn apply(self, level: Level, x_c: &[f32], out_c: &mut [f32]) {
        let c = out_c.len();
        match self {
            RowNorm::Rms { gain_c, eps } => {
                assert!(x_c.len() == c && gain_c.len() == c, "{c} values to norm");
                rows(level, x_c, gain_c, eps, out_c);
            }
            RowNorm::Layer { gain_c, bias_c, eps } => {
                layer_norm_row(level, x_c, gain_c, bias_c, eps, out_c);
            }
        }
    }
}

/// Norms each group of columns of each row by itself, in place: queries and keys per head, or over
/// their whole width as one group.
///
/// `x = x / sqrt(mean(x^2) + eps) * gain` over each group.
///
/// # Shapes
/// `x` has `rows` rows of `ldx` values, the last of which may be shorter; the first
/// `groups * gain_d.len()` values of each are normed.
///
/// # Panics
/// If a row is shorter than its groups, or `x` than its rows.
pub fn rms_norm_groups(
    pool: &Pool,
    x: &mut [f32],
    ldx: usize,
    (rows, groups): (usize, usize),
    gain_d: &[f32],
    eps: f32,
) {
    let (level, width) = (level(), groups * gain_d.len());
    if rows == 0 || width == 0 {
        return;
    }
    let needed = (rows - 1) * ldx + width;
    assert!(ldx >= width && x.len() >= needed, "{} values, the norm needs {needed}", x.len());
    let x = SharedMut::new(x);
    let norm = |mine: Range<usize>| {
        for row in mine {
            // SAFETY: rows are disjoint because `ldx >= width`, and each is visited by one thread.
            let x = unsafe { x.range(row * ldx..row * ldx + width) };
            groups_of_row(level, x, gain_d, eps);
        }
    };
    if rows * width < PARALLEL_FROM {
        norm(0..rows);
    } else {
        pool.run(&|thread| norm(span(rows, thread, pool.threads())));
    }
}

leveled! {
    pub(crate) fn groups_of_row(x: &mut [f32], gain_d: &[f32], eps: f32) {
        for x in x.chunks_exact_mut(gain_d.len()) {
            let scale = 1.0 / (sum_of_squares(x) / gain_d.len() as f32 + eps).sqrt();
            for (x, gain) in x.iter_mut().zip(gain_d) {
                *x = *x * scale * gain;
            }
        }
    }
}

leveled! {
    fn rows(x_tc: &[f32], gain_c: &[f32], eps: f32, out_tc: &mut [f32]) {
        let c = gain_c.len();
        for (x, out) in x_tc.chunks_exact(c).zip(out_tc.chunks_exact_mut(c)) {
            let scale = 1.0 / (sum_of_squares(x) / c as f32 + eps).sqrt();
            for ((out, x), gain) in out.iter_mut().zip(x).zip(gain_c) {
                *out = x * scale * gain;
            }
        }
    }
}

#[inline(always)]
fn sum_of_squares(x: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v * v;
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *lane += v * v;
    }
    fold(lanes)
}
