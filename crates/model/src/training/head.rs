//! The head of a language model: last norm, logits and losses of supervised positions, a chunk of
//! rows at a time.

use catena_kernels::{
    AlignedBuf, DenseMatrix, DenseType, RowOperand, cross_entropy, cross_entropy_loss, softcap,
};

use super::embedding::{Embedding, scale_by};
use super::grads::Grads;
use super::matrix::Matrix;
use super::norm::Norm;
use super::pass::Pass;
use super::room::Room;
use super::spec::{HeadSpec, Spec};

/// Supervised rows whose logits exist at once: enough for full tiles, and the logits of a large
/// vocabulary still fit the last-level cache.
const CHUNK_ROWS: usize = 96;
/// Logits at once when the head's panels are made for each chunk, or its gradient, which is as large
/// as the head, is read and written for each.
const LARGE_CHUNK_BYTES: usize = 48 << 20;
/// Rows of such a chunk at most.
const LARGE_CHUNK_ROWS: usize = 512;
/// Rows of a trained head that learn together: operands of the products of their slopes are as wide,
/// not as the vocabulary. A multiple of the steps that products take at once, so that sums are the
/// same bits.
const SLICE_ROWS: usize = 4096;

/// The last norm, and the head if it is not the embedding.
pub(super) struct LmHead {
    pub(super) norm: Option<Norm>,
    pub(super) weight: Option<Matrix>,
    spec: HeadSpec,
    hidden_size: usize,
    chunk_rows: usize,
    rows_tc: AlignedBuf<f32>,
    normed_tc: AlignedBuf<f32>,
    drows_tc: AlignedBuf<f32>,
    logits_tv: AlignedBuf<f32>,
    /// Slopes of capped logits.
    slopes_tv: AlignedBuf<f32>,
    stats: Vec<f32>,
    operand: RowOperand,
    dlogits_t: RowOperand,
    columns: DenseMatrix,
}

impl LmHead {
    pub(super) fn new(
        spec: &Spec,
        dtype: DenseType,
        max_tokens: usize,
        (norm, weight): (Option<Norm>, Option<Matrix>),
        embedding: &Embedding,
        room: &mut Room,
    ) -> Self {
        let (c, v) = (spec.hidden_size, spec.vocab_size);
        let trained = weight.as_ref().unwrap_or(&embedding.words).is_trained();
        let most = if trained || dtype == DenseType::F32 {
            (LARGE_CHUNK_BYTES / (v * size_of::<f32>())).clamp(CHUNK_ROWS, LARGE_CHUNK_ROWS)
        } else {
            CHUNK_ROWS
        };
        let rows = most.min(max_tokens);
        let slopes = if spec.head.softcap.is_some() { rows * v } else { 0 };
        let slice = if trained { v.min(SLICE_ROWS) } else { v };
        let trained_rows = if trained { rows } else { 0 };
        LmHead {
            norm,
            weight,
            spec: spec.head.clone(),
            hidden_size: c,
            chunk_rows: rows,
            rows_tc: room.floats(rows * c),
            normed_tc: room.floats(rows * c),
            drows_tc: room.floats(rows * c),
            logits_tv: room.floats(rows * v),
            slopes_tv: room.floats(slopes),
            stats: room.zeros(2 * rows),
            operand: room.operand(dtype, rows, slice.max(c)),
            dlogits_t: room.operand(dtype, trained_rows, if trained { slice } else { 0 }),
            columns: room.columns(dtype, c, trained_rows),
        }
    }

    /// Negative log-likelihoods of the supervised targets, in order.
    pub(super) fn losses(
        &mut self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        x_tc: &[f32],
        losses: &mut [f64],
    ) {
        for (range, losses) in
            chunks(losses.len(), self.chunk_rows).zip(losses.chunks_mut(self.chunk_rows))
        {
            self.logits(pass, embedding, &pass.batch.supervised[range.clone()], x_tc);
            let logits =
                &mut self.logits_tv[..range.len() * vocab(self.weight.as_ref(), embedding, pass)];
            cross_entropy_loss(pass.pool, logits, &pass.batch.targets[range], losses);
        }
    }

    /// The logits of one row.
    pub(super) fn logits_of(
        &mut self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        row: usize,
        x_tc: &[f32],
    ) -> &[f32] {
        self.logits(pass, embedding, &[row], x_tc);
        &self.logits_tv[..vocab(self.weight.as_ref(), embedding, pass)]
    }

    /// As [`Self::losses`], and the gradients of `sum(scale * loss)`: `dx_tc` is written, zero in
    /// rows that are not supervised.
    pub(super) fn backward(
        &mut self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        x_tc: &[f32],
        scales: &[f32],
        losses: &mut [f64],
        (dx_tc, grads): (&mut [f32], &mut Grads),
    ) {
        dx_tc.fill(0.0);
        for (range, losses) in
            chunks(losses.len(), self.chunk_rows).zip(losses.chunks_mut(self.chunk_rows))
        {
            let rows = &pass.batch.supervised[range.clone()];
            self.logits(pass, embedding, rows, x_tc);
            self.chunk_backward(
                pass,
                embedding,
                (rows, &pass.batch.targets[range.clone()]),
                &scales[range],
                losses,
                (&mut *dx_tc, &mut *grads),
            );
        }
    }

    /// Leaves the logits of some rows, and what they are made of, in the buffers.
    fn logits(&mut self, pass: &Pass<'_>, embedding: &Embedding, rows: &[usize], x_tc: &[f32]) {
        let (t, c) = (rows.len(), self.hidden_size);
        let x = &mut self.rows_tc[..t * c];
        for (x, &row) in x.chunks_exact_mut(c).zip(rows) {
            x.copy_from_slice(&x_tc[row * c..][..c]);
        }
        let normed = &mut self.normed_tc[..t * c];
        match &self.norm {
            Some(norm) => norm.forward(pass, x, normed),
            None => normed.copy_from_slice(x),
        }
        self.operand.set(pass.pool, normed, t, c, c);
        let weight = self.weight.as_ref().unwrap_or(&embedding.words).get(pass.values);
        let v = weight.n();
        weight.matmul(pass.pool, &self.operand, &mut self.logits_tv[..t * v], v, false);
        scale_by(pass, &mut self.logits_tv, t * v, self.spec.scaling.recip());
        if let Some(cap) = self.spec.softcap {
            let logits = &mut self.logits_tv[..t * v];
            softcap(pass.pool, logits, cap);
            for (slope, &capped) in self.slopes_tv.iter_mut().zip(&*logits) {
                *slope = 1.0 - (capped / cap) * (capped / cap);
            }
        }
    }

    fn chunk_backward(
        &mut self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        (rows, targets): (&[usize], &[u32]),
        scales: &[f32],
        losses: &mut [f64],
        (dx_tc, grads): (&mut [f32], &mut Grads),
    ) {
        let (pool, t, c) = (pass.pool, rows.len(), self.hidden_size);
        let matrix = self.weight.as_ref().unwrap_or(&embedding.words);
        let v = matrix.get(pass.values).n();
        cross_entropy(pool, &mut self.logits_tv[..t * v], targets, scales, losses);
        for (dlogit, slope) in self.logits_tv.iter_mut().zip(self.slopes_tv.iter()) {
            *dlogit *= slope;
        }
        scale_by(pass, &mut self.logits_tv, t * v, self.spec.scaling.recip());
        let dlogits = &self.logits_tv[..t * v];
        let normed = &mut self.normed_tc[..t * c];
        if let Some(dweight) = matrix.grad(grads) {
            self.columns.repack_transposed(pool, normed, t, c, c);
            for slice in chunks(v, SLICE_ROWS) {
                let dweight = &mut dweight[slice.start * c..slice.end * c];
                self.dlogits_t.set_transposed(pool, &dlogits[slice.start..], t, slice.len(), v);
                self.columns.matmul_operand(pool, &self.dlogits_t, dweight, c, true);
            }
        }
        for slice in chunks(v, if matrix.is_trained() { SLICE_ROWS } else { v }) {
            self.operand.set(pool, &dlogits[slice.start..], t, slice.len(), v);
            let weight = matrix.rows(pass.values, &slice);
            weight.matmul_transposed(pool, &self.operand, normed, c, slice.start > 0);
        }
        let drows: &[f32] = match &self.norm {
            Some(norm) => {
                let (x, drows) = (&self.rows_tc[..t * c], &mut self.drows_tc[..t * c]);
                drows.fill(0.0);
                norm.backward(pass, x, normed, Some(&mut *drows), grads, &mut self.stats);
                drows
            }
            None => normed,
        };
        for (drow, &row) in drows.chunks_exact(c).zip(rows) {
            dx_tc[row * c..][..c].copy_from_slice(drow);
        }
    }
}

fn vocab(weight: Option<&Matrix>, embedding: &Embedding, pass: &Pass<'_>) -> usize {
    weight.unwrap_or(&embedding.words).get(pass.values).n()
}

fn chunks(len: usize, rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..len).step_by(rows).map(move |start| start..len.min(start + rows))
}
