//! The MLP: up, with or without a gate, activation, down; and the choice between one and experts.

use catena_kernels::{
    RowOperand, activation, activation_backward, gated_columns_backward, gated_mul,
    gated_mul_backward, gated_mul_halves, gated_mul_halves_backward, gated_operand, scale_rows,
    scale_rows_backward, widen_halves,
};

use super::buffers::{Saved, Work, keep, parts};
use super::experts::ExpertsBlock;
use super::grads::Grads;
use super::linear::{Columns, Linear, LinearScratch};
use super::pass::Pass;
use super::spec::MlpSpec;

/// What stands behind attention in a layer.
pub(super) enum Mlp {
    Dense(Box<MlpBlock>),
    Experts(Box<ExpertsBlock>),
}

/// One MLP, without the norms around it.
pub(super) struct MlpBlock {
    pub(super) kind: MlpSpec,
    pub(super) width: usize,
    /// Only of a gated MLP.
    pub(super) gate_proj: Option<Linear>,
    pub(super) up_proj: Linear,
    pub(super) down_proj: Linear,
}

/// Where an MLP works.
pub(super) struct MlpRoom<'a> {
    /// Input of `down_proj`, and its gradient, `[t, f]` each.
    pub(super) branch: &'a mut [f32],
    /// The input, if gradients are computed from it, `[t, c]`.
    pub(super) input_tc: &'a mut [f32],
    pub(super) operand: &'a mut RowOperand,
    pub(super) linear: &'a mut LinearScratch,
}

/// What the first products gave, or a place for it, and where it was kept in halves, if it was.
pub(super) type Inner<'a> = (&'a mut [f32], Option<&'a [u16]>);

/// Factors of what an expert gives for each of its rows, and their gradient, which is written.
pub(super) struct RowWeights<'a> {
    pub(super) weights_t: &'a [f32],
    pub(super) dweights_t: &'a mut [f32],
    /// Whether their gradient is wanted.
    pub(super) wanted: bool,
}

impl Mlp {
    /// Writes to `out`, or adds to it; the input stands in `work.operand`, that of experts in
    /// `work.normed_tc`.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        saved: &mut Saved,
        work: &mut Work,
        (out, accumulate): (&mut [f32], bool),
    ) {
        match self {
            Self::Dense(mlp) => {
                let inner = &mut saved.mlp_inner[..pass.tokens() * mlp.inner_width()];
                let kept = saved.halves.as_mut().map(|kept| &mut kept.mlp_inner[..]);
                mlp.forward(pass, (inner, kept), None, &mut work.mlp(), (out, accumulate));
            }
            Self::Experts(experts) => experts.forward(pass, saved, work, (out, accumulate)),
        }
    }

    /// Computes again what the way back reads, and not what was given, if that can be left out; the
    /// input stands where [`Self::forward`] finds it.
    pub(super) fn again(&mut self, pass: &Pass<'_>, saved: &mut Saved, work: &mut Work) -> bool {
        match self {
            Self::Dense(mlp) if mlp.down_proj.adapter.is_none() => {
                let inner = &mut saved.mlp_inner[..pass.tokens() * mlp.inner_width()];
                mlp.first_products(pass, inner, &mut work.mlp());
                keep(pass.pool, work.operand.dtype(), inner, None);
                true
            }
            Self::Dense(_) | Self::Experts(_) => false,
        }
    }

    /// As [`super::attention::AttentionBlock::backward`].
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        dout: &[f32],
        (saved, work): (&mut Saved, &mut Work),
        input: &dyn Fn(&mut [f32]),
        dinput: Option<&mut [f32]>,
        grads: &mut Grads,
    ) {
        match self {
            Self::Dense(mlp) => {
                let len = pass.tokens() * mlp.inner_width();
                let kept = saved.halves.as_ref().map(|kept| &kept.mlp_inner[..len]);
                let inner = (&mut saved.mlp_inner[..len], kept);
                let dinput = dinput.map(|dinput| (dinput, false));
                mlp.backward(pass, dout, (inner, None), &mut work.mlp(), input, dinput, grads);
            }
            Self::Experts(experts) => {
                experts.backward(pass, dout, (saved, work), input, dinput, grads);
            }
        }
    }

    pub(super) fn is_trained(&self) -> bool {
        self.linears().into_iter().any(|(linear, _)| linear.is_trained())
    }

    /// All projections, each with how many rows it gets for a token.
    pub(super) fn linears(&self) -> Vec<(&Linear, usize)> {
        match self {
            Self::Dense(mlp) => mlp.linears().map(|linear| (linear, 1)).collect(),
            Self::Experts(experts) => experts.linears(),
        }
    }
}

impl MlpBlock {
    /// Columns that the first product makes.
    pub(super) fn inner_width(&self) -> usize {
        self.kind.inner(self.width)
    }

    /// Writes to `out`, or adds to it, what the rows give whose input stands in `room.operand`, with
    /// a factor for each row or without.
    ///
    /// What the first products give goes to `inner`, and in halves to its place there, if it has
    /// one. The factors are those of the input of the last product, which has no bias where there are
    /// some: the same but for rounding, and the way back then needs nothing of what it gave.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        (inner, kept): (&mut [f32], Option<&mut [u16]>),
        weights_t: Option<&[f32]>,
        room: &mut MlpRoom<'_>,
        (out, accumulate): (&mut [f32], bool),
    ) {
        let (t, f) = (room.operand.rows(), self.width);
        self.first_products(pass, inner, room);
        let linear = &mut *room.linear;
        let as_it_is = weights_t.is_none() && !self.down_proj.scales_input(pass);
        match self.kind {
            MlpSpec::Gated(gate) if as_it_is => {
                gated_operand(pass.pool, gate, inner, f, kept, room.operand);
            }
            MlpSpec::Gated(_) | MlpSpec::Plain(_) => {
                keep(pass.pool, room.operand.dtype(), inner, kept);
                let act = &mut room.branch[..t * f];
                self.activate(pass, (inner, None), act);
                if let Some(weights_t) = weights_t {
                    scale_rows(pass.pool, act, weights_t, f);
                }
                self.down_proj.enter(pass, act, room.operand, linear);
            }
        }
        let out = (out, self.down_proj.n);
        self.down_proj.forward(pass, room.operand, out, accumulate, linear);
    }

    /// Writes what gate and up give.
    fn first_products(&mut self, pass: &Pass<'_>, inner: &mut [f32], room: &mut MlpRoom<'_>) {
        let (f, width, linear) = (self.width, self.inner_width(), &mut *room.linear);
        if let Some(gate_proj) = &mut self.gate_proj {
            gate_proj.forward(pass, room.operand, (&mut *inner, width), false, linear);
        }
        let up = &mut inner[width - f..];
        self.up_proj.forward(pass, room.operand, (up, width), false, linear);
    }

    /// As [`super::attention::AttentionBlock::backward`], but adds to `dinput` if that is said beside
    /// it. `inner` becomes gradients; what it was is taken from halves if they are there.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        dout: &[f32],
        ((inner, kept), weights): (Inner<'_>, Option<RowWeights<'_>>),
        room: &mut MlpRoom<'_>,
        input: &dyn Fn(&mut [f32]),
        mut dinput: Option<(&mut [f32], bool)>,
        grads: &mut Grads,
    ) {
        let (c, f, width) = (self.down_proj.n, self.width, self.inner_width());
        let t = dout.len() / c;
        let inputs = || self.gate_proj.iter().chain([&self.up_proj]);
        let ends_here = dinput.is_none()
            && weights.as_ref().is_none_or(|weights| !weights.wanted)
            && inputs().all(|linear| !linear.is_trained());
        let dy = Columns { data: dout, stride: c };
        if let (MlpSpec::Gated(gate), None) = (self.kind, &weights)
            && self.down_proj.is_plain()
            && !ends_here
        {
            let dact = &mut room.branch[..t * f];
            self.down_proj.input_backward(pass, dy, Some((&mut *dact, false)), room.linear);
            if self.down_proj.needs_input() {
                let columns = &mut room.linear.x_columns;
                gated_columns_backward(pass.pool, gate, kept, dact, f, inner, columns);
            } else {
                self.activate_backward(pass, (&mut *inner, kept), dact);
            }
            self.down_proj.weight_backward(pass, dy, grads, room.linear);
        } else {
            let inner = ((&mut *inner, kept), weights);
            self.down_backward(pass, dy, inner, room, ends_here, grads);
        }
        if ends_here {
            return;
        }
        if inputs().any(Linear::needs_input) {
            let input_tc = &mut room.input_tc[..t * c];
            input(input_tc);
            room.linear.set_input(pass, input_tc, c);
        }
        let first = (self.gate_proj.as_ref(), 0);
        let columns = [first, (Some(&self.up_proj), width - f)];
        let columns = columns.into_iter().filter_map(|(linear, at)| Some((linear?, at)));
        for (i, (linear, at)) in columns.enumerate() {
            let dy = Columns { data: &inner[at..], stride: width };
            let dx = dinput.as_mut().map(|(dx, accumulate)| (&mut **dx, *accumulate || i > 0));
            linear.backward(pass, dy, dx, grads, room.linear);
        }
    }

    /// The way back through the last product and, unless it `ends_here`, the activation before it, one
    /// step after the other.
    fn down_backward(
        &self,
        pass: &Pass<'_>,
        dy: Columns<'_>,
        ((inner, kept), weights): (Inner<'_>, Option<RowWeights<'_>>),
        room: &mut MlpRoom<'_>,
        ends_here: bool,
        grads: &mut Grads,
    ) {
        let (pool, f, len) = (pass.pool, self.width, dy.rows() * self.width);
        let is_alone = ends_here && weights.is_none();
        let [act, dact] = parts(room.branch, [len, if is_alone { 0 } else { len }]);
        if self.down_proj.needs_input() || weights.is_some() {
            self.activate(pass, (&mut *inner, kept), act);
        }
        if self.down_proj.needs_input() {
            let mut input = &*act;
            if let Some(weights) = &weights {
                dact.copy_from_slice(act);
                scale_rows(pool, dact, weights.weights_t, f);
                input = &*dact;
            }
            room.linear.set_input(pass, input, f);
        }
        let wanted = (!ends_here).then_some((&mut *dact, false));
        self.down_proj.backward(pass, dy, wanted, grads, room.linear);
        if ends_here {
            return;
        }
        if let Some(RowWeights { weights_t, dweights_t, .. }) = weights {
            scale_rows_backward(pool, act, weights_t, dact, dweights_t);
        }
        self.activate_backward(pass, (inner, kept), dact);
    }

    /// What goes into the last product, from halves if they are there.
    fn activate(&self, pass: &Pass<'_>, (inner, kept): Inner<'_>, act_tf: &mut [f32]) {
        let (pool, f) = (pass.pool, self.width);
        match (self.kind, kept) {
            (MlpSpec::Gated(gate), None) => gated_mul(pool, gate, inner, f, act_tf),
            (MlpSpec::Gated(gate), Some(kept)) => gated_mul_halves(pool, gate, kept, f, act_tf),
            (MlpSpec::Plain(act), kept) => {
                if let Some(kept) = kept {
                    widen_halves(pool, kept, inner);
                }
                activation(pool, act, inner, act_tf);
            }
        }
    }

    /// From the gradient of what goes into the last product: `inner` becomes that of what the first
    /// products gave.
    fn activate_backward(&self, pass: &Pass<'_>, (inner, kept): Inner<'_>, dact_tf: &mut [f32]) {
        let (pool, f) = (pass.pool, self.width);
        match (self.kind, kept) {
            (MlpSpec::Gated(gate), None) => gated_mul_backward(pool, gate, inner, dact_tf, f),
            (MlpSpec::Gated(gate), Some(kept)) => {
                gated_mul_halves_backward(pool, gate, kept, dact_tf, f, inner);
            }
            (MlpSpec::Plain(act), kept) => {
                if let Some(kept) = kept {
                    widen_halves(pool, kept, inner);
                }
                activation_backward(pool, act, inner, dact_tf);
                inner.copy_from_slice(dact_tf);
            }
        }
    }

    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.gate_proj.iter().chain([&self.up_proj, &self.down_proj])
    }
}
