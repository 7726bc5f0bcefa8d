//! Low-rank pairs beside the projections.

use std::ops::Range;

use catena_kernels::{RowOperand, WeightRef, scale, transpose};

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
    pub(super) fn a<'a>(&self, values: &'a [f32]) -> WeightRef<'a> {
        WeightRef::Floats { w_nk: &values[self.a.clone()], n: self.r, k: self.k }
    }

    fn b<'a>(&self, values: &'a [f32]) -> WeightRef<'a> {
        WeightRef::Floats { w_nk: &values[self.b.clone()], n: self.n, k: self.r }
    }

    /// Keeps `s x A^T` in a slot, and gives what its product with `B` takes.
    pub(super) fn enter<'a>(
        &self,
        pass: &Pass<'a>,
        x: &RowOperand,
        slot: usize,
        s: &'a mut LinearScratch,
    ) -> (WeightRef<'a>, &'a RowOperand) {
        let (pool, t, r) = (pass.pool, x.rows(), self.r);
        let inner = &mut s.kept[slot].inner[s.first_row * r..][..t * r];
        self.a(pass.values).matmul(pool, x, inner, r, false);
        scale(pool, inner, self.scale);
        s.inner_rows.set(pool, inner, t, r, r);
        (self.b(pass.values), &s.inner_rows)
    }

    /// Leaves `dinner = s dy B`, the gradient of `x A^T`, in the scratch, where `dy` stands.
    pub(super) fn inner_backward(&self, pass: &Pass<'_>, t: usize, s: &mut LinearScratch) {
        let (pool, r) = (pass.pool, self.r);
        let dinner = &mut s.dinner[..t * r];
        self.b(pass.values).matmul_transposed(pool, &s.dy_rows, dinner, r, false);
        scale(pool, dinner, self.scale);
    }

    /// Adds the gradients of both; `dinner`, the input and `dy` stand in the scratch.
    ///
    /// `dA += dinner^T x; dB += dy^T (s x A^T)`, the latter as `(s x A^T)^T dy`: its rows are then
    /// few, and the many columns of `dy` were packed as they stand.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        t: usize,
        slot: usize,
        grads: &mut Grads,
        s: &mut LinearScratch,
    ) {
        let (pool, n, r) = (pass.pool, self.n, self.r);
        s.inner_rows.set_transposed(pool, &s.dinner[..t * r], t, r, r);
        let (da, accumulate) = grads.of_product(&self.a);
        s.x_columns.matmul_operand(pool, &s.inner_rows, da, self.k, accumulate);
        let inner = &s.kept[slot].inner[s.first_row * r..][..t * r];
        s.inner_rows.set_transposed(pool, inner, t, r, r);
        let (db, accumulate) = grads.of_product(&self.b);
        let db_rn = &mut s.db_rn[..r * n];
        if accumulate {
            transpose(pool, db, r, db_rn);
        }
        s.dy_columns.matmul_operand(pool, &s.inner_rows, db_rn, n, accumulate);
        transpose(pool, db_rn, n, db);
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
