//! Rows that are dealt out and weighted: what experts need beside their products.

use std::ops::Range;

use crate::leveled::leveled;
use crate::math::lane_sum;
use crate::pool::PARALLEL_FROM;
use crate::share::SharedMut;
use crate::{Pool, level};

/// `out[i] = x[rows[i]]`: rows put together in another order.
///
/// [`super::lookup_backward`] is its backward, and adds rows to where they came from.
///
/// # Shapes
/// `x_tc` holds rows of `c`; `out` `[rows, c]`.
///
/// # Panics
/// If the lengths disagree or a row is beyond `x_tc`: a caller's bug.
pub fn gather_rows(pool: &Pool, x_tc: &[f32], rows: &[u32], c: usize, out: &mut [f32]) {
    assert_eq!(out.len(), rows.len() * c, "{} rows of {c}", rows.len());
    pool.split_rows(out, c, &|part, out| {
        for (out, &row) in out.chunks_exact_mut(c).zip(&rows[part]) {
            out.copy_from_slice(&x_tc[row as usize * c..][..c]);
        }
    });
}

/// `to = from^T`.
///
/// # Shapes
/// `from` holds rows of `cols`; `to` `[cols, rows]`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn transpose(pool: &Pool, from: &[f32], cols: usize, to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "values and their places");
    if from.is_empty() {
        return;
    }
    let rows = from.len() / cols;
    assert_eq!(from.len(), rows * cols, "{} values in rows of {cols}", from.len());
    let job = |part: Range<usize>, to: &mut [f32]| {
        for (col, to) in part.zip(to.chunks_exact_mut(rows)) {
            for (row, to) in to.iter_mut().enumerate() {
                *to = from[row * cols + col];
            }
        }
    };
    if from.len() < PARALLEL_FROM {
        job(0..cols, to);
    } else {
        pool.split_rows(to, rows, &job);
    }
}

/// `x[i] *= weights[i]` for every row `i`.
///
/// # Shapes
/// `x_tf` `[t, f]`, `weights_t` `[t]`.
///
/// # Panics
/// If there is not one weight for each row: a caller's bug.
pub fn scale_rows(pool: &Pool, x_tf: &mut [f32], weights_t: &[f32], f: usize) {
    let level = level();
    assert_eq!(x_tf.len(), weights_t.len() * f, "{} rows of {f}", weights_t.len());
    pool.split_rows(x_tf, f, &|rows, x| {
        for (x, &weight) in x.chunks_exact_mut(f).zip(&weights_t[rows]) {
            scaled(level, x, weight);
        }
    });
}

/// The gradients of [`scale_rows`] from that of its result, which is replaced by that of `x`, all
/// written: `dweights[i] = x[i] . dy[i]`, `dx[i] = weights[i] * dy[i]`.
///
/// # Shapes
/// As there; `dy_tf` as `x_tf`, `dweights_t` as `weights_t`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn scale_rows_backward(
    pool: &Pool,
    x_tf: &[f32],
    weights_t: &[f32],
    dy_tf: &mut [f32],
    dweights_t: &mut [f32],
) {
    let (level, t) = (level(), weights_t.len());
    assert_eq!(dweights_t.len(), t, "weights and their gradient");
    assert_eq!(x_tf.len(), dy_tf.len(), "values and their gradient");
    if t == 0 {
        return;
    }
    assert!(x_tf.len().is_multiple_of(t), "{} values in {t} rows", x_tf.len());
    let f = x_tf.len() / t;
    let dweights = SharedMut::new(dweights_t);
    pool.split_rows(dy_tf, f, &|rows, dy| {
        // SAFETY: the row ranges of different threads are disjoint.
        let dweights = unsafe { dweights.range(rows.clone()) };
        for ((dy, dweight), row) in dy.chunks_exact_mut(f).zip(dweights).zip(rows) {
            *dweight = dot(level, &x_tf[row * f..][..f], dy);
            scaled(level, dy, weights_t[row]);
        }
    });
}

/// Replaces the gradients of the softmax of rows by those of what it was taken of.
///
/// `dx = probs * (dprobs - probs . dprobs)`
///
/// # Shapes
/// `probs_tv` and `dprobs_tv` `[t, v]`.
///
/// # Panics
/// If the lengths disagree or are not whole rows: a caller's bug.
pub fn softmax_backward(pool: &Pool, probs_tv: &[f32], dprobs_tv: &mut [f32], v: usize) {
    let level = level();
    assert_eq!(probs_tv.len(), dprobs_tv.len(), "probabilities and their gradient");
    pool.split_rows(dprobs_tv, v, &|rows, dprobs| {
        for (dprobs, row) in dprobs.chunks_exact_mut(v).zip(rows) {
            softmax_row(level, &probs_tv[row * v..][..v], dprobs);
        }
    });
}

leveled! {
    fn scaled(x: &mut [f32], factor: f32) {
        for x in x.iter_mut() {
            *x *= factor;
        }
    }
}

leveled! {
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        lane_sum(a.len(), |i| a[i] * b[i])
    }
}

leveled! {
    fn softmax_row(probs: &[f32], dprobs: &mut [f32]) {
        let mean = lane_sum(probs.len(), |i| probs[i] * dprobs[i]);
        for (dprob, prob) in dprobs.iter_mut().zip(probs) {
            *dprob = prob * (*dprob - mean);
        }
    }
}
