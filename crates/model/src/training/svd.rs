//! The largest singular values of a matrix.

use catena_kernels::{DenseType, Pool, RowOperand, WeightRef};
use rand_chacha::ChaCha8Rng;

use super::source::normals;

/// Sides up to which a decomposition is exact unless asked otherwise: the work grows with the
/// cube.
pub(super) const EXACT_SIDE: usize = 256;
/// Directions more than asked for, so that the last ones asked for are good too.
const OVERSAMPLING: usize = 10;
/// Passes over all pairs of rows at most; some ten are the most that matrices have needed.
const MAX_SWEEPS: usize = 40;
/// Rows whose cosine is below this count as orthogonal.
const ORTHOGONAL: f64 = 1e-14;

/// The parts of `W [n, k]` that belong to its `r` largest singular values.
pub(super) struct Svd {
    /// Descending.
    pub(super) values: Vec<f64>,
    /// Left singular vectors as rows, `[r, n]`.
    pub(super) left_rn: Vec<f64>,
    /// Right singular vectors as rows, `[r, k]`.
    pub(super) right_rk: Vec<f64>,
}

/// By rotations of the rows of the smaller side, exact but for rounding.
///
/// # Source
/// One-sided Jacobi: Hestenes 1958; Demmel and Veselic 1992.
pub(super) fn exact(w_nk: &[f32], (n, k): (usize, usize), r: usize) -> Svd {
    let wide: Vec<f64> = if n <= k {
        w_nk.iter().map(|&w| f64::from(w)).collect()
    } else {
        let columns = (0..k).flat_map(|j| (0..n).map(move |i| i * k + j));
        columns.map(|at| f64::from(w_nk[at])).collect()
    };
    let (rows, len) = (n.min(k), n.max(k));
    let mut basis = vec![0.0; rows * rows];
    basis.iter_mut().step_by(rows + 1).for_each(|one| *one = 1.0);
    let (values, short, long) = largest(rotate_rows(wide, basis, rows, len), r);
    if n <= k {
        Svd { values, left_rn: short, right_rk: long }
    } else {
        Svd { values, left_rn: long, right_rk: short }
    }
}

/// By a random subspace that `niter` multiplications with `W W^T` turn towards the largest singular
/// vectors.
///
/// # Source
/// Halko, Martinsson and Tropp 2011, arXiv:0909.4061, algorithms 4.4 and 5.1.
pub(super) fn randomized(
    pool: &Pool,
    w_nk: &[f32],
    (n, k): (usize, usize),
    r: usize,
    niter: usize,
    rng: &mut ChaCha8Rng,
) -> Svd {
    let rows = (r + OVERSAMPLING).min(n.min(k));
    let weight = WeightRef::Floats { w_nk, n, k };
    let mut operand = RowOperand::new(DenseType::F32);
    let (mut y, mut z) = (vec![0.0; rows * n], normals(rng, rows * k, 1.0));
    for step in 0..=niter {
        operand.set(pool, &z, rows, k, k);
        weight.matmul(pool, &operand, &mut y, n, false);
        orthonormalize(&mut y, n);
        operand.set(pool, &y, rows, n, n);
        weight.matmul_transposed(pool, &operand, &mut z, k, false);
        if step < niter {
            orthonormalize(&mut z, k);
        }
    }
    // The rows of `y` are a basis Q, those of `z` are Q^T W: what rotates these apart makes singular
    // vectors of those.
    let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect();
    let rotated = rotate_rows(wide(&z), wide(&y), rows, k);
    let (values, left_rn, right_rk) = largest(rotated, r);
    Svd { values, left_rn, right_rk }
}

/// Rows that are orthogonal to each other, and others that were rotated alike.
struct Rotated {
    rows: Vec<f64>,
    others: Vec<f64>,
    count: usize,
}

/// Rotates pairs of `count` rows of `len` values until all are orthogonal.
fn rotate_rows(mut rows: Vec<f64>, mut others: Vec<f64>, count: usize, len: usize) -> Rotated {
    let width = others.len() / count;
    for _ in 0..MAX_SWEEPS {
        let mut rotated = false;
        for i in 0..count {
            for j in i + 1..count {
                let (a, b) = pair(&mut rows, len, i, j);
                let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
                for (a, b) in a.iter().zip(&*b) {
                    aa += a * a;
                    bb += b * b;
                    ab += a * b;
                }
                if ab == 0.0 || ab.abs() <= ORTHOGONAL * (aa * bb).sqrt() {
                    continue;
                }
                rotated = true;
                let zeta = (bb - aa) / (2.0 * ab);
                let tangent = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let cos = 1.0 / (1.0 + tangent * tangent).sqrt();
                let sin = cos * tangent;
                rotate(a, b, cos, sin);
                let (a, b) = pair(&mut others, width, i, j);
                rotate(a, b, cos, sin);
            }
        }
        if !rotated {
            break;
        }
    }
    Rotated { rows, others, count }
}

fn pair(rows: &mut [f64], len: usize, i: usize, j: usize) -> (&mut [f64], &mut [f64]) {
    let (head, tail) = rows.split_at_mut(j * len);
    (&mut head[i * len..][..len], &mut tail[..len])
}

fn rotate(a: &mut [f64], b: &mut [f64], cos: f64, sin: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
    }
}

/// The `r` longest rows: their lengths, what was rotated with them, and their directions.
fn largest(rotated: Rotated, r: usize) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let Rotated { rows, others, count } = rotated;
    let (len, width) = (rows.len() / count, others.len() / count);
    let norm = |i: usize| rows[i * len..][..len].iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut order: Vec<(f64, usize)> = (0..count).map(|i| (norm(i), i)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    order.truncate(r);
    let (mut beside, mut directions) = (Vec::new(), Vec::new());
    for &(value, i) in &order {
        beside.extend_from_slice(&others[i * width..][..width]);
        let inverse = if value > 0.0 { value.recip() } else { 0.0 };
        directions.extend(rows[i * len..][..len].iter().map(|x| x * inverse));
    }
    (order.into_iter().map(|(value, _)| value).collect(), beside, directions)
}

/// Makes rows of `len` values orthonormal, twice so that rounding does not add up.
fn orthonormalize(rows: &mut [f32], len: usize) {
    for i in 0..rows.len() / len {
        for _ in 0..2 {
            let (before, own) = rows.split_at_mut(i * len);
            let own = &mut own[..len];
            for other in before.chunks_exact(len) {
                let along = dot(own, other);
                for (x, other) in own.iter_mut().zip(other) {
                    *x = narrow(f64::from(*x) - along * f64::from(*other));
                }
            }
            let norm = dot(own, own).sqrt();
            let inverse = if norm > 0.0 { norm.recip() } else { 0.0 };
            for x in own.iter_mut() {
                *x = narrow(f64::from(*x) * inverse);
            }
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[expect(clippy::cast_possible_truncation, reason = "computed wide, stored as f32")]
fn narrow(x: f64) -> f32 {
    x as f32
}
