//! The layer norm of encoders.

use crate::leveled::leveled;
use crate::math::lane_sum;
use crate::{Pool, RowOperand, level};

/// Scales each row to zero mean and unit variance, then by a learned gain and bias.
///
/// `y = (x - mean(x)) / sqrt(var(x) + eps) * gain + bias`, the variance without Bessel's
/// correction.
///
/// # Shapes
/// `x_tc`, `out_tc` `[t, c]`; `gain_c`, `bias_c` `[c]`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn layer_norm(
    pool: &Pool,
    x_tc: &[f32],
    gain_c: &[f32],
    bias_c: &[f32],
    eps: f32,
    out_tc: &mut [f32],
) {
    let (level, c) = (level(), gain_c.len());
    assert_eq!(x_tc.len(), out_tc.len(), "x and out");
    assert_eq!(bias_c.len(), c, "bias and gain");
    if x_tc.is_empty() {
        return;
    }
    pool.split_rows(out_tc, c, &|rows, out| {
        for (out, x) in out.chunks_exact_mut(c).zip(x_tc[rows.start * c..].chunks_exact(c)) {
            layer_norm_row(level, x, gain_c, bias_c, eps, out);
        }
    });
}

/// [`layer_norm`] as the operand of the products that follow, row by row.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn layer_norm_operand(
    pool: &Pool,
    x_tc: &[f32],
    gain_c: &[f32],
    bias_c: &[f32],
    eps: f32,
    operand: &mut RowOperand,
) {
    let (level, c) = (level(), gain_c.len());
    assert_eq!(bias_c.len(), c, "bias and gain");
    assert!(c > 0 && x_tc.len().is_multiple_of(c), "{} in rows of {c}", x_tc.len());
    operand.set_made(pool, (x_tc.len() / c, c), &|at, out| {
        layer_norm_row(level, &x_tc[at * c..][..c], gain_c, bias_c, eps, out);
    });
}

/// `x = norm(x + added)` in every row, in place: the bias of a residual branch and the norm behind
/// it in one pass. The same bits as [`super::add_bias`], then [`layer_norm`].
///
/// # Shapes
/// `x_tc` `[t, c]`; `added_c`, `gain_c`, `bias_c` `[c]`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn bias_layer_norm(
    pool: &Pool,
    x_tc: &mut [f32],
    added_c: &[f32],
    gain_c: &[f32],
    bias_c: &[f32],
    eps: f32,
) {
    let (level, c) = (level(), gain_c.len());
    assert_eq!(added_c.len(), c, "added and gain");
    assert_eq!(bias_c.len(), c, "bias and gain");
    if x_tc.is_empty() {
        return;
    }
    pool.split_rows(x_tc, c, &|_, part| {
        for x in part.chunks_exact_mut(c) {
            biased_row(level, x, added_c, gain_c, bias_c, eps);
        }
    });
}

leveled! {
    fn biased_row(x: &mut [f32], added: &[f32], gain: &[f32], bias: &[f32], eps: f32) {
        let len = x.len();
        let (added, gain, bias) = (&added[..len], &gain[..len], &bias[..len]);
        for i in 0..len {
            x[i] += added[i];
        }
        let (mean, scale) = moments(x, eps);
        for i in 0..len {
            x[i] = (x[i] - mean) * scale * gain[i] + bias[i];
        }
    }
}

leveled! {
    /// [`layer_norm`] of one row.
    pub(crate) fn layer_norm_row(x: &[f32], gain: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
        let len = out.len();
        let (x, gain, bias) = (&x[..len], &gain[..len], &bias[..len]);
        let (mean, scale) = moments(x, eps);
        for i in 0..len {
            out[i] = (x[i] - mean) * scale * gain[i] + bias[i];
        }
    }
}

/// Mean, and one by the root of the variance.
#[inline(always)]
pub(super) fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let len = x.len();
    let mean = lane_sum(len, |i| x[i]) / len as f32;
    let variance = lane_sum(len, |i| (x[i] - mean) * (x[i] - mean)) / len as f32;
    (mean, 1.0 / (variance + eps).sqrt())
}
