//! Mixtures of experts: a router, the few MLPs that it chooses for each row, and one for all rows.
//!
//! `p = softmax(x W_r^T)` over all experts, `y = sum over the chosen e of w_e mlp_e(x)`, where `w_e`
//! is `p_e`, divided by the sum over the chosen if a family does so, times its factor. The choice is
//! a constant to the gradient.
//!
//! Rows are dealt to their experts as in decoding (`crate::routing`), one product per expert over
//! its rows; each row takes what its experts gave in the order of the experts. The router is f32
//! whatever the others are: small differences decide which experts a row goes through.

use catena_kernels::{
    AlignedBuf, DenseType, RowOperand, gather_rows, lookup_backward, softmax_backward,
};

use super::balance::Balance;
use super::buffers::{Saved, Work};
use super::grads::Grads;
use super::linear::{Columns, Kept, Linear, LinearScratch};
use super::method::AdapterNeeds;
use super::mlp::{Inner, MlpBlock, RowWeights};
use super::pass::Pass;
use super::room::Room;
use super::spec::MlpKept;
use crate::config::MoeConfig;
use crate::routing::{Dealt, choose, softmax};

/// The experts of one layer, without the norms around them.
pub(super) struct ExpertsBlock {
    pub(super) shape: MoeConfig,
    /// Scores experts.
    pub(super) router: Linear,
    pub(super) mlps_e: Vec<MlpBlock>,
    /// What all rows go through beside.
    pub(super) shared: Option<MlpBlock>,
}

/// What the forward pass of the router keeps.
#[derive(Default)]
pub(super) struct Routing {
    /// Probabilities of the experts, `[t, e]`.
    probs_te: AlignedBuf<f32>,
    /// The experts of each row and their weights, `k` of each row, in the order of the experts.
    chosen: Vec<(usize, f32)>,
}

impl Routing {
    pub(super) fn new(room: &mut Room, mlp: MlpKept, tokens: usize) -> Self {
        let probs_te = room.floats(tokens * mlp.num_experts);
        Routing { probs_te, chosen: room.list(tokens * mlp.experts_per_tok) }
    }
}

/// Memory that the experts of all layers share.
pub(super) struct ExpertsWork {
    /// The router's.
    operand: RowOperand,
    linear: LinearScratch,
    dprobs_te: AlignedBuf<f32>,
    /// Rows that an expert gets, what it gives, and its input on the way back, `[t, c]` each; on the
    /// way back the first two are their gradients.
    rows_tc: AlignedBuf<f32>,
    given_tc: AlignedBuf<f32>,
    input_tc: AlignedBuf<f32>,
    dealt: Dealt,
    /// By place: the row, its weight, and the gradient of that.
    rows: Vec<u32>,
    weights: Vec<f32>,
    dweights: Vec<f32>,
    /// Working memory of the choice.
    order: Vec<usize>,
    /// What was chosen in all layers of the pass.
    pub(super) balance: Balance,
}

impl ExpertsWork {
    pub(super) fn new(
        room: &mut Room,
        shape: &MoeConfig,
        (tokens, c): (usize, usize),
        needs: AdapterNeeds,
    ) -> Self {
        let (e, pairs) = (shape.num_experts, tokens * shape.num_experts_per_tok);
        room.count(Dealt::capacity_bytes(e, pairs));
        let dealt = if room.takes { Dealt::with_capacity(e, pairs) } else { Dealt::default() };
        ExpertsWork {
            operand: room.operand(DenseType::F32, tokens, c),
            linear: LinearScratch::new(room, DenseType::F32, tokens, (e, c), needs),
            dprobs_te: room.floats(tokens * e),
            rows_tc: room.floats(tokens * c),
            given_tc: room.floats(tokens * c),
            input_tc: room.floats(tokens * c),
            dealt,
            rows: room.list(pairs),
            weights: room.list(pairs),
            dweights: room.list(pairs),
            order: room.list(2 * e),
            balance: Balance::new(room, e),
        }
    }

    /// Deals the rows to the experts that were chosen for them.
    fn deal(&mut self, chosen: &[(usize, f32)], shape: &MoeConfig) {
        let k = shape.num_experts_per_tok;
        self.dealt.deal(chosen.iter().map(|(expert, _)| *expert), shape.num_experts);
        let pairs = self.dealt.by_expert.iter();
        self.weights.clear();
        self.weights.extend(pairs.clone().map(|&pair| chosen[pair].1));
        self.dweights.clear();
        self.dweights.resize(chosen.len(), 0.0);
        self.rows.clear();
        let row = |&pair: &usize| u32::try_from(pair / k).expect("a row is a position's");
        self.rows.extend(pairs.map(row));
    }
}

impl ExpertsBlock {
    /// Writes to `out`, or adds to it; the input stands in `work.normed_tc`.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        saved: &mut Saved,
        work: &mut Work,
        (out, accumulate): (&mut [f32], bool),
    ) {
        let (pool, t, c) = (pass.pool, pass.tokens(), self.router.k);
        let mut own = work.take_experts();
        let normed = std::mem::take(&mut work.normed_tc);
        let input_tc = &normed[..t * c];
        self.route(pass, input_tc, &mut saved.routing, &mut own, &mut work.linear.kept);
        own.deal(&saved.routing.chosen, &self.shape);
        if !accumulate {
            out.fill(0.0);
        }
        let mut room = work.mlp();
        let mut first = 0;
        for (expert, mlp) in self.mlps_e.iter_mut().enumerate() {
            let places = own.dealt.of_expert(expert);
            let (rows, len) = (&own.rows[places.clone()], places.len() * mlp.inner_width());
            let part = first..first + len;
            let inner = &mut saved.mlp_inner[part.clone()];
            let kept = saved.halves.as_mut().map(|kept| &mut kept.mlp_inner[part]);
            first += len;
            if rows.is_empty() {
                continue;
            }
            let taken = &mut own.rows_tc[..rows.len() * c];
            let given = &mut own.given_tc[..rows.len() * c];
            gather_rows(pool, input_tc, rows, c, taken);
            room.operand.set(pool, taken, rows.len(), c, c);
            room.linear.first_row = places.start;
            let weights = Some(&own.weights[places]);
            mlp.forward(pass, (inner, kept), weights, &mut room, (&mut *given, false));
            lookup_backward(pool, rows, given, 1.0, out);
        }
        room.linear.first_row = 0;
        if let Some(shared) = &mut self.shared {
            let part = first..first + t * shared.inner_width();
            let inner = &mut saved.mlp_inner[part.clone()];
            let kept = saved.halves.as_mut().map(|kept| &mut kept.mlp_inner[part]);
            room.operand.set(pool, input_tc, t, c, c);
            shared.forward(pass, (inner, kept), None, &mut room, (out, true));
        }
        work.normed_tc = normed;
        work.experts = Some(own);
    }

    /// Scores the experts of all rows and chooses among them.
    fn route(
        &mut self,
        pass: &Pass<'_>,
        input_tc: &[f32],
        routing: &mut Routing,
        own: &mut ExpertsWork,
        kept: &mut Vec<Kept>,
    ) {
        let (c, e) = (self.router.k, self.shape.num_experts);
        let t = input_tc.len() / c;
        let probs_te = &mut routing.probs_te[..t * e];
        own.operand.set(pass.pool, input_tc, t, c, c);
        std::mem::swap(&mut own.linear.kept, kept);
        let out = (&mut *probs_te, e);
        self.router.forward(pass, &own.operand, out, false, &mut own.linear);
        std::mem::swap(&mut own.linear.kept, kept);
        routing.chosen.clear();
        for probs_e in probs_te.chunks_exact_mut(e) {
            softmax(probs_e);
            choose(&self.shape, probs_e, &mut own.order, &mut routing.chosen);
        }
        own.balance.add(probs_te, &routing.chosen);
    }

    /// As [`super::attention::AttentionBlock::backward`].
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        dout: &[f32],
        (saved, work): (&mut Saved, &mut Work),
        input: &dyn Fn(&mut [f32]),
        mut dinput: Option<&mut [f32]>,
        grads: &mut Grads,
    ) {
        let mut own = work.take_experts();
        let mut normed = std::mem::take(&mut work.normed_tc);
        let input_tc = &mut normed[..pass.tokens() * self.router.k];
        input(input_tc);
        own.deal(&saved.routing.chosen, &self.shape);
        if let Some(dinput) = &mut dinput {
            dinput.fill(0.0);
        }
        let kept = saved.halves.as_ref().map(|kept| &kept.mlp_inner[..]);
        let (routing, inner) = (&saved.routing, (&mut saved.mlp_inner[..], kept));
        let dx = dinput.as_deref_mut();
        self.mlps_backward(pass, (dout, inner), (&mut *own, &mut *work), input_tc, dx, grads);
        if dinput.is_some() || self.router.is_trained() {
            let kept = &mut work.linear.kept;
            self.route_backward(pass, routing, (&mut *own, kept), input_tc, dinput, grads);
        }
        work.normed_tc = normed;
        work.experts = Some(own);
    }

    /// Adds to `dinput`, and writes the gradients of the weights of rows.
    fn mlps_backward(
        &self,
        pass: &Pass<'_>,
        (dout, (inner, kept)): (&[f32], Inner<'_>),
        (own, work): (&mut ExpertsWork, &mut Work),
        input_tc: &[f32],
        mut dinput: Option<&mut [f32]>,
        grads: &mut Grads,
    ) {
        let (pool, c) = (pass.pool, self.router.k);
        let wanted = dinput.is_some() || self.router.is_trained();
        let mut room = work.mlp_with(&mut own.input_tc);
        let mut first = 0;
        for (expert, mlp) in self.mlps_e.iter().enumerate() {
            let places = own.dealt.of_expert(expert);
            let (rows, len) = (&own.rows[places.clone()], places.len() * mlp.inner_width());
            let part = first..first + len;
            let inner = (&mut inner[part.clone()], kept.map(|kept| &kept[part]));
            first += len;
            if rows.is_empty() {
                continue;
            }
            let dgiven = &mut own.rows_tc[..rows.len() * c];
            let dtaken = &mut own.given_tc[..rows.len() * c];
            gather_rows(pool, dout, rows, c, dgiven);
            room.linear.first_row = places.start;
            let weights_t = &own.weights[places.clone()];
            let weights = RowWeights { weights_t, dweights_t: &mut own.dweights[places], wanted };
            let input = |taken: &mut [f32]| gather_rows(pool, input_tc, rows, c, taken);
            let dx = dinput.is_some().then_some((&mut *dtaken, false));
            mlp.backward(pass, dgiven, (inner, Some(weights)), &mut room, &input, dx, grads);
            if let Some(dinput) = &mut dinput {
                lookup_backward(pool, rows, dtaken, 1.0, dinput);
            }
        }
        room.linear.first_row = 0;
        if let Some(shared) = &self.shared {
            let part = first..first + pass.tokens() * shared.inner_width();
            let inner = (&mut inner[part.clone()], kept.map(|kept| &kept[part]));
            let input = |x: &mut [f32]| x.copy_from_slice(input_tc);
            let dx = dinput.map(|dinput| (dinput, true));
            shared.backward(pass, dout, (inner, None), &mut room, &input, dx, grads);
        }
    }

    /// From the gradients of the weights of rows, and of the loss that balances experts: adds that of
    /// the router, and adds to `dinput`.
    ///
    /// With `w_e = s p_e / S`, `S` the sum over the chosen or one: `dp_e = s / S (dw_e - sum over the
    /// chosen of dw p / S)`, the sum only where they are divided.
    fn route_backward(
        &self,
        pass: &Pass<'_>,
        routing: &Routing,
        (own, kept): (&mut ExpertsWork, &mut Vec<Kept>),
        input_tc: &[f32],
        dinput: Option<&mut [f32]>,
        grads: &mut Grads,
    ) {
        let MoeConfig { num_experts: e, num_experts_per_tok: k, .. } = self.shape;
        let t = pass.tokens();
        let (probs_te, dprobs_te) = (&routing.probs_te[..t * e], &mut own.dprobs_te[..t * e]);
        dprobs_te.fill(0.0);
        let rows = probs_te.chunks_exact(e).zip(dprobs_te.chunks_exact_mut(e));
        let pairs = routing.chosen.chunks_exact(k).zip(own.dealt.places.chunks_exact(k));
        for ((probs_e, dprobs_e), (chosen, places)) in rows.zip(pairs) {
            let (mut sum, mut along) = (1.0f32, 0.0f32);
            if self.shape.norm_topk_prob {
                sum = chosen.iter().map(|(expert, _)| probs_e[*expert]).sum();
                let terms = chosen.iter().zip(places);
                let terms =
                    terms.map(|((expert, _), place)| own.dweights[*place] * probs_e[*expert]);
                along = terms.sum::<f32>() / sum;
            }
            let factor = self.shape.routed_scaling_factor / sum;
            for ((expert, _), place) in chosen.iter().zip(places) {
                dprobs_e[*expert] = factor * (own.dweights[*place] - along);
            }
        }
        own.balance.backward(dprobs_te);
        softmax_backward(pass.pool, probs_te, dprobs_te, e);
        if self.router.needs_input() {
            own.linear.set_input(pass, input_tc, self.router.k);
        }
        std::mem::swap(&mut own.linear.kept, kept);
        own.linear.swap_rows(&mut own.operand);
        let dy = Columns { data: dprobs_te, stride: e };
        let dx = dinput.map(|dinput| (dinput, true));
        self.router.backward(pass, dy, dx, grads, &mut own.linear);
        own.linear.swap_rows(&mut own.operand);
        std::mem::swap(&mut own.linear.kept, kept);
    }

    /// All projections, each with how many rows it gets for a token at most, all experts together.
    pub(super) fn linears(&self) -> Vec<(&Linear, usize)> {
        let k = self.shape.num_experts_per_tok;
        let experts = self.mlps_e.iter().flat_map(MlpBlock::linears).map(|linear| (linear, k));
        let shared = self.shared.iter().flat_map(MlpBlock::linears).map(|linear| (linear, 1));
        std::iter::once((&self.router, 1)).chain(experts).chain(shared).collect()
    }
}
