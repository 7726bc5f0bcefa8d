//! A norm of the model.

use catena_kernels::{
    bias_backward, layer_norm, layer_norm_backward, layer_norm_gain_backward, rms_norm,
    rms_norm_backward, rms_norm_gain_backward,
};

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

    /// Adds to the gradients of gain and bias, and to `dx` if it is wanted.
    ///
    /// `stats` is working memory of two values per row.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        x: &[f32],
        dy: &[f32],
        dx: Option<&mut [f32]>,
        grads: &mut [f32],
        stats: &mut [f32],
    ) {
        let (pool, eps, gain) = (pass.pool, self.eps, self.gain.get(pass.values));
        if let Some(dx) = dx {
            match self.kind {
                NormKind::Rms => rms_norm_backward(pool, x, gain, eps, dy, dx),
                NormKind::Layer => layer_norm_backward(pool, x, gain, eps, dy, dx),
            }
        }
        if let Some(dbias) = self.bias.grad(grads) {
            bias_backward(pool, dy, dbias.len(), dbias);
        }
        if let Some(dgain) = self.gain.grad(grads) {
            match self.kind {
                NormKind::Rms => rms_norm_gain_backward(pool, x, eps, dy, stats, dgain),
                NormKind::Layer => layer_norm_gain_backward(pool, x, eps, dy, stats, dgain),
            }
        }
    }

    pub(super) fn is_trained(&self) -> bool {
        self.gain.is_trained() || self.bias.is_trained()
    }
}
