//! What the residual stream starts from.

use catena_kernels::{AlignedBuf, lookup_backward, scale};

use super::matrix::Matrix;
use super::params::Vector;
use super::pass::Pass;

/// The tables that rows of the residual stream are looked up in.
pub(super) struct Embedding {
    pub(super) words: Matrix,
    /// Factor of the words' rows.
    pub(super) multiplier: f32,
    /// A learned vector per position, `[positions, c]`.
    pub(super) positions: Option<Vector>,
}

impl Embedding {
    /// Writes the first residual stream.
    pub(super) fn forward(&self, pass: &Pass<'_>, tokens: &[u32], x_tc: &mut [f32]) {
        let c = x_tc.len() / tokens.len();
        let words = self.words.get(pass.values);
        let positions = self.positions.as_ref().map(|table| table.get(pass.values));
        pass.pool.split_rows(x_tc, c, &|rows, x| {
            for (x, row) in x.chunks_exact_mut(c).zip(rows) {
                words.row(tokens[row] as usize, x);
                if self.multiplier.to_bits() != 1f32.to_bits() {
                    x.iter_mut().for_each(|x| *x *= self.multiplier);
                }
                if let Some(table) = positions {
                    let at = pass.batch.positions[row] as usize * c;
                    x.iter_mut().zip(&table[at..at + c]).for_each(|(x, learned)| *x += learned);
                }
            }
        });
    }

    /// Adds the gradients of the tables that are trained.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        tokens: &[u32],
        dx_tc: &[f32],
        grads: &mut [f32],
    ) {
        if let Some(dtable) = self.words.grad(grads) {
            lookup_backward(pass.pool, tokens, dx_tc, self.multiplier, dtable);
        }
        if let Some(dtable) = self.positions.as_ref().and_then(|table| table.grad(grads)) {
            lookup_backward(pass.pool, &pass.batch.positions, dx_tc, 1.0, dtable);
        }
    }

    pub(super) fn is_trained(&self) -> bool {
        self.words.is_trained() || self.positions.as_ref().is_some_and(Vector::is_trained)
    }
}

/// Multiplies by a factor that is usually 1.
pub(super) fn scale_by(pass: &Pass<'_>, x: &mut AlignedBuf<f32>, len: usize, factor: f32) {
    if factor.to_bits() != 1f32.to_bits() {
        scale(pass.pool, &mut x[..len], factor);
    }
}
