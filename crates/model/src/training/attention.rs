//! Attention: projections, rotary positions, attention, output projection.

use catena_kernels::{
    AttentionPrefix, AttentionScratch, prefixed_attention_backward, prefixed_attention_forward,
    rope, rope_backward,
};

use super::buffers::{Saved, Work, keep};
use super::grads::Grads;
use super::linear::{Columns, Linear};
use super::norm::Norm;
use super::pass::Pass;
use super::prefix::Prefix;
use super::spec::LayerSpec;
use crate::config::QkNorm;

/// The attention of one layer, without the norms around it.
pub(super) struct AttentionBlock {
    pub(super) q_proj: Linear,
    pub(super) k_proj: Linear,
    pub(super) v_proj: Linear,
    pub(super) o_proj: Linear,
    /// Norms of queries and keys.
    pub(super) qk_norms: Option<(QkNorm, [Norm; 2])>,
    /// Learned keys and values before those of every sequence.
    pub(super) prefix: Option<Prefix>,
}

impl AttentionBlock {
    /// Writes to `out`, or adds to it; the input stands in `work.operand`.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        saved: &mut Saved,
        work: &mut Work,
        (out, accumulate): (&mut [f32], bool),
    ) {
        let (pool, t) = (pass.pool, pass.tokens());
        let (queries, keys) = spec.widths();
        let q = &mut saved.q_thd[..t * queries];
        let k = &mut saved.k_tgd[..t * keys];
        let v = &mut saved.v_tgd[..t * keys];
        self.q_proj.forward(pass, &work.operand, (q, queries), false, &mut work.linear);
        self.k_proj.forward(pass, &work.operand, (k, keys), false, &mut work.linear);
        self.v_proj.forward(pass, &work.operand, (v, keys), false, &mut work.linear);
        if let Some((_, [q_norm, k_norm])) = &self.qk_norms {
            // The way back needs what was normed.
            saved.q_before_norm[..q.len()].copy_from_slice(q);
            saved.k_before_norm[..k.len()].copy_from_slice(k);
            q_norm.forward(pass, &saved.q_before_norm[..q.len()], q);
            k_norm.forward(pass, &saved.k_before_norm[..k.len()], k);
        }
        let (shape, positions) = (&spec.attention, &pass.batch.positions);
        if let Some(idx) = spec.rope {
            rope(pool, q, queries, shape.num_attention_heads, positions, &pass.ropes[idx]);
            rope(pool, k, keys, shape.num_key_value_heads, positions, &pass.ropes[idx]);
        }
        let mut halves = saved.halves.as_mut();
        keep(pool, shape.dtype, q, halves.as_mut().map(|kept| &mut kept.q_thd[..]));
        keep(pool, shape.dtype, k, halves.as_mut().map(|kept| &mut kept.k_tgd[..]));
        keep(pool, shape.dtype, v, halves.as_mut().map(|kept| &mut kept.v_tgd[..]));
        let attended = &mut saved.attended_thd[..t * queries];
        let lse = &mut saved.lse_th[..t * shape.num_attention_heads];
        let (bounds, scratch) = (&pass.batch.bounds, &mut work.attention);
        let (kv, lse, prefix) = ((&*k, &*v), Some(lse), self.prefix(pass));
        prefixed_attention_forward(pool, shape, bounds, prefix, q, kv, attended, lse, scratch);
        keep(pool, shape.dtype, attended, halves.map(|kept| &mut kept.attended_thd[..]));
        self.o_proj.enter(pass, attended, &mut work.operand, &mut work.linear);
        let out = (out, spec.hidden_size);
        self.o_proj.forward(pass, &work.operand, out, accumulate, &mut work.linear);
    }

    /// Adds the gradients of what is trained, and writes that of the input to `dinput` if it is
    /// wanted. `input` gives the input again, if gradients are computed from it.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        dout: &[f32],
        (saved, work): (&mut Saved, &mut Work),
        input: &dyn Fn(&mut [f32]),
        mut dinput: Option<&mut [f32]>,
        grads: &mut Grads,
    ) {
        let (pool, t, c) = (pass.pool, pass.tokens(), spec.hidden_size);
        let (queries, keys) = spec.widths();
        if self.o_proj.needs_input() {
            let len = t * queries;
            match &saved.halves {
                Some(kept) => {
                    work.linear.set_input_halves(pass, &kept.attended_thd[..len], queries);
                }
                None => work.linear.set_input(pass, &saved.attended_thd[..len], queries),
            }
        }
        let inputs = [&self.q_proj, &self.k_proj, &self.v_proj];
        let inner =
            self.qk_norms.as_ref().is_some_and(|(_, norms)| norms.iter().any(Norm::is_trained));
        let ends_here = dinput.is_none()
            && !inner
            && self.prefix.is_none()
            && inputs.iter().all(|linear| !linear.is_trained());
        let dattended = &mut work.dattended_thd[..t * queries];
        let dy = Columns { data: dout, stride: c };
        let wanted = (!ends_here).then_some((&mut *dattended, false));
        self.o_proj.backward(pass, dy, wanted, grads, &mut work.linear);
        if ends_here {
            return;
        }
        saved.widen_heads(pool, t * queries, t * keys);
        let dq = &mut work.dq_thd[..t * queries];
        let dk = &mut work.dk_tgd[..t * keys];
        let dv = &mut work.dv_tgd[..t * keys];
        let dqkv = (&mut *dq, &mut *dk, &mut *dv);
        self.attend_backward(pass, spec, saved, dattended, dqkv, grads, &mut work.attention);
        if let Some(idx) = spec.rope {
            rope_backward(pool, dq, &pass.batch.positions, &pass.ropes[idx]);
            rope_backward(pool, dk, &pass.batch.positions, &pass.ropes[idx]);
        }
        let (stats, room) = (&mut work.stats, &mut work.dnormed_heads[..]);
        self.norms_backward(pass, saved, (dq, dk), grads, stats, room);
        if inputs.iter().any(|linear| linear.needs_input()) {
            let normed = &mut work.normed_tc[..t * c];
            input(normed);
            work.linear.set_input(pass, normed, c);
        }
        for (i, (linear, dy)) in inputs.into_iter().zip([&*dq, &*dk, &*dv]).enumerate() {
            let dy = Columns { data: dy, stride: dy.len() / t };
            let dx = dinput.as_deref_mut().map(|dx| (dx, i > 0));
            linear.backward(pass, dy, dx, grads, &mut work.linear);
        }
    }

    /// Turns the gradients of normed queries and keys into those of what was normed; `room` holds
    /// one of them.
    fn norms_backward(
        &self,
        pass: &Pass<'_>,
        saved: &Saved,
        (dq, dk): (&mut [f32], &mut [f32]),
        grads: &mut Grads,
        stats: &mut [f32],
        room: &mut [f32],
    ) {
        let Some((_, [q_norm, k_norm])) = &self.qk_norms else { return };
        for (norm, before, dy) in
            [(q_norm, &saved.q_before_norm, dq), (k_norm, &saved.k_before_norm, dk)]
        {
            let dx = &mut room[..dy.len()];
            dx.fill(0.0);
            norm.backward(pass, &before[..dy.len()], dy, Some(dx), grads, stats);
            dy.copy_from_slice(dx);
        }
    }

    /// The gradients of queries, keys and values, and of the prefix.
    fn attend_backward(
        &self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        saved: &Saved,
        dattended: &[f32],
        dqkv: (&mut [f32], &mut [f32], &mut [f32]),
        grads: &mut Grads,
        scratch: &mut AttentionScratch,
    ) {
        let (t, (queries, keys)) = (pass.tokens(), spec.widths());
        let q = &saved.q_thd[..t * queries];
        let (k, v) = (&saved.k_tgd[..t * keys], &saved.v_tgd[..t * keys]);
        let lse = &saved.lse_th[..t * spec.attention.num_attention_heads];
        let dprefix = self.prefix.as_ref().map_or(&mut [][..], |prefix| prefix.grad(grads));
        prefixed_attention_backward(
            pass.pool,
            &spec.attention,
            &pass.batch.bounds,
            (self.prefix(pass), dprefix),
            (q, k, v),
            lse,
            dattended,
            dqkv,
            scratch,
        );
    }

    /// The prefix, unless the model is asked for without its adapter.
    fn prefix<'a>(&self, pass: &Pass<'a>) -> AttentionPrefix<'a> {
        let prefix = self.prefix.as_ref().filter(|_| pass.adapted);
        prefix.map_or_else(AttentionPrefix::default, |prefix| prefix.get(pass.values))
    }

    pub(super) fn is_trained(&self) -> bool {
        let norms = self.qk_norms.as_ref();
        self.linears().iter().any(|linear| linear.is_trained())
            || self.prefix.is_some()
            || norms.is_some_and(|(_, norms)| norms.iter().any(Norm::is_trained))
    }

    pub(super) fn linears(&self) -> [&Linear; 4] {
        [&self.q_proj, &self.k_proj, &self.v_proj, &self.o_proj]
    }
}
