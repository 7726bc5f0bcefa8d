//! Lengths of rows that are learnt apart from their directions.

use std::ops::Range;

use catena_kernels::{AlignedBuf, DenseType, Pool, RowOperand, WeightRef, scale_columns_backward};

use super::grads::Grads;
use super::linear::Columns;
use super::pass::Pass;
use super::room::Room;

/// Row norms below this count as this: a row of zeros has no direction.
const SMALLEST_SQUARE: f64 = 1e-30;

/// The magnitudes `m [n]` of a projection with a pair: its rows are
/// `m_i (W_i + s B_i A) / ||W_i + s B_i A||`.
///
/// The norm is a constant to the gradient, and is computed in every forward pass, because the pair
/// changes between them. Nothing as large as `W` is made for it:
///
/// `||W_i + s B_i A||^2 = ||W_i||^2 + 2 s B_i (A W_i) + s^2 B_i (A A^T) B_i^T`
///
/// # Source
/// Liu et al. 2024, arXiv:2402.09353, section 4.3.
#[derive(Default)]
pub(super) struct Dora {
    pub(super) magnitude: Range<usize>,
    /// `||W_i||^2` of the frozen rows as they are held.
    squares: Vec<f64>,
    /// Of the last forward pass: `1 / ||W_i + s B_i A||`, and `m_i` times that.
    inverse_norms: Vec<f32>,
    factors: Vec<f32>,
}

/// A pair with the matrix that it stands beside.
#[derive(Clone, Copy)]
pub(super) struct PairView<'a> {
    pub(super) weight: WeightRef<'a>,
    pub(super) a: WeightRef<'a>,
    pub(super) a_rk: &'a [f32],
    pub(super) b_nr: &'a [f32],
    pub(super) scale: f32,
}

/// Working memory for norms.
pub(super) struct NormScratch {
    operand: RowOperand,
    /// `A W^T`, `[r, n]`.
    products_rn: AlignedBuf<f32>,
    /// `A A^T`.
    gram_rr: AlignedBuf<f32>,
    sums_n: AlignedBuf<f32>,
}

impl NormScratch {
    /// For pairs of up to `r`, beside matrices of up to `width` rows and columns.
    pub(super) fn new(room: &mut Room, dtype: DenseType, r: usize, width: usize) -> Self {
        NormScratch {
            operand: room.operand(dtype, r, width),
            products_rn: room.floats(r * width),
            gram_rr: room.floats(r * r),
            sums_n: room.floats(width),
        }
    }
}

impl Dora {
    /// Memory per row of the matrix, without trained values.
    pub(super) const BYTES_PER_ROW: usize = size_of::<f64>() + 2 * size_of::<f32>();

    /// Without a place for the magnitudes yet, and the magnitudes that the pair's first values
    /// give.
    pub(super) fn new(pool: &Pool, pair: PairView<'_>, s: &mut NormScratch) -> (Self, Vec<f32>) {
        let (n, k) = (pair.weight.n(), pair.weight.k());
        let mut row = vec![0.0; k];
        let mut squares = Vec::with_capacity(n);
        for i in 0..n {
            pair.weight.row(i, &mut row);
            squares.push(row.iter().map(|&w| f64::from(w).powi(2)).sum());
        }
        let mut dora =
            Dora { magnitude: 0..0, squares, inverse_norms: vec![0.0; n], factors: vec![0.0; n] };
        dora.set_norms(pool, pair, s);
        let norms = dora.inverse_norms.iter().map(|inverse| inverse.recip()).collect();
        (dora, norms)
    }

    /// Computes the norms, and the factors `m / norm` of this pass.
    pub(super) fn set_factors(
        &mut self,
        pass: &Pass<'_>,
        pair: PairView<'_>,
        s: &mut NormScratch,
    ) -> &[f32] {
        self.set_norms(pass.pool, pair, s);
        let magnitudes = &pass.values[self.magnitude.clone()];
        for ((factor, inverse), m) in
            self.factors.iter_mut().zip(&self.inverse_norms).zip(magnitudes)
        {
            *factor = m * inverse;
        }
        &self.factors
    }

    fn set_norms(&mut self, pool: &Pool, pair: PairView<'_>, s: &mut NormScratch) {
        let PairView { weight, a, a_rk, b_nr, scale } = pair;
        let (n, r, k) = (weight.n(), a.n(), a.k());
        s.operand.set(pool, a_rk, r, k, k);
        let (products, gram) = (&mut s.products_rn[..r * n], &mut s.gram_rr[..r * r]);
        weight.matmul(pool, &s.operand, products, n, false);
        a.matmul(pool, &s.operand, gram, r, false);
        let (products, gram, squares) = (&*products, &*gram, &self.squares);
        let scale = f64::from(scale);
        pool.split_rows(&mut self.inverse_norms, 1, &|rows, inverses| {
            for (inverse, i) in inverses.iter_mut().zip(rows) {
                let b = &b_nr[i * r..][..r];
                let (mut cross, mut own) = (0.0, 0.0);
                for (j, (&b_j, gram)) in b.iter().zip(gram.chunks_exact(r)).enumerate() {
                    let along: f64 =
                        gram.iter().zip(b).map(|(&g, &b)| f64::from(g) * f64::from(b)).sum();
                    cross += f64::from(b_j) * f64::from(products[j * n + i]);
                    own += f64::from(b_j) * along;
                }
                let square = squares[i] + 2.0 * scale * cross + scale * scale * own;
                let norm = square.max(SMALLEST_SQUARE).sqrt();
                #[expect(clippy::cast_possible_truncation, reason = "summed wide, used as f32")]
                let narrow = (1.0 / norm) as f32;
                *inverse = narrow;
            }
        });
    }

    /// From the gradient of the scaled outputs: adds that of the magnitudes, and writes that of the
    /// unscaled outputs `u`.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        u_tn: &[f32],
        dy: Columns<'_>,
        du_tn: &mut [f32],
        grads: &mut Grads,
        s: &mut NormScratch,
    ) {
        let sums = &mut s.sums_n[..self.factors.len()];
        sums.fill(0.0);
        let (factors, dy) = (&self.factors, (dy.data, dy.stride));
        scale_columns_backward(pass.pool, u_tn, factors, dy, Some(du_tn), sums);
        let dmagnitudes = grads.of(&self.magnitude);
        for ((dm, sum), inverse) in dmagnitudes.iter_mut().zip(sums).zip(&self.inverse_norms) {
            *dm += *sum * inverse;
        }
    }
}
