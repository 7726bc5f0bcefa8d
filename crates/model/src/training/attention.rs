//! The attention block: norm, projections, rotary positions, attention, output projection.

use catena_kernels::{
    AttentionMask, AttentionShape, DenseType, Pool, RopeSpec, RopeTable, attention_backward,
    attention_forward, rms_norm, rms_norm_backward, rope, rope_backward,
};

use super::batch::Layout;
use super::buffers::{Saved, Work};
use super::linear::{Columns, Linear};
use crate::ModelConfig;

/// What every layer reads.
pub(super) struct Shared {
    pub(super) config: ModelConfig,
    pub(super) shape: AttentionShape,
    pub(super) rope: RopeTable,
}

impl Shared {
    /// Rotary angles reach to `max_tokens`, the longest sequence that a batch can hold.
    pub(super) fn new(config: &ModelConfig, dtype: DenseType, max_tokens: usize) -> Self {
        let d = config.head_dim;
        let shape = AttentionShape {
            num_attention_heads: config.num_attention_heads,
            num_key_value_heads: config.num_key_value_heads,
            head_dim: d,
            scale: 1.0 / (d as f32).sqrt(),
            mask: AttentionMask::Causal,
            dtype,
        };
        let rope = RopeTable::new(&RopeSpec::plain(d, config.rope_theta()), max_tokens);
        Shared { config: config.clone(), shape, rope }
    }

    /// Width of all query heads, and of all key heads.
    fn widths(&self) -> (usize, usize) {
        let (shape, d) = (&self.shape, self.shape.head_dim);
        (shape.num_attention_heads * d, shape.num_key_value_heads * d)
    }
}

/// The attention block of one layer.
pub(super) struct AttentionBlock {
    pub(super) norm_c: Vec<f32>,
    pub(super) q_proj: Linear,
    pub(super) k_proj: Linear,
    pub(super) v_proj: Linear,
    pub(super) o_proj: Linear,
}

impl AttentionBlock {
    /// Adds the block to the residual stream `work.x_tc`.
    pub(super) fn forward(
        &mut self,
        pool: &Pool,
        shared: &Shared,
        batch: &Layout,
        saved: &mut Saved,
        work: &mut Work,
    ) {
        let (t, c) = (batch.positions.len(), self.norm_c.len());
        let (queries, keys) = shared.widths();
        let x = &mut work.x_tc[..t * c];
        saved.before_attention[..t * c].copy_from_slice(x);
        let normed = &mut work.normed_tc[..t * c];
        rms_norm(pool, x, &self.norm_c, shared.config.norm_eps, normed);
        work.operand.set(pool, normed, t, c, c);
        let q = &mut saved.q_thd[..t * queries];
        let k = &mut saved.k_tgd[..t * keys];
        let v = &mut saved.v_tgd[..t * keys];
        self.q_proj.forward(pool, &work.operand, (q, queries), false, &mut work.linear);
        self.k_proj.forward(pool, &work.operand, (k, keys), false, &mut work.linear);
        self.v_proj.forward(pool, &work.operand, (v, keys), false, &mut work.linear);
        let shape = &shared.shape;
        rope(pool, q, queries, shape.num_attention_heads, &batch.positions, &shared.rope);
        rope(pool, k, keys, shape.num_key_value_heads, &batch.positions, &shared.rope);
        let out = &mut saved.attended_thd[..t * queries];
        let lse = &mut saved.lse_th[..t * shape.num_attention_heads];
        let scratch = &mut work.attention;
        attention_forward(pool, shape, &batch.bounds, q, k, v, out, Some(lse), scratch);
        work.operand.set(pool, out, t, queries, queries);
        self.o_proj.forward(pool, &work.operand, (x, c), true, &mut work.linear);
    }

    /// Adds the adapters' gradients, and the block's part to `work.dx_tc` unless it is the first
    /// layer's: nothing below is trained.
    pub(super) fn backward(
        &mut self,
        pool: &Pool,
        shared: &Shared,
        batch: &Layout,
        (saved, work): (&mut Saved, &mut Work),
        grads: &mut [f32],
        is_first: bool,
    ) {
        let (t, c) = (batch.positions.len(), self.norm_c.len());
        let (queries, keys) = shared.widths();
        let dx = &mut work.dx_tc[..t * c];
        let attended = &saved.attended_thd[..t * queries];
        let dattended = &mut work.dattended_thd[..t * queries];
        if self.o_proj.lora.is_some() {
            work.linear.set_input(pool, attended, t);
        }
        let dy = Columns { data: dx, stride: c };
        self.o_proj.backward(pool, dy, t, Some((dattended, false)), grads, &mut work.linear);

        let dq = &mut work.dq_thd[..t * queries];
        let dk = &mut work.dk_tgd[..t * keys];
        let dv = &mut work.dv_tgd[..t * keys];
        attention_backward(
            pool,
            &shared.shape,
            &batch.bounds,
            (&saved.q_thd[..t * queries], &saved.k_tgd[..t * keys], &saved.v_tgd[..t * keys]),
            &saved.lse_th[..t * shared.shape.num_attention_heads],
            dattended,
            (dq, dk, dv),
            &mut work.attention,
        );
        rope_backward(pool, dq, &batch.positions, &shared.rope);
        rope_backward(pool, dk, &batch.positions, &shared.rope);

        let before = &saved.before_attention[..t * c];
        let eps = shared.config.norm_eps;
        let projections = [(&self.q_proj, &*dq), (&self.k_proj, &*dk), (&self.v_proj, &*dv)];
        if projections.iter().any(|(linear, _)| linear.lora.is_some()) {
            let normed = &mut work.normed_tc[..t * c];
            rms_norm(pool, before, &self.norm_c, eps, normed);
            work.linear.set_input(pool, normed, t);
        }
        let dnormed = &mut work.dnormed_tc[..t * c];
        for (i, (linear, dy)) in projections.into_iter().enumerate() {
            let dy = Columns { data: dy, stride: dy.len() / t };
            let dx = (!is_first).then_some((&mut dnormed[..], i > 0));
            linear.backward(pool, dy, t, dx, grads, &mut work.linear);
        }
        if !is_first {
            rms_norm_backward(pool, before, &self.norm_c, eps, dnormed, dx);
        }
    }
}
