//! Keys and values of latent attention, as they were trained: made for every head from one short
//! vector per token. (Decoding moves these products to queries and results instead,
//! `crate::decoder`.)
//!
//! `[l, r] = x W_kv_a^T`, of each head `[k_h, v_h] = norm(l) W_kv_b^T`, its key `[k_h, r]`; queries
//! are `x W_q^T`, or `norm(x W_q_a^T) W_q_b^T`. Of keys and queries the last part is rotated. The
//! key's is one for all heads; its gradient is the sum of theirs.
//!
//! A layer keeps the vectors before their norms, beside queries, keys and values.
//!
//! # Source
//! DeepSeek-V2, arXiv:2405.04434, section 2.1.

use catena_kernels::{AlignedBuf, Pool};

use super::attention::HeadGradients;
use super::buffers::{Saved, Work};
use super::grads::Grads;
use super::linear::{Columns, Linear, LinearScratch};
use super::norm::Norm;
use super::pass::Pass;
use super::room::Room;
use super::spec::{LatentSpec, LayerSpec, Spec, Widths};
use crate::config::MlaConfig;

/// What makes queries, keys and values of latent attention.
pub(super) struct LatentInputs {
    pub(super) shape: MlaConfig,
    /// Makes the vector that queries are made from, and norms it.
    pub(super) q_a: Option<(Linear, Norm)>,
    /// Makes queries, of that vector or of the input.
    pub(super) q_proj: Linear,
    /// Makes latent and rotated part of the key.
    pub(super) kv_a_proj: Linear,
    pub(super) kv_a_norm: Norm,
    /// Makes of each head the rest of its key, and its value.
    pub(super) kv_b_proj: Linear,
}

/// Memory that latent attention of all layers shares.
pub(super) struct LatentWork {
    /// What the products of these names give, and its gradient.
    kv_a: AlignedBuf<f32>,
    kv_b: AlignedBuf<f32>,
    /// A normed vector and its gradient; on the way back the first becomes that of what was normed.
    normed: AlignedBuf<f32>,
    dnormed: AlignedBuf<f32>,
}

impl LatentWork {
    pub(super) fn new(room: &mut Room, spec: &Spec, tokens: usize) -> Self {
        let layers =
            || spec.layers.iter().filter_map(|layer| Some((layer, layer.latent.as_ref()?)));
        let widest = |of: fn(&LayerSpec, &LatentSpec) -> usize| {
            layers().map(|(layer, latent)| of(layer, latent)).max().unwrap_or(0)
        };
        let normed = widest(|_, latent| latent.widest_latent());
        let kv_a = widest(|_, latent| latent.kv_a_width());
        let kv_b = widest(|layer, latent| latent.kv_b_width(layer.attention.num_attention_heads));
        let mut rows = |width: usize| room.floats(tokens * width);
        LatentWork {
            kv_a: rows(kv_a),
            kv_b: rows(kv_b),
            normed: rows(normed),
            dnormed: rows(normed),
        }
    }
}

impl LatentInputs {
    /// As [`super::attention::Inputs::forward`].
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        saved: &mut Saved,
        work: &mut Work,
    ) {
        let (t, Widths { queries, keys, values, .. }) = (pass.tokens(), spec.widths());
        let Work { operand, linear, latent, .. } = work;
        let (rank, width) = (self.shape.kv_lora_rank, self.kv_a_proj.n);
        let kv_a = &mut latent.kv_a[..t * width];
        // First of all: what follows puts other operands in the place of the input.
        self.kv_a_proj.forward(pass, operand, (&mut *kv_a, width), false, linear);
        let q = (&mut saved.q_thd[..t * queries], queries);
        match &mut self.q_a {
            None => self.q_proj.forward(pass, operand, q, false, linear),
            Some((q_a_proj, norm)) => {
                let rank = q_a_proj.n;
                let q_latent = &mut saved.q_latent[..t * rank];
                q_a_proj.forward(pass, operand, (&mut *q_latent, rank), false, linear);
                let normed = &mut latent.normed[..t * rank];
                norm.forward(pass, q_latent, normed);
                self.q_proj.enter(pass, normed, operand, linear);
                self.q_proj.forward(pass, operand, q, false, linear);
            }
        }
        let kv_latent = &mut saved.kv_latent[..t * rank];
        for (out, row) in kv_latent.chunks_exact_mut(rank).zip(kv_a.chunks_exact(width)) {
            out.copy_from_slice(&row[..rank]);
        }
        let normed = &mut latent.normed[..t * rank];
        self.kv_a_norm.forward(pass, kv_latent, normed);
        self.kv_b_proj.enter(pass, normed, operand, linear);
        let width = self.kv_b_proj.n;
        let kv_b = &mut latent.kv_b[..t * width];
        self.kv_b_proj.forward(pass, operand, (&mut *kv_b, width), false, linear);
        let (k, v) = (&mut saved.k_tgd[..t * keys], &mut saved.v_tgd[..t * values]);
        self.deal(pass.pool, spec.attention.num_attention_heads, (&*kv_a, &*kv_b), (k, v));
    }

    /// Keys and values of the heads from what the products gave.
    fn deal(
        &self,
        pool: &Pool,
        heads: usize,
        (kv_a, kv_b): (&[f32], &[f32]),
        (k, v): (&mut [f32], &mut [f32]),
    ) {
        let MlaConfig { qk_nope_head_dim: nope, v_head_dim, kv_lora_rank: rank, .. } = self.shape;
        let (a_width, b_width) = (self.kv_a_proj.n, self.kv_b_proj.n);
        let head_dim = nope + self.shape.qk_rope_head_dim;
        pool.split_rows(k, heads * head_dim, &|rows, part| {
            for (row, keys) in rows.zip(part.chunks_exact_mut(heads * head_dim)) {
                let rotated = &kv_a[row * a_width..][rank..a_width];
                let made = kv_b[row * b_width..].chunks_exact(nope + v_head_dim);
                for (key, made) in keys.chunks_exact_mut(head_dim).zip(made) {
                    key[..nope].copy_from_slice(&made[..nope]);
                    key[nope..].copy_from_slice(rotated);
                }
            }
        });
        pool.split_rows(v, heads * v_head_dim, &|rows, part| {
            for (row, values) in rows.zip(part.chunks_exact_mut(heads * v_head_dim)) {
                let made = kv_b[row * b_width..].chunks_exact(nope + v_head_dim);
                for (value, made) in values.chunks_exact_mut(v_head_dim).zip(made) {
                    value.copy_from_slice(&made[nope..]);
                }
            }
        });
    }

    /// The other way round: gradients of what the products gave from those of keys and values, but
    /// for the latent's.
    fn gather(
        &self,
        pool: &Pool,
        heads: usize,
        (dk, dv): (&[f32], &[f32]),
        (dkv_a, dkv_b): (&mut [f32], &mut [f32]),
    ) {
        let MlaConfig { qk_nope_head_dim: nope, v_head_dim, kv_lora_rank: rank, .. } = self.shape;
        let (a_width, b_width) = (self.kv_a_proj.n, self.kv_b_proj.n);
        let head_dim = nope + self.shape.qk_rope_head_dim;
        pool.split_rows(dkv_b, b_width, &|rows, part| {
            for (row, dmade) in rows.zip(part.chunks_exact_mut(b_width)) {
                let dkeys = dk[row * heads * head_dim..].chunks_exact(head_dim);
                let dvalues = dv[row * heads * v_head_dim..].chunks_exact(v_head_dim);
                let dmade = dmade.chunks_exact_mut(nope + v_head_dim);
                for (dmade, (dkey, dvalue)) in dmade.zip(dkeys.zip(dvalues)) {
                    dmade[..nope].copy_from_slice(&dkey[..nope]);
                    dmade[nope..].copy_from_slice(dvalue);
                }
            }
        });
        pool.split_rows(dkv_a, a_width, &|rows, part| {
            for (row, drow) in rows.zip(part.chunks_exact_mut(a_width)) {
                let drotated = &mut drow[rank..];
                drotated.fill(0.0);
                for dkey in dk[row * heads * head_dim..].chunks_exact(head_dim).take(heads) {
                    for (sum, d) in drotated.iter_mut().zip(&dkey[nope..]) {
                        *sum += d;
                    }
                }
            }
        });
    }

    /// As [`super::attention::Inputs::backward`].
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        (dq, dk, dv): HeadGradients<'_>,
        (saved, work): (&Saved, &mut Work),
        input: &dyn Fn(&mut [f32]),
        mut dinput: Option<&mut [f32]>,
        grads: &mut Grads,
    ) {
        let (t, c) = (pass.tokens(), spec.hidden_size);
        let Work { normed_tc, stats, linear, latent, .. } = work;
        let LatentWork { kv_a, kv_b, normed, dnormed } = latent;
        let (rank, a_width, b_width) =
            (self.shape.kv_lora_rank, self.kv_a_proj.n, self.kv_b_proj.n);
        let (dq, dk, dv) = (&*dq, &*dk, &*dv);
        let (dkv_a, dkv_b) = (&mut kv_a[..t * a_width], &mut kv_b[..t * b_width]);
        let heads = spec.attention.num_attention_heads;
        self.gather(pass.pool, heads, (dk, dv), (&mut *dkv_a, &mut *dkv_b));
        let wanted = dinput.is_some();
        let mut room = NormedRoom { normed, dnormed, stats, linear };
        let behind = Normed { norm: &self.kv_a_norm, linear: &self.kv_b_proj };
        let before = &saved.kv_latent[..t * rank];
        let below = wanted || self.kv_a_proj.is_trained();
        if let Some(dlatent) = behind.backward(pass, before, dkv_b, below, &mut room, grads) {
            for (drow, dlatent) in dkv_a.chunks_exact_mut(a_width).zip(dlatent.chunks_exact(rank)) {
                drow[..rank].copy_from_slice(dlatent);
            }
        }
        let mut first = (&self.q_proj, dq);
        if let Some((q_a_proj, norm)) = &self.q_a {
            let behind = Normed { norm, linear: &self.q_proj };
            let before = &saved.q_latent[..t * q_a_proj.n];
            let below = wanted || q_a_proj.is_trained();
            behind.backward(pass, before, dq, below, &mut room, grads);
            // Not written if nobody reads it.
            first = (q_a_proj, &room.normed[..t * q_a_proj.n]);
        }
        let linears = [first, (&self.kv_a_proj, &*dkv_a)];
        if linears.iter().any(|(linear, _)| linear.needs_input()) {
            let input_tc = &mut normed_tc[..t * c];
            input(input_tc);
            room.linear.set_input(pass, input_tc, c);
        }
        for (i, (linear, dy)) in linears.into_iter().enumerate() {
            let dy = Columns { data: dy, stride: linear.n };
            let dx = dinput.as_deref_mut().map(|dx| (dx, i > 0));
            linear.backward(pass, dy, dx, grads, room.linear);
        }
    }

    pub(super) fn is_trained(&self) -> bool {
        let norms = self.q_a.iter().map(|(_, norm)| norm).chain([&self.kv_a_norm]);
        self.linears().any(Linear::is_trained) || norms.into_iter().any(Norm::is_trained)
    }

    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        let q_a = self.q_a.iter().map(|(q_a_proj, _)| q_a_proj);
        q_a.chain([&self.q_proj, &self.kv_a_proj, &self.kv_b_proj])
    }
}

/// A norm and the projection behind it.
struct Normed<'a> {
    norm: &'a Norm,
    linear: &'a Linear,
}

/// Where it works on the way back.
struct NormedRoom<'a> {
    normed: &'a mut [f32],
    dnormed: &'a mut [f32],
    stats: &'a mut [f32],
    linear: &'a mut LinearScratch,
}

impl Normed<'_> {
    /// Adds the gradients of what is trained, and gives that of `before`, what was normed, if it is
    /// `wanted`.
    fn backward<'r>(
        &self,
        pass: &Pass<'_>,
        before: &[f32],
        dy: &[f32],
        wanted: bool,
        room: &'r mut NormedRoom<'_>,
        grads: &mut Grads,
    ) -> Option<&'r [f32]> {
        let NormedRoom { normed, dnormed, stats, linear } = room;
        let (normed, dnormed) = (&mut normed[..before.len()], &mut dnormed[..before.len()]);
        if self.linear.needs_input() {
            self.norm.forward(pass, before, normed);
            linear.set_input(pass, normed, self.linear.k);
        }
        let passes = wanted || self.norm.is_trained();
        let dx = passes.then_some((&mut *dnormed, false));
        let dy = Columns { data: dy, stride: self.linear.n };
        self.linear.backward(pass, dy, dx, grads, linear);
        if !passes {
            return None;
        }
        normed.fill(0.0);
        self.norm.backward(pass, before, dnormed, wanted.then_some(&mut *normed), grads, stats);
        wanted.then_some(&*normed)
    }
}
