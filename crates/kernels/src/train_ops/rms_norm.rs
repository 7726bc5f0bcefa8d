//! Backward of the root-mean-square norm.

use crate::leveled::leveled;
use crate::math::lane_sum;
use crate::{Pool, level};

/// Adds the gradient of `y = x / sqrt(mean(x^2) + eps) * gain` with respect to `x`; the gain is
/// frozen.
///
/// With `s = 1 / sqrt(mean(x^2) + eps)`: `dx += s * gain * dy - x * s^3 * mean(x * gain * dy)`
///
/// # Shapes
/// `x_tc`, `dy_tc`, `dx_tc` `[t, c]`; `gain_c` `[c]`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn rms_norm_backward(
    pool: &Pool,
    x_tc: &[f32],
    gain_c: &[f32],
    eps: f32,
    dy_tc: &[f32],
    dx_tc: &mut [f32],
) {
    let (level, c) = (level(), gain_c.len());
    assert_eq!(x_tc.len(), dx_tc.len(), "x and dx");
    assert_eq!(dy_tc.len(), dx_tc.len(), "dy and dx");
    pool.split_rows(dx_tc, c, &|rows, dx| {
        let inputs =
            x_tc[rows.start * c..].chunks_exact(c).zip(dy_tc[rows.start * c..].chunks_exact(c));
        for (dx, (x, dy)) in dx.chunks_exact_mut(c).zip(inputs) {
            row(level, x, gain_c, eps, dy, dx);
        }
    });
}

leveled! {
    fn row(x: &[f32], gain: &[f32], eps: f32, dy: &[f32], dx: &mut [f32]) {
        let len = dx.len();
        let (x, gain, dy) = (&x[..len], &gain[..len], &dy[..len]);
        let squares = lane_sum(len, |i| x[i] * x[i]);
        let along = lane_sum(len, |i| x[i] * (gain[i] * dy[i]));
        let s = 1.0 / (squares / len as f32 + eps).sqrt();
        let pull = along / len as f32 * (s * s * s);
        for i in 0..len {
            dx[i] += s * (gain[i] * dy[i]) - pull * x[i];
        }
    }
}
