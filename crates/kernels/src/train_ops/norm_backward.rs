//! Backward of the norms.

use std::ops::Range;

use super::layer_norm::moments;
use crate::leveled::leveled;
use crate::math::lane_sum;
use crate::share::SharedMut;
use crate::{Level, Pool, RowNorm, level, span};

/// Adds the gradients of a norm with respect to its input and its gain, those that are wanted; both
/// together take one pass less over `x_tc`, for the same bits.
///
/// With `z` the normed input before its gain and `s` the factor that made it, `z = s (x - mean(x))`, and
/// `g = gain * dy`: `dx += s * (g - mean(g) - z * mean(g * z))`, where means of `x` and `g` are left out by
/// a root-mean-square norm, and `dgain += sum over t of dy * z`.
///
/// # Shapes
/// `x_tc`, `dy_tc`, `dx_tc` `[t, c]`; `dgain_c` `[c]`; `stats` is working memory of at least `2 t`, not
/// used without `dgain_c`.
///
/// # Panics
/// If the lengths disagree or `stats` is too short: a caller's bug.
pub fn norm_backward(
    pool: &Pool,
    norm: RowNorm<'_>,
    (x_tc, dy_tc): (&[f32], &[f32]),
    dx_tc: Option<&mut [f32]>,
    dgain_c: Option<&mut [f32]>,
    stats: &mut [f32],
) {
    let (row, of_row, gain, eps): (Row, OfRow, _, _) = match norm {
        RowNorm::Rms { gain_c, eps } => (rms_row, rms_stats, gain_c, eps),
        RowNorm::Layer { gain_c, eps, .. } => (layer_row, layer_stats, gain_c, eps),
    };
    let c = gain.len();
    assert!(c > 0 && x_tc.len().is_multiple_of(c), "{} values in rows of {c}", x_tc.len());
    let Some(dgain) = dgain_c else {
        if let Some(dx) = dx_tc {
            by_rows(pool, row, (x_tc, dy_tc), gain, eps, dx, None);
        }
        return;
    };
    assert_eq!(dgain.len(), c, "the gradient of the gain");
    let stats = &mut stats[..2 * (x_tc.len() / c)];
    if let Some(dx) = dx_tc {
        by_rows(pool, row, (x_tc, dy_tc), gain, eps, dx, Some(&mut *stats));
    } else {
        statistics(pool, of_row, x_tc, c, eps, stats);
    }
    gain_columns(pool, x_tc, dy_tc, stats, dgain);
}

/// Adds to a row's gradient, and returns what [`statistics`] gives for it.
type Row = fn(Level, &[f32], &[f32], f32, &[f32], &mut [f32]) -> [f32; 2];
/// Mean, or 0 where it is not taken off, and scale of a row.
type OfRow = fn(Level, &[f32], f32) -> [f32; 2];

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
fn statistics(pool: &Pool, of_row: OfRow, x: &[f32], c: usize, eps: f32, stats: &mut [f32]) {
    let level = level();
    pool.split_rows(stats, 2, &|rows, stats| {
        let x = x[rows.start * c..].chunks_exact(c);
        for (stats, x) in stats.as_chunks_mut::<2>().0.iter_mut().zip(x) {
            *stats = of_row(level, x, eps);
        }
    });
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
