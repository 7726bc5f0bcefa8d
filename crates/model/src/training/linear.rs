//! One projection: its matrix, its bias and its adapter.

use catena_kernels::{DenseMatrix, DenseType, RowOperand, add_bias, bias_backward};

use super::lora::Lora;
use super::matrix::Matrix;
use super::params::Vector;
use super::pass::Pass;

/// `y = x W^T + b`, with what an adapter adds.
pub(super) struct Linear {
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) weight: Matrix,
    pub(super) bias: Option<Vector>,
    pub(super) lora: Option<Lora>,
}

/// Working memory that all projections share.
pub(super) struct LinearScratch {
    /// The output gradient as rows over the outputs, and as rows over the tokens.
    pub(super) dy_rows: RowOperand,
    pub(super) dy_t: RowOperand,
    /// The input as columns over the tokens, shared by projections of one input.
    pub(super) x_columns: DenseMatrix,
    /// `[t, r]` values as rows and as columns over the tokens, and their gradient.
    pub(super) inner_rows: RowOperand,
    pub(super) inner_columns: DenseMatrix,
    pub(super) dinner: Vec<f32>,
}

impl LinearScratch {
    /// Memory for `tokens` rows of at most `width` columns and adapters of rank `r`; gradients of
    /// weights need their own operands only if there are any.
    pub(super) fn new(dtype: DenseType, tokens: usize, width: usize, r: usize) -> Self {
        LinearScratch {
            dy_rows: RowOperand::with_capacity(dtype, tokens, width),
            dy_t: RowOperand::with_capacity(dtype, tokens, width),
            x_columns: DenseMatrix::with_capacity(dtype, width, tokens),
            inner_rows: RowOperand::with_capacity(dtype, tokens, r),
            inner_columns: DenseMatrix::with_capacity(dtype, r, tokens),
            dinner: vec![0.0; tokens * r],
        }
    }

    /// Takes an input `x [t, k]` that gradients of weights will be computed from.
    pub(super) fn set_input(&mut self, pass: &Pass<'_>, x_tk: &[f32], k: usize) {
        let t = x_tk.len() / k;
        self.x_columns.repack_transposed(pass.pool, x_tk, t, k, k);
    }
}

/// A block of columns of a row-major array: row `i` starts at `i * stride`.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
}

impl Columns<'_> {
    fn rows(&self) -> usize {
        self.data.len().div_ceil(self.stride)
    }
}

impl Linear {
    /// Writes to columns of `out`, or adds to them.
    pub(super) fn forward(
        &mut self,
        pass: &Pass<'_>,
        x: &RowOperand,
        (out, ldo): (&mut [f32], usize),
        accumulate: bool,
        s: &mut LinearScratch,
    ) {
        self.weight.get(pass.values).matmul(pass.pool, x, out, ldo, accumulate);
        if let Some(lora) = self.lora.as_mut().filter(|_| pass.adapted) {
            lora.forward(pass, x, (out, ldo), s);
        }
        if let Some(bias) = &self.bias {
            add_bias(pass.pool, out, ldo, bias.get(pass.values));
        }
    }

    /// Adds the gradients of what is trained, and writes or adds `dx` if it is wanted.
    ///
    /// The input must stand in the scratch ([`LinearScratch::set_input`]) if
    /// [`Self::needs_input`].
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        dy: Columns<'_>,
        mut dx: Option<(&mut [f32], bool)>,
        grads: &mut [f32],
        s: &mut LinearScratch,
    ) {
        let (pool, t, n, k) = (pass.pool, dy.rows(), self.n, self.k);
        if let Some(dbias) = self.bias.as_ref().and_then(|bias| bias.grad(grads)) {
            bias_backward(pool, dy.data, dy.stride, dbias);
        }
        if dx.is_none() && !self.needs_input() {
            return;
        }
        if dx.is_some() || self.lora.is_some() {
            s.dy_rows.set(pool, dy.data, t, n, dy.stride);
        }
        if let Some((dx, accumulate)) = &mut dx {
            let weight = self.weight.get(pass.values);
            weight.matmul_transposed(pool, &s.dy_rows, dx, k, *accumulate);
        }
        if self.needs_input() {
            s.dy_t.set_transposed(pool, dy.data, t, n, dy.stride);
        }
        if let Some(dweight) = self.weight.grad(grads) {
            s.x_columns.matmul_operand(pool, &s.dy_t, dweight, k, true);
        }
        if let Some(lora) = &self.lora {
            lora.backward(pass, t, dx.map(|(dx, _)| dx), grads, s);
        }
    }

    /// Whether gradients are computed from the input.
    pub(super) fn needs_input(&self) -> bool {
        self.weight.is_trained() || self.lora.is_some()
    }

    pub(super) fn is_trained(&self) -> bool {
        self.needs_input() || self.bias.as_ref().is_some_and(Vector::is_trained)
    }

    /// Memory held, without trained values.
    pub(super) fn bytes(&self) -> usize {
        self.weight.bytes() + self.lora.as_ref().map_or(0, Lora::bytes)
    }
}
