//! Attention: what makes queries, keys and values, rotary positions, attention, output projection.

use catena_kernels::{
    AttentionPrefix, AttentionScratch, prefixed_attention_backward, prefixed_attention_forward,
    rope, rope_backward,
};

use super::buffers::{Saved, Work, head_gradients, keep};
use super::grads::Grads;
use super::latent::LatentInputs;
use super::linear::{Columns, Linear};
use super::pass::Pass;
use super::prefix::Prefix;
use super::qkv::HeadInputs;
use super::spec::{LayerSpec, Widths};

/// The attention of one layer, without the norms around it.
pub(super) struct AttentionBlock {
    pub(super) inputs: Inputs,
    pub(super) o_proj: Linear,
    /// Learned keys and values before those of every sequence.
    pub(super) prefix: Option<Prefix>,
}

/// Gradients of queries, keys and values, working memory of whoever goes on with them.
pub(super) type HeadGradients<'a> = (&'a mut [f32], &'a mut [f32], &'a mut [f32]);

/// What makes queries, keys and values.
pub(super) enum Inputs {
    /// A projection for each.
    Heads(Box<HeadInputs>),
    /// Keys and values from a latent, perhaps queries from another.
    Latent(Box<LatentInputs>),
}

impl Inputs {
    /// Writes queries, keys and values, not yet rotated, of the input that stands in
    /// `work.operand`.
    fn forward(&mut self, pass: &Pass<'_>, spec: &LayerSpec, saved: &mut Saved, work: &mut Work) {
        match self {
            Self::Heads(heads) => heads.forward(pass, spec, saved, work),
            Self::Latent(latent) => latent.forward(pass, spec, saved, work),
        }
    }

    /// As [`AttentionBlock::backward`], from the gradients of queries, keys and values.
    fn backward(
        &self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        dqkv: HeadGradients<'_>,
        on: (&Saved, &mut Work),
        input: &dyn Fn(&mut [f32]),
        dinput: Option<&mut [f32]>,
        grads: &mut Grads,
    ) {
        match self {
            Self::Heads(heads) => heads.backward(pass, spec, dqkv, on, input, dinput, grads),
            Self::Latent(latent) => latent.backward(pass, spec, dqkv, on, input, dinput, grads),
        }
    }

    fn is_trained(&self) -> bool {
        match self {
            Self::Heads(heads) => heads.is_trained(),
            Self::Latent(latent) => latent.is_trained(),
        }
    }

    fn linears(&self) -> Vec<&Linear> {
        match self {
            Self::Heads(heads) => heads.linears().into(),
            Self::Latent(latent) => latent.linears().collect(),
        }
    }
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
        self.inputs.forward(pass, spec, saved, work);
        let (pool, t) = (pass.pool, pass.tokens());
        let Widths { queries, keys, values, attended } = spec.widths();
        let q = &mut saved.q_thd[..t * queries];
        let k = &mut saved.k_tgd[..t * keys];
        let v = &mut saved.v_tgd[..t * values];
        let (shape, positions) = (&spec.attention, &pass.batch.positions);
        if let Some(idx) = spec.rope {
            rope(pool, q, queries, shape.num_attention_heads, positions, &pass.ropes[idx]);
            rope(pool, k, keys, shape.num_key_value_heads, positions, &pass.ropes[idx]);
        }
        let mut halves = saved.halves.as_mut();
        keep(pool, shape.dtype, q, halves.as_mut().map(|kept| &mut kept.q_thd[..]));
        keep(pool, shape.dtype, k, halves.as_mut().map(|kept| &mut kept.k_tgd[..]));
        keep(pool, shape.dtype, v, halves.as_mut().map(|kept| &mut kept.v_tgd[..]));
        let attended = &mut saved.attended_thd[..t * attended];
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
        dinput: Option<&mut [f32]>,
        grads: &mut Grads,
    ) {
        let (t, c, widths) = (pass.tokens(), spec.hidden_size, spec.widths());
        let attended = widths.attended;
        if self.o_proj.needs_input() {
            let len = t * attended;
            match &saved.halves {
                Some(kept) => {
                    work.linear.set_input_halves(pass, &kept.attended_thd[..len], attended);
                }
                None => work.linear.set_input(pass, &saved.attended_thd[..len], attended),
            }
        }
        let ends_here = dinput.is_none() && self.prefix.is_none() && !self.inputs.is_trained();
        let mut branch = std::mem::take(&mut work.branch);
        let [dattended, dq, dk, dv] = head_gradients(&mut branch, t, widths);
        let dy = Columns { data: dout, stride: c };
        let wanted = (!ends_here).then_some((&mut *dattended, false));
        self.o_proj.backward(pass, dy, wanted, grads, &mut work.linear);
        if ends_here {
            work.branch = branch;
            return;
        }
        saved.widen_heads(pass.pool, t, widths);
        let dqkv = (&mut *dq, &mut *dk, &mut *dv);
        self.attend_backward(pass, spec, saved, dattended, dqkv, grads, &mut work.attention);
        if let Some(idx) = spec.rope {
            rope_backward(pass.pool, dq, &pass.batch.positions, &pass.ropes[idx]);
            rope_backward(pass.pool, dk, &pass.batch.positions, &pass.ropes[idx]);
        }
        let dqkv = (dq, dk, dv);
        self.inputs.backward(pass, spec, dqkv, (&*saved, &mut *work), input, dinput, grads);
        work.branch = branch;
    }

    /// The gradients of queries, keys and values, and of the prefix.
    fn attend_backward(
        &self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        saved: &Saved,
        dattended: &[f32],
        dqkv: HeadGradients<'_>,
        grads: &mut Grads,
        scratch: &mut AttentionScratch,
    ) {
        let (t, Widths { queries, keys, values, .. }) = (pass.tokens(), spec.widths());
        let q = &saved.q_thd[..t * queries];
        let (k, v) = (&saved.k_tgd[..t * keys], &saved.v_tgd[..t * values]);
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
        self.inputs.is_trained() || self.o_proj.is_trained() || self.prefix.is_some()
    }

    pub(super) fn linears(&self) -> Vec<&Linear> {
        let mut linears = self.inputs.linears();
        linears.push(&self.o_proj);
        linears
    }
}
