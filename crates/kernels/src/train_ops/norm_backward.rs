//! Backward of the norms.

use std::ops::Range;

use crate::leveled::leveled;
use crate::math::lane_sum;
use crate::share::SharedMut;
use crate::{Level, Pool, level, span};

/// Adds the gradient of `y = x / sqrt(mean(x^2) + eps) * gain` with respect to `x`.
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
    by_rows(pool, rms_row, (x_tc, dy_tc), gain_c, eps, dx_tc, None);
}

/// Adds the gradient of `y = (x - mean(x)) / sqrt(var(x) + eps) * gain + bias` with respect to `x`.
///
/// With `s = 1 / sqrt(var(x) + eps)`, `z = (x - mean(x)) s` and `g = gain * dy`:
/// `dx += s * (g - mean(g) - z * mean(g * z))`
///
/// # Shapes
/// As [`rms_norm_backward`].
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn layer_norm_backward(
    pool: &Pool,
    x_tc: &[f32],
    gain_c: &[f32],
    eps: f32,
    dy_tc: &[f32],
    dx_tc: &mut [f32],
) {
    by_rows(pool, layer_row, (x_tc, dy_tc), gain_c, eps, dx_tc, None);
}

/// [`rms_norm_backward`] and [`rms_norm_gain_backward`] with one pass less over `x_tc`: the same
/// bits.
///
/// # Panics
/// As these.
pub fn rms_norm_full_backward(
    pool: &Pool,
    (x_tc, dy_tc): (&[f32], &[f32]),
    gain_c: &[f32],
    eps: f32,
    dx_tc: &mut [f32],
    stats: &mut [f32],
    dgain_c: &mut [f32],
) {
    let stats = &mut stats[..2 * (x_tc.len() / gain_c.len())];
    by_rows(pool, rms_row, (x_tc, dy_tc), gain_c, eps, dx_tc, Some(&mut *stats));
    gain_columns(pool, x_tc, dy_tc, stats, dgain_c);
}

/// [`layer_norm_backward`] and [`layer_norm_gain_backward`], as [`rms_norm_full_backward`].
///
/// # Panics
/// As these.
pub fn layer_norm_full_backward(
    pool: &Pool,
    (x_tc, dy_tc): (&[f32], &[f32]),
    gain_c: &[f32],
    eps: f32,
    dx_tc: &mut [f32],
    stats: &mut [f32],
    dgain_c: &mut [f32],
) {
    let stats = &mut stats[..2 * (x_tc.len() / gain_c.len())];
    by_rows(pool, layer_row, (x_tc, dy_tc), gain_c, eps, dx_tc, Some(&mut *stats));
    gain_columns(pool, x_tc, dy_tc, stats, dgain_c);
}

/// Adds to a row's gradient, and returns what [`statistics`] gives for it.
type Row = fn(Level, &[f32], &[f32], f32, &[f32], &mut [f32]) -> [f32; 2];

fn by_rows(
    pool: &Pool,
    row: Row,
    (x, dy): (&[f32], &[f32]),
    gain: &[f32],
    eps: f32,
    dx: &mut [f32],
    stats: Option<&mut [f32]>,
) {
    let (level, c) = (level(), gain.len());
    let stats = stats.map(SharedMut::new);
    assert_eq!(x.len(), dx.len(), "x and dx");
    assert_eq!(dy.len(), dx.len(), "dy and dx");
    pool.split_rows(dx, c, &|rows, dx| {
        let inputs = x[rows.start * c..].chunks_exact(c).zip(dy[rows.start * c..].chunks_exact(c));
        for ((dx, (x, dy)), at) in dx.chunks_exact_mut(c).zip(inputs).zip(rows) {
            let found = row(level, x, gain, eps, dy, dx);
            if let Some(stats) = &stats {
                // SAFETY: threads have different rows.
                unsafe { stats.range(2 * at..2 * at + 2) }.copy_from_slice(&found);
            }
        }
    });
}

leveled! {
    fn rms_row(x: &[f32], gain: &[f32], eps: f32, dy: &[f32], dx: &mut [f32]) -> [f32; 2] {
        let len = dx.len();
        let (x, gain, dy) = (&x[..len], &gain[..len], &dy[..len]);
        let squares = lane_sum(len, |i| x[i] * x[i]);
        let along = lane_sum(len, |i| x[i] * (gain[i] * dy[i]));
        let s = 1.0 / (squares / len as f32 + eps).sqrt();
        let pull = along / len as f32 * (s * s * s);
        for i in 0..len {
            dx[i] += s * (gain[i] * dy[i]) - pull * x[i];
        }
        [0.0, s]
    }
}

leveled! {
    fn layer_row(x: &[f32], gain: &[f32], eps: f32, dy: &[f32], dx: &mut [f32]) -> [f32; 2] {
        let len = dx.len();
        let (x, gain, dy) = (&x[..len], &gain[..len], &dy[..len]);
        let (mean, s) = moments(x, eps);
        let total = lane_sum(len, |i| gain[i] * dy[i]) / len as f32;
        let along = lane_sum(len, |i| gain[i] * dy[i] * ((x[i] - mean) * s)) / len as f32;
        for i in 0..len {
            dx[i] += s * (gain[i] * dy[i] - total - (x[i] - mean) * s * along);
        }
        [mean, s]
    }
}

/// Mean, and one by the root of the variance.
#[inline(always)]
fn moments(x: &[f32], eps: f32) -> (f32, f32) {
    let len = x.len();
    let mean = lane_sum(len, |i| x[i]) / len as f32;
    let variance = lane_sum(len, |i| (x[i] - mean) * (x[i] - mean)) / len as f32;
    (mean, 1.0 / (variance + eps).sqrt())
}

/// Adds the gradient of a root-mean-square norm with respect to its gain.
///
/// `dgain += sum over t of dy * x / sqrt(mean(x^2) + eps)`
///
/// # Shapes
/// `x_tc`, `dy_tc` `[t, c]`; `dgain_c` `[c]`; `stats` is working memory of at least `2 t`.
///
/// # Panics
/// If the lengths disagree or `stats` is too short: a caller's bug.
pub fn rms_norm_gain_backward(
    pool: &Pool,
    x_tc: &[f32],
    eps: f32,
    dy_tc: &[f32],
    stats: &mut [f32],
    dgain_c: &mut [f32],
) {
    let stats = statistics(pool, rms_stats, x_tc, dgain_c.len(), eps, stats);
    gain_columns(pool, x_tc, dy_tc, stats, dgain_c);
}

/// Adds the gradient of a layer norm with respect to its gain and, where it has one, its bias.
///
/// `dgain += sum over t of dy * (x - mean(x)) / sqrt(var(x) + eps)`, `dbias += sum over t of dy`
///
/// # Shapes
/// As [`rms_norm_gain_backward`].
///
/// # Panics
/// If the lengths disagree or `stats` is too short: a caller's bug.
pub fn layer_norm_gain_backward(
    pool: &Pool,
    x_tc: &[f32],
    eps: f32,
    dy_tc: &[f32],
    stats: &mut [f32],
    dgain_c: &mut [f32],
) {
    let stats = statistics(pool, layer_stats, x_tc, dgain_c.len(), eps, stats);
    gain_columns(pool, x_tc, dy_tc, stats, dgain_c);
}

/// Adds the sums over the rows of `dy`: the gradient of a bias.
///
/// # Shapes
/// `dy` holds rows of `c` values, `ldy` apart; `dbias_c` `[c]`.
///
/// # Panics
/// If `dy` is not whole rows: a caller's bug.
pub fn bias_backward(pool: &Pool, dy: &[f32], ldy: usize, dbias_c: &mut [f32]) {
    let (level, c) = (level(), dbias_c.len());
    assert!(ldy >= c, "rows of {c} values, {ldy} apart");
    let dbias = SharedMut::new(dbias_c);
    by_columns(pool, c, &|columns| {
        // SAFETY: threads have different columns.
        let out = unsafe { dbias.range(columns.clone()) };
        for row in dy.chunks(ldy) {
            add_row(level, &row[columns.clone()], out);
        }
    });
}

/// Mean and scale of each row.
fn statistics<'s>(
    pool: &Pool,
    of_row: fn(Level, &[f32], f32) -> [f32; 2],
    x: &[f32],
    c: usize,
    eps: f32,
    stats: &'s mut [f32],
) -> &'s [f32] {
    let level = level();
    assert!(x.len().is_multiple_of(c), "{} values in rows of {c}", x.len());
    let stats = &mut stats[..2 * (x.len() / c)];
    pool.split_rows(stats, 2, &|rows, stats| {
        let x = x[rows.start * c..].chunks_exact(c);
        for (stats, x) in stats.as_chunks_mut::<2>().0.iter_mut().zip(x) {
            *stats = of_row(level, x, eps);
        }
    });
    stats
}

leveled! {
    fn rms_stats(x: &[f32], eps: f32) -> [f32; 2] {
        let squares = lane_sum(x.len(), |i| x[i] * x[i]);
        [0.0, 1.0 / (squares / x.len() as f32 + eps).sqrt()]
    }
}

leveled! {
    fn layer_stats(x: &[f32], eps: f32) -> [f32; 2] {
        let (mean, scale) = moments(x, eps);
        [mean, scale]
    }
}

/// Threads take columns, so that the sum over the rows has one order whatever their number.
fn gain_columns(pool: &Pool, x: &[f32], dy: &[f32], stats: &[f32], dgain: &mut [f32]) {
    let (level, c) = (level(), dgain.len());
    assert_eq!(x.len(), dy.len(), "x and dy");
    let dgain = SharedMut::new(dgain);
    by_columns(pool, c, &|columns| {
        // SAFETY: threads have different columns.
        let out = unsafe { dgain.range(columns.clone()) };
        let rows = x.chunks_exact(c).zip(dy.chunks_exact(c)).zip(stats.as_chunks::<2>().0);
        for ((x, dy), &[mean, scale]) in rows {
            add_gain_row(level, &x[columns.clone()], &dy[columns.clone()], mean, scale, out);
        }
    });
}

pub(super) fn by_columns(pool: &Pool, c: usize, job: &(dyn Fn(Range<usize>) + Sync)) {
    // Whole lines: two threads never write the same one.
    let lines = c.div_ceil(16);
    pool.run(&|thread_idx| {
        let mine = span(lines, thread_idx, pool.threads());
        let columns = mine.start * 16..c.min(mine.end * 16);
        if !columns.is_empty() {
            job(columns);
        }
    });
}

leveled! {
    fn add_gain_row(x: &[f32], dy: &[f32], mean: f32, scale: f32, out: &mut [f32]) {
        for ((out, x), dy) in out.iter_mut().zip(x).zip(dy) {
            *out += dy * ((x - mean) * scale);
        }
    }
}

leveled! {
    fn add_row(row: &[f32], out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(row) {
            *out += value;
        }
    }
}
