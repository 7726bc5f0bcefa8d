//! The second moment, and what it makes of each gradient.

use super::inputs::{AdafactorFactors, AdafactorScratch, AdafactorShape, BLOCK};
use crate::leveled::leveled;
use crate::optim::split::{split, split_rows};
use crate::share::SharedMut;
use crate::{Level, Pool, level};

/// What multiplies the gradient of each value, and how long the product is.
pub(super) struct Directions<'a> {
    pub(super) sum_of_squares: f64,
    pub(super) inverse_roots: InverseRoots<'a>,
}

pub(super) enum InverseRoots<'a> {
    /// The factor of a value is that of its row times that of its column.
    Factored { shape: AdafactorShape, rows: &'a [f32], cols: &'a [f32] },
    /// The factor of a value is one over the root of this.
    Full(&'a [f32]),
}

/// Constants of the moments.
#[derive(Clone, Copy)]
pub(super) struct Moments {
    beta2: f32,
    rest2: f32,
    eps: f32,
    grad_scale: f32,
}

impl Moments {
    pub(super) fn new(factors: &AdafactorFactors) -> Self {
        Moments {
            beta2: factors.beta2 as f32,
            rest2: (1.0 - factors.beta2) as f32,
            eps: factors.eps as f32,
            grad_scale: factors.grad_scale,
        }
    }

    #[inline(always)]
    fn square(&self, grad: f32) -> f32 {
        let grad = grad * self.grad_scale;
        grad * grad + self.eps
    }

    #[inline(always)]
    fn decayed(&self, moment: f32, square: f32) -> f32 {
        self.beta2 * moment + self.rest2 * square
    }
}

pub(super) fn factored_directions<'a>(
    pool: &Pool,
    moments: Moments,
    grads: &[f32],
    shape: AdafactorShape,
    (rows, cols): (&mut [f32], &mut [f32]),
    scratch: &'a mut AdafactorScratch,
) -> Directions<'a> {
    assert_eq!(grads.len(), shape.num_values(), "values of {shape:?}");
    assert_eq!(rows.len(), shape.num_row_means(), "row means of {shape:?}");
    assert_eq!(cols.len(), shape.num_col_means(), "column means of {shape:?}");
    let level = level();
    let width = shape.cols;
    split_rows(pool, grads.len(), rows, 1, &|part, rows| {
        let grads = &grads[part.start * width..part.end * width];
        row_means(level, moments, grads, width, rows);
    });
    let matrices = grads.chunks_exact(shape.rows * width).zip(cols.chunks_exact_mut(width));
    for (grads, cols) in matrices {
        column_means(pool, level, moments, grads, cols, &mut scratch.sums[..width]);
    }
    let row_factors = &mut scratch.row_factors[..rows.len()];
    let col_factors = &mut scratch.col_factors[..cols.len()];
    for (factors, rows) in row_factors.chunks_mut(shape.rows).zip(rows.chunks(shape.rows)) {
        let mean = rows.iter().map(|&x| f64::from(x)).sum::<f64>() / rows.len() as f64;
        for (factor, &row) in factors.iter_mut().zip(rows) {
            *factor = 1.0 / (row / mean as f32).sqrt();
        }
    }
    for (factor, col) in col_factors.iter_mut().zip(cols) {
        *factor = 1.0 / col.sqrt();
    }
    let (row_factors, col_factors) = (&*row_factors, &*col_factors);
    let sums = &mut scratch.sums[..rows.len()];
    split_rows(pool, grads.len(), sums, 1, &|part, sums| {
        for (row, sum) in part.zip(sums) {
            let cols = &col_factors[row / shape.rows * width..][..width];
            *sum = row_energy(
                level,
                moments.grad_scale,
                row_factors[row],
                cols,
                &grads[row * width..][..width],
            );
        }
    });
    Directions {
        sum_of_squares: sums.iter().sum(),
        inverse_roots: InverseRoots::Factored { shape, rows: row_factors, cols: col_factors },
    }
}

/// Every thread has a stripe of columns and walks down all rows, so a sum has one order.
fn column_means(
    pool: &Pool,
    level: Level,
    moments: Moments,
    grads: &[f32],
    cols: &mut [f32],
    sums: &mut [f64],
) {
    let width = cols.len();
    let rows = grads.len() / width;
    let sums = SharedMut::new(sums);
    split_rows(pool, grads.len(), cols, 1, &|stripe, cols| {
        // SAFETY: stripes of different threads are disjoint.
        let sums = unsafe { sums.range(stripe.clone()) };
        sums.fill(0.0);
        for row in 0..rows {
            add_squares(level, moments, &grads[row * width..][stripe.clone()], sums);
        }
        for (col, sum) in cols.iter_mut().zip(sums) {
            *col = moments.decayed(*col, (*sum / rows as f64) as f32);
        }
    });
}

pub(super) fn full_directions<'a>(
    pool: &Pool,
    moments: Moments,
    grads: &[f32],
    full: &'a mut [f32],
    scratch: &mut AdafactorScratch,
) -> Directions<'a> {
    assert_eq!(grads.len(), full.len(), "gradients and second moments");
    let level = level();
    split(pool, full, &|part, full| decay_full(level, moments, full, &grads[part]));
    let full = &*full;
    let sums = &mut scratch.sums[..full.len().div_ceil(BLOCK)];
    split_rows(pool, full.len(), sums, 1, &|blocks, sums| {
        for (block, sum) in blocks.zip(sums) {
            let part = block * BLOCK..full.len().min((block + 1) * BLOCK);
            *sum = full_energy(level, moments.grad_scale, &full[part.clone()], &grads[part]);
        }
    });
    Directions { sum_of_squares: sums.iter().sum(), inverse_roots: InverseRoots::Full(full) }
}

leveled! {
    fn row_means(moments: Moments, grads: &[f32], width: usize, means: &mut [f32]) {
        for (grads, mean) in grads.chunks_exact(width).zip(means) {
            let sum = wide_sum(width, |i| moments.square(grads[i]));
            *mean = moments.decayed(*mean, (sum / width as f64) as f32);
        }
    }
}

leveled! {
    fn add_squares(moments: Moments, grads: &[f32], sums: &mut [f64]) {
        for (grad, sum) in grads.iter().zip(sums) {
            *sum += f64::from(moments.square(*grad));
        }
    }
}

leveled! {
    fn decay_full(moments: Moments, full: &mut [f32], grads: &[f32]) {
        for (moment, grad) in full.iter_mut().zip(grads) {
            *moment = moments.decayed(*moment, moments.square(*grad));
        }
    }
}

leveled! {
    fn row_energy(grad_scale: f32, row: f32, cols: &[f32], grads: &[f32]) -> f64 {
        wide_sum(grads.len(), |i| {
            let direction = (row * cols[i]) * (grads[i] * grad_scale);
            direction * direction
        })
    }
}

leveled! {
    fn full_energy(grad_scale: f32, full: &[f32], grads: &[f32]) -> f64 {
        wide_sum(grads.len(), |i| {
            let direction = 1.0 / full[i].sqrt() * (grads[i] * grad_scale);
            direction * direction
        })
    }
}

/// Sum of `term(i)` over `0..len`, in f64 and eight lanes.
#[inline(always)]
fn wide_sum(len: usize, term: impl Fn(usize) -> f32) -> f64 {
    let mut lanes = [0.0f64; 8];
    let whole = len - len % 8;
    for start in (0..whole).step_by(8) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f64::from(term(start + lane));
        }
    }
    for (i, lane) in (whole..len).zip(&mut lanes) {
        *lane += f64::from(term(i));
    }
    lanes.iter().sum()
}
