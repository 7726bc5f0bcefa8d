//! The MLP block: norm, gate and up, gated activation, down.

use catena_kernels::{Gate, Pool, gated_mul, rms_norm, rms_norm_backward, silu_mul_backward};

use super::buffers::{Saved, Work};
use super::linear::{Columns, Linear};

/// The MLP block of one layer.
pub(super) struct MlpBlock {
    pub(super) norm_c: Vec<f32>,
    pub(super) eps: f32,
    pub(super) intermediate_size: usize,
    pub(super) gate_proj: Linear,
    pub(super) up_proj: Linear,
    pub(super) down_proj: Linear,
}

impl MlpBlock {
    /// Adds the block to the residual stream `work.x_tc`.
    pub(super) fn forward(&mut self, pool: &Pool, t: usize, saved: &mut Saved, work: &mut Work) {
        let (c, f) = (self.norm_c.len(), self.intermediate_size);
        let x = &mut work.x_tc[..t * c];
        saved.before_mlp[..t * c].copy_from_slice(x);
        let normed = &mut work.normed_tc[..t * c];
        rms_norm(pool, x, &self.norm_c, self.eps, normed);
        work.operand.set(pool, normed, t, c, c);
        let gate_up = &mut saved.gate_up_t2f[..t * 2 * f];
        let linear = &mut work.linear;
        self.gate_proj.forward(pool, &work.operand, (gate_up, 2 * f), false, linear);
        self.up_proj.forward(pool, &work.operand, (&mut gate_up[f..], 2 * f), false, linear);
        let act = &mut work.act_tf[..t * f];
        gated_mul(pool, Gate::Silu, gate_up, f, act);
        work.operand.set(pool, act, t, f, f);
        self.down_proj.forward(pool, &work.operand, (x, c), true, linear);
    }

    /// Adds the adapters' gradients, and the block's part to `work.dx_tc`.
    pub(super) fn backward(
        &mut self,
        pool: &Pool,
        t: usize,
        (saved, work): (&mut Saved, &mut Work),
        grads: &mut [f32],
    ) {
        let (c, f) = (self.norm_c.len(), self.intermediate_size);
        let dx = &mut work.dx_tc[..t * c];
        let gate_up = &mut saved.gate_up_t2f[..t * 2 * f];
        let linear = &mut work.linear;
        if self.down_proj.lora.is_some() {
            let act = &mut work.act_tf[..t * f];
            gated_mul(pool, Gate::Silu, gate_up, f, act);
            linear.set_input(pool, act, t);
        }
        let dact = &mut work.dact_tf[..t * f];
        let dy = Columns { data: dx, stride: c };
        self.down_proj.backward(pool, dy, t, Some((dact, false)), grads, linear);
        silu_mul_backward(pool, gate_up, dact, f);

        let before = &saved.before_mlp[..t * c];
        if self.gate_proj.lora.is_some() || self.up_proj.lora.is_some() {
            let normed = &mut work.normed_tc[..t * c];
            rms_norm(pool, before, &self.norm_c, self.eps, normed);
            linear.set_input(pool, normed, t);
        }
        let dnormed = &mut work.dnormed_tc[..t * c];
        let dgate = Columns { data: gate_up, stride: 2 * f };
        self.gate_proj.backward(pool, dgate, t, Some((dnormed, false)), grads, linear);
        let dup = Columns { data: &gate_up[f..], stride: 2 * f };
        self.up_proj.backward(pool, dup, t, Some((dnormed, true)), grads, linear);
        rms_norm_backward(pool, before, &self.norm_c, self.eps, dnormed, dx);
    }
}
