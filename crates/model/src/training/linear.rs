//! One projection: the frozen matrix, packed for both directions, and its adapter.

use std::ops::Range;

use catena_kernels::{AlignedBuf, DenseMatrix, DenseType, Pool, RowOperand};

use super::lora::{Param, Projection};

/// A frozen matrix `W [n, k]` with an optional adapter.
pub(super) struct Linear {
    n: usize,
    k: usize,
    /// For `y = x W^T`.
    forward: DenseMatrix,
    /// For `dx = dy W`.
    backward: DenseMatrix,
    pub(super) lora: Option<Lora>,
}

/// `B A`, packed for both directions; the scale is folded into `B`.
pub(super) struct Lora {
    r: usize,
    scale: f32,
    a_range: Range<usize>,
    b_range: Range<usize>,
    a_forward: DenseMatrix,
    a_backward: DenseMatrix,
    b_forward: DenseMatrix,
    b_backward: DenseMatrix,
    /// `x A^T` of the forward pass, `[t, r]`.
    inner: AlignedBuf<f32>,
}

/// Working memory that all projections share.
pub(super) struct LinearScratch {
    /// The output gradient as rows and as columns over the tokens.
    dy_rows: RowOperand,
    dy_columns: DenseMatrix,
    /// The input as columns over the tokens, shared by projections of one input.
    x_columns: DenseMatrix,
    /// `[t, r]` values as rows.
    inner_rows: RowOperand,
    dinner: AlignedBuf<f32>,
    /// `dB^T [r, n]` before it is transposed; `s B` when an adapter is packed.
    small: AlignedBuf<f32>,
}

impl LinearScratch {
    /// Memory for `tokens` rows of at most `width` columns and adapters of rank `r`.
    pub(super) fn new(dtype: DenseType, tokens: usize, width: usize, r: usize) -> Self {
        LinearScratch {
            dy_rows: RowOperand::with_capacity(dtype, tokens, width),
            dy_columns: DenseMatrix::with_capacity(dtype, width, tokens),
            x_columns: DenseMatrix::with_capacity(dtype, width, tokens),
            inner_rows: RowOperand::with_capacity(dtype, tokens, r),
            dinner: AlignedBuf::zeroed(tokens * r),
            small: AlignedBuf::zeroed(width * r),
        }
    }

    /// Takes an input `x [t, k]` that adapters' gradients will be computed from.
    pub(super) fn set_input(&mut self, pool: &Pool, x_tk: &[f32], t: usize) {
        let k = x_tk.len() / t;
        self.x_columns.repack_transposed(pool, x_tk, t, k, k);
    }
}

/// A block of columns of a row-major array: row `i` starts at `i * stride`.
#[derive(Clone, Copy)]
pub(super) struct Columns<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
}

impl Linear {
    /// Packs the weight; the adapter stays empty until [`Self::refresh`].
    pub(super) fn new(
        pool: &Pool,
        weight_nk: &[f32],
        projection: &Projection,
        dtype: DenseType,
        params: &[Param],
        (scale, max_tokens): (f32, usize),
    ) -> Self {
        let (n, k) = (projection.n, projection.k);
        let lora = projection.pair.map(|[a, b]| {
            let r = params[a].shape[0];
            Lora {
                r,
                scale,
                a_range: params[a].range.clone(),
                b_range: params[b].range.clone(),
                a_forward: DenseMatrix::with_capacity(dtype, r, k),
                a_backward: DenseMatrix::with_capacity(dtype, k, r),
                b_forward: DenseMatrix::with_capacity(dtype, n, r),
                b_backward: DenseMatrix::with_capacity(dtype, r, n),
                inner: AlignedBuf::zeroed(max_tokens * r),
            }
        });
        Linear {
            n,
            k,
            forward: DenseMatrix::pack(pool, weight_nk, n, k, dtype),
            backward: DenseMatrix::pack_transposed(pool, weight_nk, n, k, dtype),
            lora,
        }
    }

    /// Packs the adapter's values anew.
    pub(super) fn refresh(&mut self, pool: &Pool, values: &[f32], s: &mut LinearScratch) {
        let Some(lora) = &mut self.lora else { return };
        let (n, k, r) = (self.n, self.k, lora.r);
        let a = &values[lora.a_range.clone()];
        lora.a_forward.repack(pool, a, r, k);
        lora.a_backward.repack_transposed(pool, a, r, k, k);
        let scaled = &mut s.small[..n * r];
        for (scaled, b) in scaled.iter_mut().zip(&values[lora.b_range.clone()]) {
            *scaled = b * lora.scale;
        }
        lora.b_forward.repack(pool, scaled, n, r);
        lora.b_backward.repack_transposed(pool, scaled, n, r, r);
    }

    /// `y = x W^T + s (x A^T) B^T` into columns of `out`, or added to them.
    pub(super) fn forward(
        &mut self,
        pool: &Pool,
        x: &RowOperand,
        (out, ldo): (&mut [f32], usize),
        accumulate: bool,
        s: &mut LinearScratch,
    ) {
        self.forward.matmul_operand(pool, x, out, ldo, accumulate);
        if let Some(lora) = &mut self.lora {
            let (t, r) = (x.rows(), lora.r);
            lora.a_forward.matmul_operand(pool, x, &mut lora.inner, r, false);
            s.inner_rows.set(pool, &lora.inner, t, r, r);
            lora.b_forward.matmul_operand(pool, &s.inner_rows, out, ldo, true);
        }
    }

    /// Adds the adapter's gradients, and writes or adds `dx = dy W + s (dy B) A` if it is wanted.
    ///
    /// The input must stand in the scratch ([`LinearScratch::set_input`]) if there is an adapter.
    pub(super) fn backward(
        &self,
        pool: &Pool,
        dy: Columns<'_>,
        t: usize,
        mut dx: Option<(&mut [f32], bool)>,
        grads: &mut [f32],
        s: &mut LinearScratch,
    ) {
        if dx.is_none() && self.lora.is_none() {
            return;
        }
        let (n, k) = (self.n, self.k);
        s.dy_rows.set(pool, dy.data, t, n, dy.stride);
        if let Some((dx, accumulate)) = &mut dx {
            self.backward.matmul_operand(pool, &s.dy_rows, dx, k, *accumulate);
        }
        let Some(lora) = &self.lora else { return };
        let r = lora.r;
        lora.b_backward.matmul_operand(pool, &s.dy_rows, &mut s.dinner, r, false);
        if let Some((dx, _)) = &mut dx {
            s.inner_rows.set(pool, &s.dinner, t, r, r);
            lora.a_backward.matmul_operand(pool, &s.inner_rows, dx, k, true);
        }
        s.inner_rows.set_transposed(pool, &s.dinner, t, r, r);
        let da = &mut grads[lora.a_range.clone()];
        s.x_columns.matmul_operand(pool, &s.inner_rows, da, k, true);

        s.dy_columns.repack_transposed(pool, dy.data, t, n, dy.stride);
        s.inner_rows.set_transposed(pool, &lora.inner, t, r, r);
        s.dy_columns.matmul_operand(pool, &s.inner_rows, &mut s.small, n, false);
        let db = &mut grads[lora.b_range.clone()];
        for (row, db) in db.chunks_exact_mut(r).enumerate() {
            for (rank, db) in db.iter_mut().enumerate() {
                *db += lora.scale * s.small[rank * n + row];
            }
        }
    }

    /// Memory held.
    pub(super) fn bytes(&self) -> usize {
        let lora = self.lora.as_ref().map_or(0, |lora| {
            let matrices = [&lora.a_forward, &lora.a_backward, &lora.b_forward, &lora.b_backward];
            matrices.map(DenseMatrix::bytes).iter().sum::<usize>() + lora.inner.bytes()
        });
        self.forward.bytes() + self.backward.bytes() + lora
    }
}
