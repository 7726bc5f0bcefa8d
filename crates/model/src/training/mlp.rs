//! The MLP: up, with or without a gate, activation, down; and the choice between one and experts.

use catena_kernels::{
    RowOperand, activation, activation_backward, gated_mul, gated_mul_backward, scale_rows,
    scale_rows_backward,
};

use super::buffers::{Saved, Work};
use super::experts::ExpertsBlock;
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
    /// Input of `down_proj`, and its gradient, `[t, f]`.
    pub(super) act_tf: &'a mut [f32],
    pub(super) dact_tf: &'a mut [f32],
    /// The input, if gradients are computed from it, `[t, c]`.
    pub(super) input_tc: &'a mut [f32],
    pub(super) operand: &'a mut RowOperand,
    pub(super) linear: &'a mut LinearScratch,
}

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
                mlp.forward(pass, inner, None, &mut work.mlp(), (out, accumulate));
            }
            Self::Experts(experts) => experts.forward(pass, saved, work, (out, accumulate)),
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
        grads: &mut [f32],
    ) {
        match self {
            Self::Dense(mlp) => {
                let inner = &mut saved.mlp_inner[..pass.tokens() * mlp.inner_width()];
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
    /// The factors are those of the input of the last product, which has no bias where there are
    /// some: the same but for rounding, and the way back then needs nothing of what it gave.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        inner: &mut [f32],
        weights_t: Option<&[f32]>,
        room: &mut MlpRoom<'_>,
        (out, accumulate): (&mut [f32], bool),
    ) {
        let (t, f, width) = (room.operand.rows(), self.width, self.inner_width());
        let linear = &mut *room.linear;
        if let Some(gate_proj) = &mut self.gate_proj {
            gate_proj.forward(pass, room.operand, (&mut *inner, width), false, linear);
        }
        let up = &mut inner[width - f..];
        self.up_proj.forward(pass, room.operand, (up, width), false, linear);
        let act = &mut room.act_tf[..t * f];
        self.activate(pass, inner, act);
        if let Some(weights_t) = weights_t {
            scale_rows(pass.pool, act, weights_t, f);
        }
        self.down_proj.enter(pass, act, room.operand, linear);
        let out = (out, self.down_proj.n);
        self.down_proj.forward(pass, room.operand, out, accumulate, linear);
    }

    /// As [`super::attention::AttentionBlock::backward`], but adds to `dinput` if that is said beside
    /// it. `inner` becomes gradients.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        dout: &[f32],
        (inner, weights): (&mut [f32], Option<RowWeights<'_>>),
        room: &mut MlpRoom<'_>,
        input: &dyn Fn(&mut [f32]),
        mut dinput: Option<(&mut [f32], bool)>,
        grads: &mut [f32],
    ) {
        let (pool, c, f, width) = (pass.pool, self.down_proj.n, self.width, self.inner_width());
        let t = dout.len() / c;
        let (act, dact) = (&mut room.act_tf[..t * f], &mut room.dact_tf[..t * f]);
        if self.down_proj.needs_input() || weights.is_some() {
            self.activate(pass, inner, act);
        }
        if self.down_proj.needs_input() {
            dact.copy_from_slice(act);
            if let Some(weights) = &weights {
                scale_rows(pool, dact, weights.weights_t, f);
            }
            room.linear.set_input(pass, dact, f);
        }
        let inputs = || self.gate_proj.iter().chain([&self.up_proj]);
        let ends_here = dinput.is_none()
            && weights.as_ref().is_none_or(|weights| !weights.wanted)
            && inputs().all(|linear| !linear.is_trained());
        let dy = Columns { data: dout, stride: c };
        let wanted = (!ends_here).then_some((&mut *dact, false));
        self.down_proj.backward(pass, dy, wanted, grads, room.linear);
        if ends_here {
            return;
        }
        if let Some(RowWeights { weights_t, dweights_t, .. }) = weights {
            scale_rows_backward(pool, act, weights_t, dact, dweights_t);
        }
        match self.kind {
            MlpSpec::Gated(gate) => gated_mul_backward(pool, gate, inner, dact, f),
            MlpSpec::Plain(act) => {
                activation_backward(pool, act, inner, dact);
                inner.copy_from_slice(dact);
            }
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

    /// What goes into the last product.
    fn activate(&self, pass: &Pass<'_>, inner: &[f32], act_tf: &mut [f32]) {
        match self.kind {
            MlpSpec::Gated(gate) => gated_mul(pass.pool, gate, inner, self.width, act_tf),
            MlpSpec::Plain(act) => activation(pass.pool, act, inner, act_tf),
        }
    }

    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.gate_proj.iter().chain([&self.up_proj, &self.down_proj])
    }
}
