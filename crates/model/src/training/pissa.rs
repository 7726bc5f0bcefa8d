//! Pairs that begin as the principal part of a weight.

use catena_kernels::Pool;
use rand_chacha::ChaCha8Rng;

use super::svd::{self, EXACT_SIDE, Svd};

/// Power iterations when the exact decomposition is asked for of a matrix that is too large for
/// it: enough that what is found and what is exact differ as little as f32 can tell, unless
/// singular values are nearly equal, where either choice is as good.
const LARGE_NITER: usize = 16;

/// What a weight becomes: `W = residual + s B A`.
pub(super) struct Pissa {
    pub(super) a_rk: Vec<f32>,
    pub(super) b_nr: Vec<f32>,
}

/// Takes the largest singular values out of `w_nk`, which becomes the residual.
///
/// `A = sqrt(S / s) V^T`, `B = U sqrt(S / s)` for the `r` largest of `W = U S V^T`; `niter` as in
/// `pissa_niter_N`.
///
/// # Source
/// Meng et al. 2024, arXiv:2404.02948, section 3. Where PEFT decomposes exactly, we do up to
/// [`EXACT_SIDE`] rows or columns.
pub(super) fn pissa(
    pool: &Pool,
    w_nk: &mut [f32],
    (n, k): (usize, usize),
    (r, scale): (usize, f32),
    niter: Option<usize>,
    rng: &mut ChaCha8Rng,
) -> Pissa {
    let Svd { values, left_rn, right_rk } = match niter {
        None if n.min(k) <= EXACT_SIDE => svd::exact(w_nk, (n, k), r),
        _ => svd::randomized(pool, w_nk, (n, k), r, niter.unwrap_or(LARGE_NITER), rng),
    };
    let found = values.len();
    let roots: Vec<f64> = values.iter().map(|s| (s / f64::from(scale)).sqrt()).collect();
    // Pairs of a rank above the matrix's own end in zeros.
    let (mut a_rk, mut b_nr) = (vec![0.0f32; r * k], vec![0.0f32; n * r]);
    for j in 0..found {
        for (a, v) in a_rk[j * k..][..k].iter_mut().zip(&right_rk[j * k..]) {
            *a = narrow(roots[j] * v);
        }
        for (i, u) in left_rn[j * n..][..n].iter().enumerate() {
            b_nr[i * r + j] = narrow(roots[j] * u);
        }
    }
    let mut sums = vec![0.0f64; k];
    for (row, b) in w_nk.chunks_exact_mut(k).zip(b_nr.chunks_exact(r)) {
        sums.fill(0.0);
        for (&b, a) in b.iter().zip(a_rk.chunks_exact(k)) {
            sums.iter_mut().zip(a).for_each(|(sum, &a)| *sum += f64::from(b) * f64::from(a));
        }
        for (w, sum) in row.iter_mut().zip(&sums) {
            *w = narrow(f64::from(*w) - f64::from(scale) * sum);
        }
    }
    Pissa { a_rk, b_nr }
}

#[expect(clippy::cast_possible_truncation, reason = "computed wide, stored as f32")]
fn narrow(x: f64) -> f32 {
    x as f32
}
