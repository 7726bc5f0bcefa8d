//! Memory of the activations, planned once for the largest micro-step.

use catena_kernels::{
    AlignedBuf, AttentionScratch, DenseType, Pool, RowOperand, round_to_bf16, round_to_halves,
    widen_halves,
};

use super::experts::{ExpertsWork, Routing};
use super::latent::LatentWork;
use super::linear::{Kept, KeptWidth, LinearScratch};
use super::method::AdapterNeeds;
use super::mlp::MlpRoom;
use super::room::Room;
use super::spec::{LayerSpec, MlpKept, Placement, Spec, Widths};
use crate::config::QkNorm;

/// What the forward pass of one layer keeps for its backward pass, beside its input.
pub(super) struct Saved {
    /// Residual stream before the MLP, `[t, c]`; not kept where attention and MLP see the same.
    pub(super) before_mlp: AlignedBuf<f32>,
    /// What attention and MLP gave, if a norm follows, `[t, c]`.
    pub(super) attention_out: AlignedBuf<f32>,
    pub(super) mlp_out: AlignedBuf<f32>,
    /// The residual stream before its own norms, if it has some, `[t, c]`.
    pub(super) attention_sum: AlignedBuf<f32>,
    pub(super) mlp_sum: AlignedBuf<f32>,
    /// Queries and keys before their norms, if they have some.
    pub(super) q_before_norm: AlignedBuf<f32>,
    pub(super) k_before_norm: AlignedBuf<f32>,
    /// What queries, and keys and values, of latent attention are made from, before their norms.
    pub(super) q_latent: AlignedBuf<f32>,
    pub(super) kv_latent: AlignedBuf<f32>,
    /// Rotated queries and keys, and values.
    pub(super) q_thd: AlignedBuf<f32>,
    pub(super) k_tgd: AlignedBuf<f32>,
    pub(super) v_tgd: AlignedBuf<f32>,
    /// Attention output before `o_proj`, and the log-sum-exp of its scores.
    pub(super) attended_thd: AlignedBuf<f32>,
    pub(super) lse_th: AlignedBuf<f32>,
    /// What the first products of the MLP gave, gate before up, `[t, 2 f]` or `[t, f]`, of experts
    /// one after another; the backward pass turns it into gradients.
    pub(super) mlp_inner: AlignedBuf<f32>,
    /// Which experts rows went through.
    pub(super) routing: Routing,
    /// What the adapters of its projections keep, by slot.
    pub(super) kept: Vec<Kept>,
    /// Where products are bf16, the operands of such among the above as a layer keeps them: theirs
    /// are then lent to it while it runs.
    pub(super) halves: Option<Halves>,
}

/// What a layer keeps in two bytes a value: what is only multiplied, or passed through an
/// activation and multiplied, in bf16.
pub(super) struct Halves {
    pub(super) q_thd: AlignedBuf<u16>,
    pub(super) k_tgd: AlignedBuf<u16>,
    pub(super) v_tgd: AlignedBuf<u16>,
    pub(super) attended_thd: AlignedBuf<u16>,
    pub(super) mlp_inner: AlignedBuf<u16>,
}

/// Rounds an operand of bf16 products once for all that follows, and keeps it if there is a place:
/// the way back then sees what the forward pass saw, whether it was kept or is computed again.
pub(super) fn keep(pool: &Pool, dtype: DenseType, x: &mut [f32], kept: Option<&mut [u16]>) {
    match (dtype, kept) {
        (DenseType::F32, Some(_) | None) => {}
        (DenseType::Bf16, Some(kept)) => round_to_halves(pool, x, &mut kept[..x.len()]),
        (DenseType::Bf16, None) => round_to_bf16(pool, x),
    }
}

/// Memory that all layers share.
pub(super) struct Work {
    /// A normed input, and the gradient of one.
    pub(super) normed_tc: AlignedBuf<f32>,
    pub(super) dnormed_tc: AlignedBuf<f32>,
    /// What a branch gave before it is added, and its gradient; empty if all branches add to the
    /// residual stream as they are.
    pub(super) delta_tc: AlignedBuf<f32>,
    /// Gradient of the sum of attention and MLP, where both see the same input.
    pub(super) dsum_tc: AlignedBuf<f32>,
    /// What is inside one branch: of the MLP the input of `down_proj` and its gradient
    /// ([`Self::mlp`]), of attention the gradients of its heads ([`head_gradients`]).
    pub(super) branch: AlignedBuf<f32>,
    /// Gradient of queries or keys before their norm.
    pub(super) dnormed_heads: AlignedBuf<f32>,
    /// Statistics of normed rows.
    pub(super) stats: AlignedBuf<f32>,
    /// The operand of the products at hand.
    pub(super) operand: RowOperand,
    pub(super) linear: LinearScratch,
    pub(super) attention: AttentionScratch,
    /// Empty for models without latent attention.
    pub(super) latent: LatentWork,
    /// Only of models with experts.
    pub(super) experts: Option<Box<ExpertsWork>>,
}

/// What keeps its memory while others use that of the layers.
#[derive(Default)]
pub(super) struct Lasting {
    /// It grows by itself.
    pub(super) attention: AttentionScratch,
    pub(super) experts: Option<Box<ExpertsWork>>,
    /// Of what passes.
    pub(super) routing: Routing,
}

impl Lasting {
    pub(super) fn new(room: &mut Room, spec: &Spec, tokens: usize, needs: AdapterNeeds) -> Self {
        let mlps = spec.layers.iter().map(LayerSpec::mlp_kept);
        let mlp = mlps.fold(MlpKept::default(), MlpKept::max);
        let rows = (tokens, spec.hidden_size);
        let experts = spec.layers.iter().find_map(|layer| layer.experts.as_ref());
        let experts =
            experts.map(|experts| Box::new(ExpertsWork::new(room, &experts.shape, rows, needs)));
        let routing = Routing::new(room, mlp, tokens);
        Lasting { attention: AttentionScratch::new(), experts, routing }
    }
}

impl Halves {
    fn new(room: &mut Room, spec: &LayerSpec, mlp: MlpKept, tokens: usize) -> Self {
        let Widths { queries, keys, values, attended } = spec.widths();
        Halves {
            q_thd: room.halves(tokens * queries),
            k_tgd: room.halves(tokens * keys),
            v_tgd: room.halves(tokens * values),
            attended_thd: room.halves(tokens * attended),
            mlp_inner: room.halves(tokens * mlp.inner),
        }
    }
}

impl Saved {
    /// Room for what any layer has between its passes, nothing of it in halves.
    ///
    /// `kept_widths` are those of [`super::linear::Linear::kept_width`], by slot.
    pub(super) fn passing(
        room: &mut Room,
        spec: &LayerSpec,
        kept: (MlpKept, &[KeptWidth]),
        tokens: usize,
        routing: Routing,
    ) -> Self {
        Self::new(room, spec, kept, tokens, (routing, None))
    }

    /// What one layer keeps; operands of bf16 products in halves.
    pub(super) fn of_layer(
        room: &mut Room,
        spec: &LayerSpec,
        kept: (MlpKept, &[KeptWidth]),
        tokens: usize,
    ) -> Self {
        let halves = match spec.attention.dtype {
            DenseType::F32 => None,
            DenseType::Bf16 => Some(Halves::new(room, spec, kept.0, tokens)),
        };
        let routing = Routing::new(room, kept.0, tokens);
        Self::new(room, spec, kept, tokens, (routing, halves))
    }

    fn new(
        room: &mut Room,
        spec: &LayerSpec,
        (mlp, kept_widths): (MlpKept, &[KeptWidth]),
        tokens: usize,
        (routing, halves): (Routing, Option<Halves>),
    ) -> Self {
        let whole = usize::from(halves.is_none());
        let kept = kept_widths.iter().map(|width| width.room(room, tokens)).collect();
        let mut rows = |width: usize| room.floats(tokens * width);
        let (c, Widths { queries, keys, values, attended }) = (spec.hidden_size, spec.widths());
        let (names, latent) = (&spec.names, spec.latent.as_ref().map(|latent| &latent.shape));
        Saved {
            before_mlp: rows(c),
            attention_out: rows(if names.attention_out_norm.is_some() { c } else { 0 }),
            mlp_out: rows(if names.mlp_out_norm.is_some() { c } else { 0 }),
            attention_sum: rows(if names.attention_sum_norm.is_some() { c } else { 0 }),
            mlp_sum: rows(if names.mlp_sum_norm.is_some() { c } else { 0 }),
            q_before_norm: rows(if spec.qk_norm.is_some() { queries } else { 0 }),
            k_before_norm: rows(if spec.qk_norm.is_some() { keys } else { 0 }),
            q_latent: rows(latent.and_then(|shape| shape.q_lora_rank).unwrap_or(0)),
            kv_latent: rows(latent.map_or(0, |shape| shape.kv_lora_rank)),
            q_thd: rows(whole * queries),
            k_tgd: rows(whole * keys),
            v_tgd: rows(whole * values),
            attended_thd: rows(whole * attended),
            lse_th: rows(spec.attention.num_attention_heads),
            mlp_inner: rows(whole * mlp.inner),
            routing,
            kept,
            halves,
        }
    }

    /// Takes the memory of what is kept in halves from what passes, or gives it back.
    pub(super) fn swap_lent(&mut self, passing: &mut Self) {
        if self.halves.is_none() {
            return;
        }
        std::mem::swap(&mut self.q_thd, &mut passing.q_thd);
        std::mem::swap(&mut self.k_tgd, &mut passing.k_tgd);
        std::mem::swap(&mut self.v_tgd, &mut passing.v_tgd);
        std::mem::swap(&mut self.attended_thd, &mut passing.attended_thd);
        std::mem::swap(&mut self.mlp_inner, &mut passing.mlp_inner);
    }

    /// Makes the queries, keys and values of so many tokens those that were kept in halves.
    pub(super) fn widen_heads(&mut self, pool: &Pool, tokens: usize, widths: Widths) {
        let Some(halves) = &self.halves else { return };
        let Widths { queries, keys, values, .. } = widths;
        let (q, k, v) = (tokens * queries, tokens * keys, tokens * values);
        widen_halves(pool, &halves.q_thd[..q], &mut self.q_thd[..q]);
        widen_halves(pool, &halves.k_tgd[..k], &mut self.k_tgd[..k]);
        widen_halves(pool, &halves.v_tgd[..v], &mut self.v_tgd[..v]);
    }
}

/// Values in a cache line.
const LINE: usize = 16;

/// Values of [`parts`] of these lengths.
fn length<const N: usize>(lens: [usize; N]) -> usize {
    lens.into_iter().map(|len| len.next_multiple_of(LINE)).sum()
}

/// Parts of a buffer, each from the beginning of a line.
pub(super) fn parts<const N: usize>(mut buffer: &mut [f32], lens: [usize; N]) -> [&mut [f32]; N] {
    lens.map(|len| {
        let (part, rest) = std::mem::take(&mut buffer).split_at_mut(len.next_multiple_of(LINE));
        buffer = rest;
        &mut part[..len]
    })
}

/// The place of the gradients of what attention gave, of queries, keys and values, for so many tokens.
pub(super) fn head_gradients(branch: &mut [f32], tokens: usize, widths: Widths) -> [&mut [f32]; 4] {
    let Widths { queries, keys, values, attended } = widths;
    parts(branch, [attended, queries, keys, values].map(|width| tokens * width))
}

impl Work {
    /// Memory for `tokens` rows of the widest of the layers, and the adapters of a method.
    pub(super) fn new(
        room: &mut Room,
        spec: &Spec,
        dtype: DenseType,
        tokens: usize,
        needs: AdapterNeeds,
    ) -> Self {
        let widest = |of: fn(&LayerSpec) -> usize| spec.layers.iter().map(of).max().unwrap_or(0);
        let (c, f) = (spec.hidden_size, widest(LayerSpec::mlp_width));
        let queries = widest(|layer| layer.widths().queries);
        let keys = widest(|layer| layer.widths().keys);
        let values = widest(|layer| layer.widths().values);
        let attended = widest(|layer| layer.widths().attended);
        let normed_heads = spec.layers.iter().any(|layer| layer.qk_norm.is_some());
        let heads = widest(|layer| match layer.qk_norm {
            None | Some(QkNorm::Whole) => 1,
            Some(QkNorm::PerHead) => layer.attention.num_attention_heads,
        });
        let parallel = spec.layers.iter().any(|layer| layer.placement == Placement::Parallel);
        let direct = spec.layers.iter().all(LayerSpec::is_direct);
        let width = c.max(f).max(widest(LayerSpec::attention_width));
        let gradients = [attended, queries, keys, values].map(|width| tokens * width);
        // Where one pass goes back through a gate, its output is nowhere as a whole.
        let one_pass = |layer: &LayerSpec| layer.experts.is_none() && layer.mlp.is_gated();
        let both = needs.scales || !spec.layers.iter().all(one_pass);
        let inside = [tokens * f, if both { tokens * f } else { 0 }];
        let branch = length(inside).max(length(gradients));
        let linear = LinearScratch::new(room, dtype, tokens, (width, width), needs);
        let latent = LatentWork::new(room, spec, tokens);
        let mut rows = |width: usize| room.floats(tokens * width);
        Work {
            normed_tc: rows(c),
            dnormed_tc: rows(c),
            delta_tc: rows(if direct { 0 } else { c }),
            dsum_tc: rows(if parallel { c } else { 0 }),
            dnormed_heads: rows(if normed_heads { queries.max(keys) } else { 0 }),
            stats: rows(2 * heads),
            branch: room.floats(branch),
            operand: room.operand(dtype, tokens, width),
            linear,
            attention: AttentionScratch::new(),
            latent,
            experts: None,
        }
    }

    /// Where an MLP works whose input may stand where normed inputs do.
    pub(super) fn mlp(&mut self) -> MlpRoom<'_> {
        MlpRoom {
            branch: &mut self.branch,
            input_tc: &mut self.normed_tc,
            operand: &mut self.operand,
            linear: &mut self.linear,
        }
    }

    /// The same with another place for the input.
    pub(super) fn mlp_with<'a>(&'a mut self, input_tc: &'a mut [f32]) -> MlpRoom<'a> {
        MlpRoom { input_tc, ..self.mlp() }
    }

    /// The memory of experts, to be put back.
    pub(super) fn take_experts(&mut self) -> Box<ExpertsWork> {
        self.experts.take().expect("a model with experts has memory for them")
    }
}
