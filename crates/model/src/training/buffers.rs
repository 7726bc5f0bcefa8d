//! Memory of the activations, planned once for the largest micro-step.

use catena_kernels::{AlignedBuf, AttentionScratch, DenseType, RowOperand};

use super::experts::{ExpertsWork, Routing};
use super::linear::{Kept, KeptWidth, LinearScratch};
use super::method::AdapterNeeds;
use super::mlp::MlpRoom;
use super::room::Room;
use super::spec::{LayerSpec, MlpKept, Placement, Spec};
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
}

/// Memory that all layers share.
pub(super) struct Work {
    /// A normed input, and the gradient of one.
    pub(super) normed_tc: AlignedBuf<f32>,
    pub(super) dnormed_tc: AlignedBuf<f32>,
    /// What a branch gave before it is added, and its gradient.
    pub(super) delta_tc: AlignedBuf<f32>,
    /// Gradient of the sum of attention and MLP, where both see the same input.
    pub(super) dsum_tc: AlignedBuf<f32>,
    /// Input of `down_proj`, and its gradient.
    pub(super) act_tf: AlignedBuf<f32>,
    pub(super) dact_tf: AlignedBuf<f32>,
    pub(super) dattended_thd: AlignedBuf<f32>,
    pub(super) dq_thd: AlignedBuf<f32>,
    pub(super) dk_tgd: AlignedBuf<f32>,
    pub(super) dv_tgd: AlignedBuf<f32>,
    /// Gradient of queries or keys before their norm.
    pub(super) dnormed_heads: AlignedBuf<f32>,
    /// Statistics of normed rows.
    pub(super) stats: Vec<f32>,
    /// The operand of the products at hand.
    pub(super) operand: RowOperand,
    pub(super) linear: LinearScratch,
    pub(super) attention: AttentionScratch,
    /// Only of models with experts.
    pub(super) experts: Option<Box<ExpertsWork>>,
}

impl Saved {
    /// `kept_widths` are those of [`super::linear::Linear::kept_width`], by slot.
    pub(super) fn new(
        room: &mut Room,
        spec: &LayerSpec,
        (mlp, kept_widths): (MlpKept, &[KeptWidth]),
        tokens: usize,
    ) -> Self {
        let routing = Routing::new(room, mlp.num_experts, tokens * mlp.experts_per_tok, tokens);
        let kept = kept_widths.iter().map(|width| width.room(room, tokens)).collect();
        let mut rows = |width: usize| room.floats(tokens * width);
        let (c, (queries, keys)) = (spec.hidden_size, spec.widths());
        let names = &spec.names;
        Saved {
            before_mlp: rows(c),
            attention_out: rows(if names.attention_out_norm.is_some() { c } else { 0 }),
            mlp_out: rows(if names.mlp_out_norm.is_some() { c } else { 0 }),
            attention_sum: rows(if names.attention_sum_norm.is_some() { c } else { 0 }),
            mlp_sum: rows(if names.mlp_sum_norm.is_some() { c } else { 0 }),
            q_before_norm: rows(if spec.qk_norm.is_some() { queries } else { 0 }),
            k_before_norm: rows(if spec.qk_norm.is_some() { keys } else { 0 }),
            q_thd: rows(queries),
            k_tgd: rows(keys),
            v_tgd: rows(keys),
            attended_thd: rows(queries),
            lse_th: rows(spec.attention.num_attention_heads),
            mlp_inner: rows(mlp.inner),
            routing,
            kept,
        }
    }
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
        let (queries, keys) = (widest(|layer| layer.widths().0), widest(|layer| layer.widths().1));
        let normed_heads = spec.layers.iter().any(|layer| layer.qk_norm.is_some());
        let heads = widest(|layer| match layer.qk_norm {
            None | Some(QkNorm::Whole) => 1,
            Some(QkNorm::PerHead) => layer.attention.num_attention_heads,
        });
        let parallel = spec.layers.iter().any(|layer| layer.placement == Placement::Parallel);
        let width = c.max(f).max(queries).max(keys);
        let stats = room.zeros(2 * tokens * heads);
        let operand = room.operand(dtype, tokens, width);
        let linear = LinearScratch::new(room, dtype, tokens, (width, width), needs);
        let experts = spec.layers.iter().find_map(|layer| layer.experts.as_ref());
        let experts = experts
            .map(|experts| Box::new(ExpertsWork::new(room, &experts.shape, (tokens, c), needs)));
        let mut rows = |width: usize| room.floats(tokens * width);
        Work {
            normed_tc: rows(c),
            dnormed_tc: rows(c),
            delta_tc: rows(c),
            dsum_tc: rows(if parallel { c } else { 0 }),
            act_tf: rows(f),
            dact_tf: rows(f),
            dattended_thd: rows(queries),
            dq_thd: rows(queries),
            dk_tgd: rows(keys),
            dv_tgd: rows(keys),
            dnormed_heads: rows(if normed_heads { queries.max(keys) } else { 0 }),
            stats,
            operand,
            linear,
            attention: AttentionScratch::new(),
            experts,
        }
    }

    /// Where an MLP works whose input may stand where normed inputs do.
    pub(super) fn mlp(&mut self) -> MlpRoom<'_> {
        MlpRoom {
            act_tf: &mut self.act_tf,
            dact_tf: &mut self.dact_tf,
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
