//! Adafactor: second moments as row and column means, steps relative to the size of the values.

use super::norm::{num_square_sums, sum_of_squares_in};
use super::split::{split, split_rows};
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{Level, Pool, level};

/// Values per partial sum where there are no rows.
const BLOCK: usize = 4096;

/// `batches` matrices of `rows` times `cols`, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdafactorShape {
    /// Product of all axes but the last two.
    pub batches: usize,
    /// The last axis but one.
    pub rows: usize,
    /// The last axis.
    pub cols: usize,
}

impl AdafactorShape {
    /// The shape of a tensor with two axes or more; `None` for vectors, which are not factored.
    pub fn of(shape: &[usize]) -> Option<Self> {
        let [leading @ .., rows, cols] = shape else { return None };
        Some(AdafactorShape { batches: leading.iter().product(), rows: *rows, cols: *cols })
    }

    /// Length of the row means.
    pub fn num_row_means(self) -> usize {
        self.batches * self.rows
    }

    /// Length of the column means.
    pub fn num_col_means(self) -> usize {
        self.batches * self.cols
    }

    /// Number of values.
    pub fn num_values(self) -> usize {
        self.batches * self.rows * self.cols
    }
}

/// The second moment of one tensor.
pub enum AdafactorMoment<'a> {
    /// Means of squared gradients over each row and each column.
    Factored {
        /// The matrices.
        shape: AdafactorShape,
        /// One mean per row.
        rows: &'a mut [f32],
        /// One mean per column of each matrix.
        cols: &'a mut [f32],
    },
    /// One value per value of the tensor.
    Full(&'a mut [f32]),
}

/// The constants of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdafactorFactors {
    /// Learning rate, before it is scaled by the root mean square of the values.
    pub learning_rate: f64,
    /// Scale the rate by the root mean square of the values, but by no less than this.
    pub smallest_scale: Option<f64>,
    /// Decay of the second moment in this step.
    pub beta2: f64,
    /// Added to squared gradients.
    pub eps: f64,
    /// Largest root mean square of an update.
    pub clip_threshold: f64,
    /// Decay of the first moment, used when there is one.
    pub beta1: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Factor of every gradient.
    pub grad_scale: f32,
}

/// Memory of a step, enough for the largest tensor.
#[derive(Clone, Debug, Default)]
pub struct AdafactorScratch {
    sums: Vec<f64>,
    row_factors: Vec<f32>,
    col_factors: Vec<f32>,
}

impl AdafactorScratch {
    /// Makes room for a tensor of `len` values.
    pub fn reserve(&mut self, len: usize, shape: Option<AdafactorShape>) {
        let mut sums = num_square_sums(len).max(len.div_ceil(BLOCK));
        if let Some(shape) = shape {
            sums = sums.max(shape.num_row_means()).max(shape.cols);
            grow(&mut self.row_factors, shape.num_row_means());
            grow(&mut self.col_factors, shape.num_col_means());
        }
        grow(&mut self.sums, sums);
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.sums.len() * size_of::<f64>()
            + (self.row_factors.len() + self.col_factors.len()) * size_of::<f32>()
    }
}

fn grow<T: Clone + Default>(buffer: &mut Vec<T>, len: usize) {
    if buffer.len() < len {
        buffer.resize(len, T::default());
    }
}

/// One step of Adafactor on one tensor.
///
/// With `g = grad_scale * grads` and `s = g^2 + eps`: the second moment decays towards `s`, as means
/// of rows `R` and columns `C` for matrices; `u = g / sqrt(R C / mean(R))`, or `g / sqrt(V)`;
/// `u /= max(1, rms(u) / clip_threshold)`; `u *= lr`; the first moment, if there is one, becomes
/// `b1 m + (1 - b1) u` and takes the place of `u`; `w -= lr * decay * w + u`.
///
/// # Panics
/// If the lengths disagree or `scratch` has no room: a caller's bug.
///
/// # Source
/// Shazeer and Stern 2018, arXiv:1804.04235, in the order of operations of `Adafactor` of
/// `transformers`. Means and root mean squares are taken in f64.
pub fn adafactor_step(
    pool: &Pool,
    factors: &AdafactorFactors,
    values: &mut [f32],
    grads: &[f32],
    moment: AdafactorMoment<'_>,
    first_moment: Option<&mut [f32]>,
    scratch: &mut AdafactorScratch,
) {
    assert_eq!(values.len(), grads.len(), "values and gradients");
    if values.is_empty() {
        return;
    }
    let count = values.len() as f64;
    let rms = |sum: f64| (sum / count).sqrt();
    let mut learning_rate = factors.learning_rate;
    if let Some(smallest) = factors.smallest_scale {
        let size = rms(sum_of_squares_in(pool, values, &mut scratch.sums));
        learning_rate *= size.max(smallest);
    }
    let moments = Moments::new(factors);
    let directions = match moment {
        AdafactorMoment::Factored { shape, rows, cols } => {
            factored_directions(pool, moments, grads, shape, (rows, cols), scratch)
        }
        AdafactorMoment::Full(full) => full_directions(pool, moments, grads, full, scratch),
    };
    let update = Update {
        divisor: (rms(directions.sum_of_squares) / factors.clip_threshold).max(1.0) as f32,
        learning_rate: learning_rate as f32,
        keep: (1.0 - factors.weight_decay * learning_rate) as f32,
        beta1: factors.beta1 as f32,
        rest1: (1.0 - factors.beta1) as f32,
        grad_scale: factors.grad_scale,
    };
    apply(pool, update, values, grads, &directions, first_moment);
}

/// What multiplies the gradient of each value, and how long the product is.
struct Directions<'a> {
    sum_of_squares: f64,
    inverse_roots: InverseRoots<'a>,
}

enum InverseRoots<'a> {
    /// The factor of a value is that of its row times that of its column.
    Factored { shape: AdafactorShape, rows: &'a [f32], cols: &'a [f32] },
    /// The factor of a value is one over the root of this.
    Full(&'a [f32]),
}

/// Constants of the moments.
#[derive(Clone, Copy)]
struct Moments {
    beta2: f32,
    rest2: f32,
    eps: f32,
    grad_scale: f32,
}

impl Moments {
    fn new(factors: &AdafactorFactors) -> Self {
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

fn factored_directions<'a>(
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

fn full_directions<'a>(
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

/// Constants of the last pass.
#[derive(Clone, Copy)]
struct Update {
    divisor: f32,
    learning_rate: f32,
    keep: f32,
    beta1: f32,
    rest1: f32,
    grad_scale: f32,
}

impl Update {
    /// The new value, and the new first moment if `moment` is one.
    #[inline(always)]
    fn value(&self, value: f32, direction: f32, moment: Option<&mut f32>) -> f32 {
        let mut step = direction / self.divisor * self.learning_rate;
        if let Some(moment) = moment {
            *moment = self.beta1 * *moment + self.rest1 * step;
            step = *moment;
        }
        value * self.keep - step
    }
}

fn apply(
    pool: &Pool,
    update: Update,
    values: &mut [f32],
    grads: &[f32],
    directions: &Directions<'_>,
    first_moment: Option<&mut [f32]>,
) {
    let level = level();
    let moment = first_moment.map(|moment| {
        assert_eq!(moment.len(), grads.len(), "values and first moments");
        SharedMut::new(moment)
    });
    let (work, width) = match directions.inverse_roots {
        InverseRoots::Factored { shape, .. } => (values.len(), shape.cols),
        InverseRoots::Full(_) => (values.len(), 1),
    };
    split_rows(pool, work, values, width, &|part, values| {
        let range = part.start * width..part.end * width;
        let grads = &grads[range.clone()];
        // SAFETY: the parts of different threads are disjoint.
        let mut moment = moment.map(|moment| unsafe { moment.range(range.clone()) });
        match directions.inverse_roots {
            InverseRoots::Full(full) => {
                apply_full(level, update, values, grads, &full[range], moment);
            }
            InverseRoots::Factored { shape, rows, cols } => {
                for (i, row) in part.enumerate() {
                    let at = i * width..(i + 1) * width;
                    let cols = &cols[row / shape.rows * width..][..width];
                    let moment = moment.as_deref_mut().map(|moment| &mut moment[at.clone()]);
                    let grads = &grads[at.clone()];
                    apply_row(level, update, &mut values[at], grads, rows[row], cols, moment);
                }
            }
        }
    });
}

leveled! {
    fn apply_row(
        update: Update,
        values: &mut [f32],
        grads: &[f32],
        row: f32,
        cols: &[f32],
        moment: Option<&mut [f32]>,
    ) {
        let direction = |i: usize| (row * cols[i]) * (grads[i] * update.grad_scale);
        apply_each(update, values, direction, moment);
    }
}

leveled! {
    fn apply_full(
        update: Update,
        values: &mut [f32],
        grads: &[f32],
        full: &[f32],
        moment: Option<&mut [f32]>,
    ) {
        let direction = |i: usize| 1.0 / full[i].sqrt() * (grads[i] * update.grad_scale);
        apply_each(update, values, direction, moment);
    }
}

#[inline(always)]
fn apply_each(
    update: Update,
    values: &mut [f32],
    direction: impl Fn(usize) -> f32,
    moment: Option<&mut [f32]>,
) {
    match moment {
        None => {
            for (i, value) in values.iter_mut().enumerate() {
                *value = update.value(*value, direction(i), None);
            }
        }
        Some(moment) => {
            for (i, (value, moment)) in values.iter_mut().zip(moment).enumerate() {
                *value = update.value(*value, direction(i), Some(moment));
            }
        }
    }
}
