//! Queries, keys and values that each have a projection of the input, with norms or without.

use super::attention::HeadGradients;
use super::buffers::{Saved, Work};
use super::grads::Grads;
use super::linear::{Columns, Linear};
use super::norm::Norm;
use super::pass::Pass;
use super::spec::{LayerSpec, Widths};
use crate::config::QkNorm;

/// The projections of queries, keys and values.
pub(super) struct HeadInputs {
    pub(super) q_proj: Linear,
    pub(super) k_proj: Linear,
    pub(super) v_proj: Linear,
    /// Norms of queries and keys.
    pub(super) qk_norms: Option<(QkNorm, [Norm; 2])>,
}

impl HeadInputs {
    /// As [`super::attention::Inputs::forward`].
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        spec: &LayerSpec,
        saved: &mut Saved,
        work: &mut Work,
    ) {
        let t = pass.tokens();
        let Widths { queries, keys, values, .. } = spec.widths();
        let q = &mut saved.q_thd[..t * queries];
        let k = &mut saved.k_tgd[..t * keys];
        let v = &mut saved.v_tgd[..t * values];
        self.q_proj.forward(pass, &work.operand, (q, queries), false, &mut work.linear);
        self.k_proj.forward(pass, &work.operand, (k, keys), false, &mut work.linear);
        self.v_proj.forward(pass, &work.operand, (v, values), false, &mut work.linear);
        if let Some((_, [q_norm, k_norm])) = &self.qk_norms {
            // The way back needs what was normed.
            saved.q_before_norm[..q.len()].copy_from_slice(q);
            saved.k_before_norm[..k.len()].copy_from_slice(k);
            q_norm.forward(pass, &saved.q_before_norm[..q.len()], q);
            k_norm.forward(pass, &saved.k_before_norm[..k.len()], k);
        }
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
        let (stats, room) = (&mut work.stats, &mut work.dnormed_heads[..]);
        self.norms_backward(pass, saved, (&mut *dq, &mut *dk), grads, stats, room);
        let linears = self.linears();
        if linears.iter().any(|linear| linear.needs_input()) {
            let normed = &mut work.normed_tc[..t * c];
            input(normed);
            work.linear.set_input(pass, normed, c);
        }
        for (i, (linear, dy)) in linears.into_iter().zip([&*dq, &*dk, &*dv]).enumerate() {
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

    pub(super) fn is_trained(&self) -> bool {
        let norms = self.qk_norms.as_ref();
        self.linears().iter().any(|linear| linear.is_trained())
            || norms.is_some_and(|(_, norms)| norms.iter().any(Norm::is_trained))
    }

    pub(super) fn linears(&self) -> [&Linear; 3] {
        [&self.q_proj, &self.k_proj, &self.v_proj]
    }
}
