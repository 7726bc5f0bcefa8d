//! Low-rank pairs beside the projections.

use std::ops::Range;

use catena_kernels::{RowOperand, WeightRef, scale};

use super::dora::{Dora, NormScratch, PairView};
use super::grads::Grads;
use super::linear::{Columns, LinearScratch};
use super::pass::Pass;

/// `y += s (x A^T) B^T` with `A [r, k]` and `B [n, r]`.
pub(super) struct Lora {
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) r: usize,
    pub(super) scale: f32,
    pub(super) a: Range<usize>,
    pub(super) b: Range<usize>,
    /// Magnitudes of the rows of `W + s B A`, if they are learnt.
    pub(super) dora: Option<Dora>,
}

impl Lora {
    fn a<'a>(&self, values: &'a [f32]) -> WeightRef<'a> {
        WeightRef::Floats { w_nk: &values[self.a.clone()], n: self.r, k: self.k }
    }

    fn b<'a>(&self, values: &'a [f32]) -> WeightRef<'a> {
        WeightRef::Floats { w_nk: &values[self.b.clone()], n: self.n, k: self.r }
    }

    /// Adds to `out`, and keeps `s x A^T` in a slot.
    pub(super) fn forward(
        &self,
        pass: &Pass<'_>,
        x: &RowOperand,
        (out, ldo): (&mut [f32], usize),
        slot: usize,
        s: &mut LinearScratch,
    ) {
        let (pool, t, r) = (pass.pool, x.rows(), self.r);
        let (a, b) = (self.a(pass.values), self.b(pass.values));
        let inner = &mut s.kept[slot].inner[s.first_row * r..][..t * r];
        a.matmul(pool, x, inner, r, false);
        scale(pool, inner, self.scale);
        s.inner_rows.set(pool, inner, t, r, r);
        b.matmul(pool, &s.inner_rows, out, ldo, true);
    }

    /// Adds the gradients of both, and to `dx`; `dy` and the input stand in the scratch.
    ///
    /// `dinner = s dy B; dA += dinner^T x; dB += dy^T (s x A^T); dx += dinner A`
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        (t, slot): (usize, usize),
        dx: Option<&mut [f32]>,
        grads: &mut Grads,
        s: &mut LinearScratch,
    ) {
        let (pool, r) = (pass.pool, self.r);
        let dinner = &mut s.dinner[..t * r];
        self.b(pass.values).matmul_transposed(pool, &s.dy_rows, dinner, r, false);
        scale(pool, dinner, self.scale);
        if let Some(dx) = dx {
            s.inner_rows.set(pool, dinner, t, r, r);
            self.a(pass.values).matmul_transposed(pool, &s.inner_rows, dx, self.k, true);
        }
        s.inner_rows.set_transposed(pool, dinner, t, r, r);
        s.x_columns.matmul_operand(pool, &s.inner_rows, grads.of(&self.a), self.k, true);
        let inner = &s.kept[slot].inner[s.first_row * r..][..t * r];
        s.inner_columns.repack_transposed(pool, inner, t, r, r);
        s.inner_columns.matmul_operand(pool, &s.dy_t, grads.of(&self.b), r, true);
    }

    /// The pair beside its matrix.
    pub(super) fn view<'a>(&self, weight: WeightRef<'a>, values: &'a [f32]) -> PairView<'a> {
        PairView {
            weight,
            a: self.a(values),
            a_rk: &values[self.a.clone()],
            b_nr: &values[self.b.clone()],
            scale: self.scale,
        }
    }

    /// Factors of the outputs in this pass; none without magnitudes.
    pub(super) fn set_factors(
        &mut self,
        pass: &Pass<'_>,
        weight: WeightRef<'_>,
        s: &mut NormScratch,
    ) -> &[f32] {
        let view = self.view(weight, pass.values);
        self.dora.as_mut().map_or(&[], |dora| dora.set_factors(pass, view, s))
    }

    /// As [`Dora::backward`].
    pub(super) fn scale_backward(
        &self,
        pass: &Pass<'_>,
        u_tn: &[f32],
        dy: Columns<'_>,
        du_tn: &mut [f32],
        grads: &mut Grads,
        s: &mut NormScratch,
    ) {
        if let Some(dora) = &self.dora {
            dora.backward(pass, u_tn, dy, du_tn, grads, s);
        }
    }
}
