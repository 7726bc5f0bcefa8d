//! One projection: its matrix, its bias and its adapter.

use catena_kernels::{
    AlignedBuf, DenseMatrix, DenseType, RowOperand, add_bias, bias_backward, scale_columns,
    scale_columns_backward,
};

use super::dora::NormScratch;
use super::grads::Grads;
use super::ia3::{Ia3, Ia3Side};
use super::lora::Lora;
use super::matrix::Matrix;
use super::method::AdapterNeeds;
use super::params::Vector;
use super::pass::Pass;
use super::room::Room;

/// `y = x W^T + b`, with what an adapter adds or changes.
pub(super) struct Linear {
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) weight: Matrix,
    pub(super) bias: Option<Vector>,
    pub(super) adapter: Option<Adapter>,
    /// Its place among the layer's projections, for what its adapter keeps; the same projections of
    /// all experts have one.
    pub(super) slot: usize,
}

/// What an adapter keeps between the passes.
#[derive(Default)]
pub(super) struct Kept {
    /// What its factors multiply, `[t, n]` or `[t, k]`.
    pub(super) multiplied: AlignedBuf<f32>,
    /// `s x A^T` of a pair, `[t, r]`.
    pub(super) inner: AlignedBuf<f32>,
}

/// Values per row of what an adapter keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeptWidth {
    pub(super) multiplied: usize,
    pub(super) inner: usize,
}

impl KeptWidth {
    /// Room for either of two.
    pub(super) fn max(self, other: Self) -> Self {
        KeptWidth {
            multiplied: self.multiplied.max(other.multiplied),
            inner: self.inner.max(other.inner),
        }
    }

    /// So many rows for each token.
    pub(super) fn times(self, rows: usize) -> Self {
        KeptWidth { multiplied: self.multiplied * rows, inner: self.inner * rows }
    }

    /// Memory for `tokens` tokens.
    pub(super) fn room(self, room: &mut Room, tokens: usize) -> Kept {
        Kept {
            multiplied: room.floats(tokens * self.multiplied),
            inner: room.floats(tokens * self.inner),
        }
    }
}

/// What stands beside a matrix.
pub(super) enum Adapter {
    /// A low-rank pair, with magnitudes or without.
    Lora(Box<Lora>),
    /// A vector of factors.
    Ia3(Ia3),
}

/// Working memory that all projections share.
pub(super) struct LinearScratch {
    /// The output gradient as rows over the outputs. It has no memory of its own: whoever goes back
    /// lends the operand of the forward pass ([`Self::swap_rows`]).
    pub(super) dy_rows: RowOperand,
    /// The same as rows over the tokens, for matrices that are trained, and as columns over the
    /// tokens, for pairs.
    pub(super) dy_t: RowOperand,
    pub(super) dy_columns: DenseMatrix,
    /// The input as columns over the tokens, shared by projections of one input.
    pub(super) x_columns: DenseMatrix,
    /// `[t, r]` values as rows over either, and their gradient.
    pub(super) inner_rows: RowOperand,
    pub(super) dinner: AlignedBuf<f32>,
    /// The gradient of a pair's second matrix as the product gives it, `[r, n]`.
    pub(super) db_rn: AlignedBuf<f32>,
    /// What adapters keep between the passes of the layer at hand.
    pub(super) kept: Vec<Kept>,
    /// The first row there of those at hand: those of an expert stand behind those of others.
    pub(super) first_row: usize,
    /// Scaled values or the gradient of such, if an adapter scales.
    pub(super) scaled: AlignedBuf<f32>,
    pub(super) norms: NormScratch,
}

impl LinearScratch {
    /// Memory for `tokens` rows, matrices of at most `[n, k]`, and the adapters of a method.
    pub(super) fn new(
        room: &mut Room,
        dtype: DenseType,
        tokens: usize,
        (n, k): (usize, usize),
        needs: AdapterNeeds,
    ) -> Self {
        let (r, width) = (needs.rank, n.max(k));
        let (rows_n, columns_n) = (if needs.whole { n } else { 0 }, if r > 0 { n } else { 0 });
        let (norm_rank, norm_width) = if needs.norms { (r, width) } else { (0, 0) };
        LinearScratch {
            dy_rows: RowOperand::new(dtype),
            dy_t: room.operand(dtype, tokens, rows_n),
            dy_columns: room.columns(dtype, columns_n, tokens),
            x_columns: room.columns(dtype, k, tokens),
            inner_rows: room.operand(dtype, tokens, r),
            dinner: room.floats(tokens * r),
            db_rn: room.floats(r * n),
            kept: Vec::new(),
            first_row: 0,
            scaled: room.floats(if needs.scales { tokens * width } else { 0 }),
            norms: NormScratch::new(room, dtype, norm_rank, norm_width),
        }
    }

    /// Takes the memory of `operand` for the way back, or gives it back.
    pub(super) fn swap_rows(&mut self, operand: &mut RowOperand) {
        std::mem::swap(&mut self.dy_rows, operand);
    }

    /// Takes an input `x [t, k]` that gradients of weights will be computed from.
    pub(super) fn set_input(&mut self, pass: &Pass<'_>, x_tk: &[f32], k: usize) {
        let t = x_tk.len() / k;
        self.x_columns.repack_transposed(pass.pool, x_tk, t, k, k);
    }

    /// The same of an input that was kept in halves.
    pub(super) fn set_input_halves(&mut self, pass: &Pass<'_>, x_tk: &[u16], k: usize) {
        self.x_columns.repack_transposed_halves(pass.pool, x_tk, x_tk.len() / k, k);
    }

    /// What an adapter keeps of the rows at hand: `[rows, width]` values.
    fn multiplied(&mut self, slot: usize, rows: usize, width: usize) -> &mut [f32] {
        let first = self.first_row * width;
        &mut self.kept[slot].multiplied[first..first + rows * width]
    }
}

/// A block of columns of a row-major array: row `i` starts at `i * stride`.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
}

impl Columns<'_> {
    pub(super) fn rows(&self) -> usize {
        self.data.len().div_ceil(self.stride)
    }
}

impl Linear {
    /// Makes an input that no other projection shares the operand at hand.
    pub(super) fn enter(
        &self,
        pass: &Pass<'_>,
        x_tk: &[f32],
        operand: &mut RowOperand,
        s: &mut LinearScratch,
    ) {
        let (t, k) = (x_tk.len() / self.k, self.k);
        let Some(vector) = self.vector(Ia3Side::Input).filter(|_| pass.adapted) else {
            return operand.set(pass.pool, x_tk, t, k, k);
        };
        s.multiplied(self.slot, t, k).copy_from_slice(x_tk);
        let scaled = &mut s.scaled[..t * k];
        scale_columns(pass.pool, x_tk, vector.get(pass.values), scaled, k, false);
        operand.set(pass.pool, scaled, t, k, k);
    }

    /// Writes to columns of `out`, or adds to them.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        x: &RowOperand,
        (out, ldo): (&mut [f32], usize),
        accumulate: bool,
        s: &mut LinearScratch,
    ) {
        if pass.adapted && self.scales_output() {
            return self.scaled_forward(pass, x, (out, ldo), accumulate, s);
        }
        self.products(pass, x, (&mut *out, ldo), accumulate, s);
        if let Some(bias) = &self.bias {
            add_bias(pass.pool, out, ldo, bias.get(pass.values));
        }
    }

    /// Writes `x W^T` with what a pair adds, or adds both.
    fn products(
        &self,
        pass: &Pass<'_>,
        x: &RowOperand,
        (out, ldo): (&mut [f32], usize),
        accumulate: bool,
        s: &mut LinearScratch,
    ) {
        let (pool, weight) = (pass.pool, self.weight.get(pass.values));
        match self.lora().filter(|_| pass.adapted) {
            None => weight.matmul(pool, x, out, ldo, accumulate),
            Some(lora) => {
                let beside = lora.enter(pass, x, self.slot, s);
                weight.matmul_beside(pool, x, beside, out, ldo, accumulate);
            }
        }
    }

    /// As [`Self::forward`] for an adapter that scales the outputs, which are kept unscaled.
    fn scaled_forward(
        &mut self,
        pass: &Pass<'_>,
        x: &RowOperand,
        (out, ldo): (&mut [f32], usize),
        accumulate: bool,
        s: &mut LinearScratch,
    ) {
        let (pool, n) = (pass.pool, self.n);
        let mut kept = std::mem::take(&mut s.kept[self.slot].multiplied);
        let first = s.first_row * n;
        let u = &mut kept[first..first + x.rows() * n];
        self.products(pass, x, (&mut *u, n), false, s);
        let weight = self.weight.get(pass.values);
        let bias = self.bias.as_ref().map(|bias| bias.get(pass.values));
        match &mut self.adapter {
            Some(Adapter::Lora(lora)) => {
                let factors = lora.set_factors(pass, weight, &mut s.norms);
                scale_columns(pool, u, factors, out, ldo, accumulate);
                if let Some(bias) = bias {
                    add_bias(pool, out, ldo, bias);
                }
            }
            Some(Adapter::Ia3(ia3)) => {
                if let Some(bias) = bias {
                    add_bias(pool, u, n, bias);
                }
                scale_columns(pool, u, ia3.get(pass.values), out, ldo, accumulate);
            }
            None => unreachable!("nothing scales the outputs"),
        }
        s.kept[self.slot].multiplied = kept;
    }

    /// Adds the gradients of what is trained, and writes or adds `dx` if it is wanted.
    ///
    /// The input must stand in the scratch ([`LinearScratch::set_input`]) if
    /// [`Self::needs_input`].
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        dy: Columns<'_>,
        dx: Option<(&mut [f32], bool)>,
        grads: &mut Grads,
        s: &mut LinearScratch,
    ) {
        let (t, n, k) = (dy.rows(), self.n, self.k);
        if self.scales_output() {
            let mut du = std::mem::take(&mut s.scaled);
            let first = s.first_row * n;
            let u = &s.kept[self.slot].multiplied[first..first + t * n];
            let du_tn = &mut du[..t * n];
            match &self.adapter {
                Some(Adapter::Lora(lora)) => {
                    lora.scale_backward(pass, u, dy, du_tn, grads, &mut s.norms);
                }
                Some(Adapter::Ia3(ia3)) => {
                    let dvector = grads.of(&ia3.vector);
                    let (factors, dy) = (ia3.get(pass.values), (dy.data, dy.stride));
                    scale_columns_backward(pass.pool, u, factors, dy, Some(du_tn), dvector);
                }
                None => {}
            }
            let dy = Columns { data: &du[..t * n], stride: n };
            self.products_backward(pass, dy, dx, grads, s);
            s.scaled = du;
        } else if let Some(vector) = self.vector(Ia3Side::Input) {
            let mut dscaled = std::mem::take(&mut s.scaled);
            let dscaled_tk = &mut dscaled[..t * k];
            self.products_backward(pass, dy, Some((&mut *dscaled_tk, false)), grads, s);
            let (x, factors) = (s.multiplied(self.slot, t, k), vector.get(pass.values));
            let dvector = grads.of(&vector.vector);
            let dx = dx.map(|(dx, accumulate)| {
                assert!(!accumulate, "a scaled input is no other projection's");
                dx
            });
            scale_columns_backward(pass.pool, x, factors, (dscaled_tk, k), dx, dvector);
            s.scaled = dscaled;
        } else {
            self.products_backward(pass, dy, dx, grads, s);
        }
    }

    /// The backward pass of everything but a scaling of outputs or inputs.
    fn products_backward(
        &self,
        pass: &Pass<'_>,
        dy: Columns<'_>,
        dx: Option<(&mut [f32], bool)>,
        grads: &mut Grads,
        s: &mut LinearScratch,
    ) {
        self.input_backward(pass, dy, dx, s);
        self.weight_backward(pass, dy, grads, s);
    }

    /// The first half of [`Self::backward`] of a plain projection: `dx` if it is wanted, and what else
    /// needs no input; a pair's stays in the scratch for the second half.
    pub(super) fn input_backward(
        &self,
        pass: &Pass<'_>,
        dy: Columns<'_>,
        dx: Option<(&mut [f32], bool)>,
        s: &mut LinearScratch,
    ) {
        let (pool, t, n, k) = (pass.pool, dy.rows(), self.n, self.k);
        let lora = self.lora();
        if dx.is_none() && lora.is_none() {
            return;
        }
        match lora {
            None => s.dy_rows.set(pool, dy.data, t, n, dy.stride),
            Some(lora) => {
                let shape = (t, n, dy.stride);
                s.dy_rows.set_with_columns(pool, dy.data, shape, &mut s.dy_columns);
                lora.inner_backward(pass, t, s);
            }
        }
        let Some((dx, accumulate)) = dx else { return };
        let weight = self.weight.get(pass.values);
        match lora {
            None => weight.matmul_transposed(pool, &s.dy_rows, dx, k, accumulate),
            Some(lora) => {
                s.inner_rows.set(pool, &s.dinner[..t * lora.r], t, lora.r, lora.r);
                let beside = (lora.a(pass.values), &s.inner_rows);
                weight.matmul_transposed_beside(pool, &s.dy_rows, beside, dx, k, accumulate);
            }
        }
    }

    /// The second half: adds the gradients of what is trained, from the input in the scratch.
    pub(super) fn weight_backward(
        &self,
        pass: &Pass<'_>,
        dy: Columns<'_>,
        grads: &mut Grads,
        s: &mut LinearScratch,
    ) {
        let (pool, t, n, k) = (pass.pool, dy.rows(), self.n, self.k);
        if let Some(dbias) = self.bias.as_ref().and_then(|bias| bias.grad(grads)) {
            bias_backward(pool, dy.data, dy.stride, dbias);
        }
        if let Some((dweight, accumulate)) = self.weight.grad(&(0..n), grads) {
            s.dy_t.set_transposed(pool, dy.data, t, n, dy.stride);
            s.x_columns.matmul_operand(pool, &s.dy_t, dweight, k, accumulate);
        }
        if let Some(lora) = self.lora() {
            lora.backward(pass, t, self.slot, grads, s);
        }
    }

    fn lora(&self) -> Option<&Lora> {
        match &self.adapter {
            Some(Adapter::Lora(lora)) => Some(lora),
            Some(Adapter::Ia3(_)) | None => None,
        }
    }

    fn vector(&self, side: Ia3Side) -> Option<&Ia3> {
        match &self.adapter {
            Some(Adapter::Ia3(ia3)) => Some(ia3).filter(|ia3| ia3.of == side),
            Some(Adapter::Lora(_)) | None => None,
        }
    }

    fn scales_output(&self) -> bool {
        self.vector(Ia3Side::Output).is_some()
            || self.lora().is_some_and(|lora| lora.dora.is_some())
    }

    /// Whether it multiplies, and adds a bias, and nothing is scaled.
    pub(super) fn is_plain(&self) -> bool {
        !self.scales_output() && self.vector(Ia3Side::Input).is_none()
    }

    /// Whether what its matrix multiplies is the input with factors.
    pub(super) fn scales_input(&self, pass: &Pass<'_>) -> bool {
        pass.adapted && self.vector(Ia3Side::Input).is_some()
    }

    /// Values per row that its adapter keeps.
    pub(super) fn kept_width(&self) -> KeptWidth {
        let multiplied = if self.scales_output() {
            self.n
        } else {
            self.vector(Ia3Side::Input).map_or(0, |_| self.k)
        };
        KeptWidth { multiplied, inner: self.lora().map_or(0, |lora| lora.r) }
    }

    /// Whether gradients are computed from the input.
    pub(super) fn needs_input(&self) -> bool {
        self.weight.is_trained() || self.lora().is_some()
    }

    pub(super) fn is_trained(&self) -> bool {
        self.weight.is_trained()
            || self.adapter.is_some()
            || self.bias.as_ref().is_some_and(Vector::is_trained)
    }
}
