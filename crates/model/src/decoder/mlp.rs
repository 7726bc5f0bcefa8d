//! MLPs: dense ones, and the choice between them and experts.

use catena_kernels::{MatmulScratch, Pool, activate, gated_mul};

use super::adapters::{AdapterBuffers, Deltas, Product};
use super::moe::Experts;
use crate::config::Mlp as MlpKind;
use crate::linear::Linear;

/// What stands behind attention in a layer.
pub(super) enum Mlp {
    Dense(Dense),
    Experts(Experts),
}

/// `down(act(gate(x)) * up(x))`, or `down(act(up(x)))`.
pub(super) struct Dense {
    pub(super) kind: MlpKind,
    pub(super) width: usize,
    /// Gate and up side by side, or up alone.
    pub(super) up_proj: Linear,
    pub(super) down_proj: Linear,
}

/// Where an MLP works.
pub(super) struct MlpBuffers<'a> {
    /// Gate and up columns of each row `[t, 2 f]`.
    pub(super) gate_up: &'a mut [f32],
    /// `act(gate) * up` `[t, f]`.
    pub(super) mlp_tf: &'a mut [f32],
    pub(super) matmul: &'a mut MatmulScratch,
    pub(super) beside: &'a mut AdapterBuffers,
    /// What adapters do.
    pub(super) deltas: Deltas<'a>,
    /// The expert that the MLP is, if it is one.
    pub(super) expert: Option<usize>,
}

impl Mlp {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Dense(dense) => dense.bytes(),
            Self::Experts(experts) => experts.bytes(),
        }
    }
}

impl Dense {
    pub(super) fn bytes(&self) -> usize {
        self.up_proj.bytes() + self.down_proj.bytes()
    }

    /// Writes or adds the MLP of the rows of `input_tc` to `out_tc`.
    pub(super) fn apply(
        &self,
        pool: &Pool,
        input_tc: &[f32],
        out_tc: &mut [f32],
        accumulate: bool,
        buffers: &mut MlpBuffers<'_>,
    ) {
        let MlpBuffers { gate_up, mlp_tf, matmul, beside, deltas, expert } = buffers;
        let (rows, up_width) = (input_tc.len() / self.up_proj.k(), self.up_proj.n());
        let up = &mut gate_up[..rows * up_width];
        self.up_proj.apply(pool, input_tc, up, up_width, false, matmul);
        deltas.add(
            (Product::Up(*expert), false),
            pool,
            input_tc,
            (&mut *up, up_width),
            beside,
            matmul,
        );
        let inner_tf = match self.kind {
            MlpKind::Gated(act) => {
                let mlp_tf = &mut mlp_tf[..rows * self.width];
                gated_mul(pool, act, up, self.width, mlp_tf);
                mlp_tf
            }
            MlpKind::Plain(act) => {
                activate(pool, act, up);
                up
            }
        };
        let width = self.down_proj.n();
        let down = Product::Down(*expert);
        deltas.scale_inputs(down, inner_tf, self.width);
        if accumulate {
            deltas.hold(down, (out_tc, width), beside);
        }
        self.down_proj.apply(pool, inner_tf, out_tc, width, accumulate, matmul);
        deltas.add((down, accumulate), pool, inner_tf, (out_tc, width), beside, matmul);
    }
}
