//! A norm of the model.

use catena_kernels::{
    RowNorm, RowOperand, bias_backward, layer_norm, layer_norm_operand, norm_backward, rms_norm,
    rms_norm_operand,
};

use super::grads::Grads;
use super::params::Vector;
use super::pass::Pass;
use crate::config::NormKind;

/// A norm over rows of `gain`'s length.
pub(super) struct Norm {
    pub(super) kind: NormKind,
    pub(super) eps: f32,
    pub(super) gain: Vector,
    /// Zero and frozen for a layer norm without one; not read by a root-mean-square norm.
    pub(super) bias: Vector,
}

impl Norm {
    pub(super) fn forward(&self, pass: &Pass<'_>, x: &[f32], out: &mut [f32]) {
        let gain = self.gain.get(pass.values);
        match self.kind {
            NormKind::Rms => rms_norm(pass.pool, x, gain, self.eps, out),
            NormKind::Layer => {
                let bias = self.bias.get(pass.values);
                layer_norm(pass.pool, x, gain, bias, self.eps, out);
            }
        }
    }

    /// The same as an operand of products.
    pub(super) fn enter(&self, pass: &Pass<'_>, x: &[f32], operand: &mut RowOperand) {
        let gain = self.gain.get(pass.values);
        match self.kind {
            NormKind::Rms => rms_norm_operand(pass.pool, x, gain, self.eps, operand),
            NormKind::Layer => {
                let bias = self.bias.get(pass.values);
                layer_norm_operand(pass.pool, x, gain, bias, self.eps, operand);
            }
        }
    }

    /// Adds to the gradients of gain and bias, and to `dx` if it is wanted.
    ///
    /// `stats` is working memory of two values per row.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        x: &[f32],
        dy: &[f32],
        dx: Option<&mut [f32]>,
        grads: &mut Grads,
        stats: &mut [f32],
    ) {
        if let Some(dbias) = self.bias.grad(grads) {
            bias_backward(pass.pool, dy, dbias.len(), dbias);
        }
        let (gain_c, bias_c) = (self.gain.get(pass.values), self.bias.get(pass.values));
        let norm = match self.kind {
            NormKind::Rms => RowNorm::Rms { gain_c, eps: self.eps },
            NormKind::Layer => RowNorm::Layer { gain_c, bias_c, eps: self.eps },
        };
        norm_backward(pass.pool, norm, (x, dy), dx, self.gain.grad(grads), stats);
    }

    pub(super) fn is_trained(&self) -> bool {
        self.gain.is_trained() || self.bias.is_trained()
    }
}
