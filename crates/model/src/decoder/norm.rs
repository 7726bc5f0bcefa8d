//! The norms of a decoder.

use catena_kernels::{Pool, RowNorm, layer_norm, rms_norm};

/// A norm over the residual stream.
pub(super) enum Norm {
    Rms { gain_c: Vec<f32>, eps: f32 },
    Layer { gain_c: Vec<f32>, bias_c: Vec<f32>, eps: f32 },
}

impl Norm {
    /// The norm as a chain of products takes it.
    pub(super) fn of_rows(&self) -> RowNorm<'_> {
        match self {
            Self::Rms { gain_c, eps } => RowNorm::Rms { gain_c, eps: *eps },
            Self::Layer { gain_c, bias_c, eps } => RowNorm::Layer { gain_c, bias_c, eps: *eps },
        }
    }

    /// Norms each row of `x_tc` into `out_tc`.
    pub(super) fn apply(&self, pool: &Pool, x_tc: &[f32], out_tc: &mut [f32]) {
        match self {
            Self::Rms { gain_c, eps } => rms_norm(pool, x_tc, gain_c, *eps, out_tc),
            Self::Layer { gain_c, bias_c, eps } => {
                layer_norm(pool, x_tc, gain_c, bias_c, *eps, out_tc);
            }
        }
    }
}
