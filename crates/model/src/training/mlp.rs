//! The MLP: up, with or without a gate, activation, down.

use catena_kernels::{activation, activation_backward, gated_mul, gated_mul_backward};

use super::buffers::{Saved, Work};
use super::linear::{Columns, Linear};
use super::pass::Pass;
use super::spec::{LayerSpec, MlpSpec};

/// The MLP of one layer, without the norms around it.
#[expect(clippy::struct_field_names, reason = "the field's names of the projections")]
pub(super) struct MlpBlock {
    /// Only of a gated MLP.
    pub(super) gate_proj: Option<Linear>,
    pub(super) up_proj: Linear,
    pub(super) down_proj: Linear,
}

impl MlpBlock {
    /// Writes to `out`, or adds to it; the input stands in `work.operand`.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        saved: &mut Saved,
        work: &mut Work,
        (out, accumulate): (&mut [f32], bool),
    ) {
        let (t, f) = (pass.tokens(), spec.intermediate_size);
        let width = spec.mlp_inner();
        let inner = &mut saved.mlp_inner[..t * width];
        let linear = &mut work.linear;
        if let Some(gate_proj) = &mut self.gate_proj {
            gate_proj.forward(pass, &work.operand, (inner, width), false, linear);
        }
        let up = &mut inner[width - f..];
        self.up_proj.forward(pass, &work.operand, (up, width), false, linear);
        let act = &mut work.act_tf[..t * f];
        activate(pass, spec, inner, act);
        self.down_proj.enter(pass, act, &mut work.operand, linear);
        self.down_proj.forward(pass, &work.operand, (out, spec.hidden_size), accumulate, linear);
    }

    /// As [`super::attention::AttentionBlock::backward`].
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        dout: &[f32],
        (saved, work): (&mut Saved, &mut Work),
        input: &dyn Fn(&mut [f32]),
        mut dinput: Option<&mut [f32]>,
        grads: &mut [f32],
    ) {
        let (pool, t) = (pass.pool, pass.tokens());
        let (c, f, width) = (spec.hidden_size, spec.intermediate_size, spec.mlp_inner());
        let inner = &mut saved.mlp_inner[..t * width];
        if self.down_proj.needs_input() {
            let act = &mut work.act_tf[..t * f];
            activate(pass, spec, inner, act);
            work.linear.set_input(pass, act, f);
        }
        let inputs = || self.gate_proj.iter().chain([&self.up_proj]);
        let ends_here = dinput.is_none() && inputs().all(|linear| !linear.is_trained());
        let dact = &mut work.dact_tf[..t * f];
        let dy = Columns { data: dout, stride: c };
        let wanted = (!ends_here).then_some((&mut *dact, false));
        self.down_proj.backward(pass, dy, wanted, grads, &mut work.linear);
        if ends_here {
            return;
        }
        match spec.mlp {
            MlpSpec::Gated(gate) => gated_mul_backward(pool, gate, inner, dact, f),
            MlpSpec::Plain(act) => {
                activation_backward(pool, act, inner, dact);
                inner.copy_from_slice(dact);
            }
        }
        if inputs().any(Linear::needs_input) {
            let normed = &mut work.normed_tc[..t * c];
            input(normed);
            work.linear.set_input(pass, normed, c);
        }
        let first = (self.gate_proj.as_ref(), 0);
        let columns = [first, (Some(&self.up_proj), width - f)];
        let columns = columns.into_iter().filter_map(|(linear, at)| Some((linear?, at)));
        for (i, (linear, at)) in columns.enumerate() {
            let dy = Columns { data: &inner[at..], stride: width };
            let dx = dinput.as_deref_mut().map(|dx| (dx, i > 0));
            linear.backward(pass, dy, dx, grads, &mut work.linear);
        }
    }

    pub(super) fn is_trained(&self) -> bool {
        self.linears().any(Linear::is_trained)
    }

    pub(super) fn linears_mut(&mut self) -> impl Iterator<Item = &mut Linear> {
        self.gate_proj.iter_mut().chain([&mut self.up_proj, &mut self.down_proj])
    }

    pub(super) fn linears(&self) -> impl Iterator<Item = &Linear> {
        self.gate_proj.iter().chain([&self.up_proj, &self.down_proj])
    }
}

/// What goes into the last product.
fn activate(pass: &Pass<'_>, spec: &LayerSpec, inner: &[f32], act_tf: &mut [f32]) {
    match spec.mlp {
        MlpSpec::Gated(gate) => {
            gated_mul(pass.pool, gate, inner, spec.intermediate_size, act_tf);
        }
        MlpSpec::Plain(act) => activation(pass.pool, act, inner, act_tf),
    }
}
