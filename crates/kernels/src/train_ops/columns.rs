//! Factors of columns: learned vectors that scale what a projection gives or gets.

use super::norm_backward::by_columns;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Pool, level, span};

/// `out = x * factors`, or `out += x * factors` if `accumulate`, one factor per column.
///
/// # Shapes
/// `x_tn` `[t, n]`, `factors_n` `[n]`; `out` has rows of `n` values, `ldo` apart, of which the last
/// may be shorter than `ldo`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn scale_columns(
    pool: &Pool,
    x_tn: &[f32],
    factors_n: &[f32],
    out: &mut [f32],
    ldo: usize,
    accumulate: bool,
) {
    let (level, n) = (level(), factors_n.len());
    assert!(ldo >= n && n > 0, "{n} factors for rows {ldo} apart");
    assert!(x_tn.len().is_multiple_of(n), "{} values in rows of {n}", x_tn.len());
    let out = SharedMut::new(out);
    pool.run(&|thread_idx| {
        for row in span(x_tn.len() / n, thread_idx, pool.threads()) {
            let x = &x_tn[row * n..][..n];
            // SAFETY: threads have different rows.
            let out = unsafe { out.range(row * ldo..row * ldo + n) };
            if accumulate {
                add_scaled(level, x, factors_n, out);
            } else {
                scaled(level, x, factors_n, out);
            }
        }
    });
}

/// The gradients of [`scale_columns`] from that of its output: `dfactors += sum over rows of x *
/// dy`, and `dx = dy * factors` (written) if it is wanted.
///
/// # Shapes
/// `dy` holds rows of `n` values, `ldy` apart; all else as there, `dx_tn` as `x_tn`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn scale_columns_backward(
    pool: &Pool,
    x_tn: &[f32],
    factors_n: &[f32],
    (dy, ldy): (&[f32], usize),
    dx_tn: Option<&mut [f32]>,
    dfactors_n: &mut [f32],
) {
    let (level, n) = (level(), factors_n.len());
    assert_eq!(dfactors_n.len(), n, "factors and their gradient");
    assert!(ldy >= n, "rows of {n} values, {ldy} apart");
    let dfactors = SharedMut::new(dfactors_n);
    by_columns(pool, n, &|columns| {
        // SAFETY: threads have different columns.
        let sums = unsafe { dfactors.range(columns.clone()) };
        for (x, dy) in x_tn.chunks_exact(n).zip(dy.chunks(ldy)) {
            add_scaled(level, &x[columns.clone()], &dy[columns.clone()], sums);
        }
    });
    let Some(dx_tn) = dx_tn else { return };
    assert_eq!(dx_tn.len(), x_tn.len(), "values and their gradient");
    pool.split_rows(dx_tn, n, &|rows, dx| {
        for (dx, row) in dx.chunks_exact_mut(n).zip(rows) {
            scaled(level, &dy[row * ldy..][..n], factors_n, dx);
        }
    });
}

leveled! {
    fn scaled(x: &[f32], factors: &[f32], out: &mut [f32]) {
        for ((out, x), factor) in out.iter_mut().zip(x).zip(factors) {
            *out = x * factor;
        }
    }
}

leveled! {
    fn add_scaled(x: &[f32], factors: &[f32], out: &mut [f32]) {
        for ((out, x), factor) in out.iter_mut().zip(x).zip(factors) {
            *out += x * factor;
        }
    }
}
