//! Muon: steps along the orthogonalized momentum of a matrix.

use super::norm::{num_square_sums, sum_of_squares_in};
use super::split::split;
use crate::leveled::leveled;
use crate::share::SharedMut;
use crate::{AlignedBuf, DenseMatrix, DenseType, Pool, RowOperand, level, transpose};

/// The constants of the momentum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MuonFactors {
    /// Decay of the mean of gradients.
    pub momentum: f64,
    /// Whether the update looks ahead along the new momentum.
    pub nesterov: bool,
    /// Factor of every gradient.
    pub grad_scale: f32,
}

/// Moves the momentum towards the gradient and writes what is to be orthogonalized.
///
/// `b += (1 - momentum) (g - b)`; the update is `b`, or `g + momentum (b - g)` for Nesterov's form.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn muon_momentum(
    pool: &Pool,
    factors: &MuonFactors,
    grads: &[f32],
    buffer: &mut [f32],
    update: &mut [f32],
) {
    assert_eq!(buffer.len(), grads.len(), "momentum and gradients");
    assert_eq!(buffer.len(), update.len(), "momentum and update");
    let level = level();
    let rest = (1.0 - factors.momentum) as f32;
    let (nesterov, grad_scale) = (factors.nesterov, factors.grad_scale);
    let update = SharedMut::new(update);
    split(pool, buffer, &|part, buffer| {
        // SAFETY: the parts of different threads are disjoint.
        let update = unsafe { update.range(part.clone()) };
        momentum(level, rest, nesterov, grad_scale, &grads[part], buffer, update);
    });
}

/// `w = keep * w - step * update`.
///
/// # Panics
/// If the lengths disagree: a caller's bug.
pub fn muon_apply(pool: &Pool, keep: f64, step: f64, update: &[f32], values: &mut [f32]) {
    assert_eq!(values.len(), update.len(), "values and update");
    let level = level();
    split(pool, values, &|part, values| {
        combine(level, keep as f32, -step as f32, &update[part], values);
    });
}

leveled! {
    fn momentum(
        rest: f32,
        nesterov: bool,
        grad_scale: f32,
        grads: &[f32],
        buffer: &mut [f32],
        update: &mut [f32],
    ) {
        for ((grad, buffer), update) in grads.iter().zip(buffer).zip(update) {
            let grad = grad * grad_scale;
            *buffer += rest * (grad - *buffer);
            *update = if nesterov { *buffer - (*buffer - grad) * rest } else { *buffer };
        }
    }
}

leveled! {
    fn combine(own: f32, other: f32, from: &[f32], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = own * *to + other * from;
        }
    }
}

leveled! {
    fn scale(factor: f32, from: &[f32], to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = factor * from;
        }
    }
}

/// `to = factor * from`, on all threads.
fn scaled(pool: &Pool, factor: f32, from: &[f32], to: &mut [f32]) {
    let level = level();
    split(pool, to, &|part, to| scale(level, factor, &from[part], to));
}

/// The Newton-Schulz iteration towards the nearest orthogonal matrix, with its memory.
pub struct NewtonSchulz {
    x: AlignedBuf<f32>,
    next: AlignedBuf<f32>,
    gram: AlignedBuf<f32>,
    polynomial: AlignedBuf<f32>,
    scaled_gram: AlignedBuf<f32>,
    columns: DenseMatrix,
    rows: RowOperand,
    sums: Vec<f64>,
}

impl NewtonSchulz {
    /// Coefficients of the quintic, chosen for the steepest rise at zero.
    pub const COEFFICIENTS: [f64; 3] = [3.4445, -4.7750, 2.0315];

    /// Memory for matrices of the given rows and columns; products are in `dtype`, with sums in
    /// f32.
    pub fn new(dtype: DenseType, shapes: &[[usize; 2]]) -> Self {
        let short = |shape: &[usize; 2]| shape[0].min(shape[1]);
        let len = shapes.iter().map(|shape| shape[0] * shape[1]).max().unwrap_or(0);
        let square = shapes.iter().map(|shape| short(shape).pow(2)).max().unwrap_or(0);
        // The operands that a shape needs, as rows and reduction.
        let operands = shapes.iter().flat_map(|shape| {
            let (short, long) = (short(shape), shape[0].max(shape[1]));
            [(short, long), (long, short), (short, short)]
        });
        let words = |&(rows, reduction): &(usize, usize)| rows.div_ceil(16) * reduction.div_ceil(2);
        let (n, k) = operands.max_by_key(words).unwrap_or((0, 0));
        let longest = shapes.iter().map(|shape| shape[0].max(shape[1])).max().unwrap_or(0);
        let shortest = shapes.iter().map(short).max().unwrap_or(0);
        NewtonSchulz {
            x: AlignedBuf::zeroed(len),
            next: AlignedBuf::zeroed(len),
            gram: AlignedBuf::zeroed(square),
            polynomial: AlignedBuf::zeroed(square),
            scaled_gram: AlignedBuf::zeroed(square),
            columns: DenseMatrix::with_capacity(dtype, n, k),
            rows: RowOperand::with_capacity(dtype, shortest, longest),
            sums: vec![0.0; num_square_sums(len)],
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let values = [&self.x, &self.next, &self.gram, &self.polynomial, &self.scaled_gram];
        values.iter().map(|buffer| buffer.bytes()).sum::<usize>() + self.columns.bytes()
    }

    /// Replaces `update` `[rows, cols]` by a matrix with the same singular vectors and singular
    /// values near 1.
    ///
    /// `X /= max(|X|, eps)`, then `steps` times `X = a X + (b A + c A A) X` with `A = X X^T`; a
    /// matrix with more rows than columns is transposed first, so that `A` is the small square.
    ///
    /// # Panics
    /// If the shape is larger than those given at the start.
    ///
    /// # Source
    /// Jordan 2024, as `torch.optim.Muon`, which keeps `X` itself in bf16; here only the operands
    /// of products are rounded to the element type.
    pub fn orthogonalize(
        &mut self,
        pool: &Pool,
        update: &mut [f32],
        [rows, cols]: [usize; 2],
        steps: u32,
        eps: f64,
    ) {
        assert_eq!(update.len(), rows * cols, "matrix [{rows}, {cols}]");
        assert!(update.len() <= self.x.len(), "{} values of {}", update.len(), self.x.len());
        if update.is_empty() {
            return;
        }
        let (short, long) = (rows.min(cols), rows.max(cols));
        let norm = sum_of_squares_in(pool, update, &mut self.sums).sqrt().max(eps);
        let inverse = (1.0 / norm) as f32;
        if rows > cols {
            transpose(pool, update, cols, &mut self.x[..rows * cols]);
            let (x, next) = (&self.x[..rows * cols], &mut self.next[..rows * cols]);
            scaled(pool, inverse, x, next);
            std::mem::swap(&mut self.x, &mut self.next);
        } else {
            scaled(pool, inverse, update, &mut self.x[..rows * cols]);
        }
        for _ in 0..steps {
            self.iterate(pool, short, long);
        }
        let result = &self.x[..rows * cols];
        if rows > cols {
            transpose(pool, result, rows, update);
        } else {
            update.copy_from_slice(result);
        }
    }

    /// One step of the iteration on `x` `[short, long]`.
    fn iterate(&mut self, pool: &Pool, short: usize, long: usize) {
        let [a, b, c] = Self::COEFFICIENTS.map(|x| x as f32);
        let (x, next) = (&self.x[..short * long], &mut self.next[..short * long]);
        let (gram, polynomial) =
            (&mut self.gram[..short * short], &mut self.polynomial[..short * short]);
        let scaled_gram = &mut self.scaled_gram[..short * short];
        self.columns.repack(pool, x, short, long);
        self.rows.set(pool, x, short, long, long);
        self.columns.matmul_operand(pool, &self.rows, gram, short, false);
        scaled(pool, b, gram, polynomial);
        scaled(pool, c, gram, scaled_gram);
        // The square is symmetric, so its rows are its columns.
        self.columns.repack(pool, gram, short, short);
        self.rows.set(pool, scaled_gram, short, short, short);
        self.columns.matmul_operand(pool, &self.rows, polynomial, short, true);
        scaled(pool, a, x, next);
        self.columns.repack_transposed(pool, x, short, long, long);
        self.rows.set(pool, polynomial, short, short, short);
        self.columns.matmul_operand(pool, &self.rows, next, long, true);
        std::mem::swap(&mut self.x, &mut self.next);
    }
}
