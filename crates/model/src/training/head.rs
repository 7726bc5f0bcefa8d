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
/// as the head, is read and written for each; more if layers take as much memory anyway.
const LARGE_CHUNK_BYTES: usize = 48 << 20;
/// Rows of such a chunk at most.
const LARGE_CHUNK_ROWS: usize = 1024;
/// What such a number of rows is a multiple of: steps that any product takes at once, so that sums
/// over rows are the same bits however they are cut.
const ROW_UNIT: usize = 32;
/// Rows of a trained head that learn together: operands of the products of their slopes are as wide,
/// not as the vocabulary. A multiple of the steps that products take at once, so that sums are the
/// same bits.
const SLICE_ROWS: usize = 4096;

/// The last norm, and the head if it is not the embedding.
pub(super) struct LmHead {
    pub(super) norm: Option<Norm>,
    pub(super) weight: Option<Matrix>,
    pub(super) plan: HeadPlan,
    spec: HeadSpec,
}

/// How much a head works on at once.
#[derive(Clone)]
pub(super) struct HeadPlan {
    dtype: DenseType,
    hidden_size: usize,
    vocab_size: usize,
    capped: bool,
    trained: bool,
    /// Supervised rows of a chunk.
    rows: usize,
}

/// What a head works in.
pub(super) struct HeadRoom {
    rows_tc: AlignedBuf<f32>,
    normed_tc: AlignedBuf<f32>,
    drows_tc: AlignedBuf<f32>,
    logits_tv: AlignedBuf<f32>,
    /// Slopes of capped logits.
    slopes_tv: AlignedBuf<f32>,
    stats: AlignedBuf<f32>,
    operand: RowOperand,
    dlogits_t: RowOperand,
    columns: DenseMatrix,
}

impl HeadPlan {
    /// Takes as many rows at once as it should, and not more than `max_tokens`; `bytes` are there in
    /// any case.
    pub(super) fn fit(&mut self, bytes: usize, max_tokens: usize) {
        self.rows = CHUNK_ROWS;
        if self.trained || self.dtype == DenseType::F32 {
            let fits = |rows: &usize| {
                let logits = rows * self.vocab_size * size_of::<f32>();
                let with_rows = Self { rows: *rows, ..self.clone() };
                logits <= LARGE_CHUNK_BYTES || with_rows.bytes() <= bytes
            };
            let sizes = (CHUNK_ROWS..=LARGE_CHUNK_ROWS).step_by(ROW_UNIT);
            self.rows = sizes.take_while(fits).last().unwrap_or(CHUNK_ROWS);
        }
        self.rows = self.rows.min(max_tokens);
    }

    /// Memory of a chunk's rows.
    pub(super) fn room(&self, room: &mut Room) -> HeadRoom {
        let (c, v, dtype, rows) = (self.hidden_size, self.vocab_size, self.dtype, self.rows);
        let slice = if self.trained { v.min(SLICE_ROWS) } else { v };
        let trained_rows = if self.trained { rows } else { 0 };
        HeadRoom {
            rows_tc: room.floats(rows * c),
            normed_tc: room.floats(rows * c),
            drows_tc: room.floats(rows * c),
            logits_tv: room.floats(rows * v),
            slopes_tv: room.floats(if self.capped { rows * v } else { 0 }),
            stats: room.floats(2 * rows),
            operand: room.operand(dtype, rows, slice.max(c)),
            dlogits_t: room.operand(dtype, trained_rows, if self.trained { slice } else { 0 }),
            columns: room.columns(dtype, c, trained_rows),
        }
    }

    /// Bytes of [`Self::room`].
    pub(super) fn bytes(&self) -> usize {
        let mut room = Room::new(false);
        self.room(&mut room);
        room.bytes()
    }
}

impl LmHead {
    pub(super) fn new(
        spec: &Spec,
        dtype: DenseType,
        (norm, weight): (Option<Norm>, Option<Matrix>),
        embedding: &Embedding,
    ) -> Self {
        let plan = HeadPlan {
            dtype,
            hidden_size: spec.hidden_size,
            vocab_size: spec.vocab_size,
            capped: spec.head.softcap.is_some(),
            trained: weight.as_ref().unwrap_or(&embedding.words).is_trained(),
            rows: 0,
        };
        LmHead { norm, weight, plan, spec: spec.head.clone() }
    }

    /// Negative log-likelihoods of the supervised targets, in order.
    pub(super) fn losses(
        &self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        x_tc: &[f32],
        losses: &mut [f64],
        room: &mut HeadRoom,
    ) {
        let (rows, v) = (self.plan.rows, self.plan.vocab_size);
        for (range, losses) in chunks(losses.len(), rows).zip(losses.chunks_mut(rows)) {
            self.logits(pass, embedding, &pass.batch.supervised[range.clone()], x_tc, room);
            let logits = &mut room.logits_tv[..range.len() * v];
            cross_entropy_loss(pass.pool, logits, &pass.batch.targets[range], losses);
        }
    }

    /// The logits of one row.
    pub(super) fn logits_of<'r>(
        &self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        row: usize,
        x_tc: &[f32],
        room: &'r mut HeadRoom,
    ) -> &'r [f32] {
        self.logits(pass, embedding, &[row], x_tc, room);
        &room.logits_tv[..self.plan.vocab_size]
    }

    /// As [`Self::losses`], and the gradients of `sum(scale * loss)`: `dx_tc` is written, zero in
    /// rows that are not supervised.
    pub(super) fn backward(
        &self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        x_tc: &[f32],
        scales: &[f32],
        losses: &mut [f64],
        (dx_tc, grads): (&mut [f32], &mut Grads),
        room: &mut HeadRoom,
    ) {
        dx_tc.fill(0.0);
        let rows = self.plan.rows;
        for (range, losses) in chunks(losses.len(), rows).zip(losses.chunks_mut(rows)) {
            let rows = &pass.batch.supervised[range.clone()];
            self.logits(pass, embedding, rows, x_tc, room);
            self.chunk_backward(
                pass,
                embedding,
                (rows, &pass.batch.targets[range.clone()]),
                &scales[range],
                losses,
                (&mut *dx_tc, &mut *grads),
                room,
            );
        }
    }

    /// Leaves the logits of some rows, and what they are made of, in the buffers.
    fn logits(
        &self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        rows: &[usize],
        x_tc: &[f32],
        room: &mut HeadRoom,
    ) {
        let (t, c, v) = (rows.len(), self.plan.hidden_size, self.plan.vocab_size);
        let x = &mut room.rows_tc[..t * c];
        for (x, &row) in x.chunks_exact_mut(c).zip(rows) {
            x.copy_from_slice(&x_tc[row * c..][..c]);
        }
        let normed = &mut room.normed_tc[..t * c];
        match &self.norm {
            Some(norm) => norm.forward(pass, x, normed),
            None => normed.copy_from_slice(x),
        }
        room.operand.set(pass.pool, normed, t, c, c);
        let weight = self.weight.as_ref().unwrap_or(&embedding.words).get(pass.values);
        weight.matmul(pass.pool, &room.operand, &mut room.logits_tv[..t * v], v, false);
        scale_by(pass, &mut room.logits_tv, t * v, self.spec.scaling.recip());
        if let Some(cap) = self.spec.softcap {
            let logits = &mut room.logits_tv[..t * v];
            softcap(pass.pool, logits, cap);
            for (slope, &capped) in room.slopes_tv.iter_mut().zip(&*logits) {
                *slope = 1.0 - (capped / cap) * (capped / cap);
            }
        }
    }

    fn chunk_backward(
        &self,
        pass: &Pass<'_>,
        embedding: &Embedding,
        (rows, targets): (&[usize], &[u32]),
        scales: &[f32],
        losses: &mut [f64],
        (dx_tc, grads): (&mut [f32], &mut Grads),
        room: &mut HeadRoom,
    ) {
        let (pool, t) = (pass.pool, rows.len());
        let (c, v) = (self.plan.hidden_size, self.plan.vocab_size);
        let matrix = self.weight.as_ref().unwrap_or(&embedding.words);
        cross_entropy(pool, &mut room.logits_tv[..t * v], targets, scales, losses);
        for (dlogit, slope) in room.logits_tv[..t * v].iter_mut().zip(&*room.slopes_tv) {
            *dlogit *= slope;
        }
        scale_by(pass, &mut room.logits_tv, t * v, self.spec.scaling.recip());
        let dlogits = &room.logits_tv[..t * v];
        let normed = &mut room.normed_tc[..t * c];
        if matrix.is_trained() {
            room.columns.repack_transposed(pool, normed, t, c, c);
        }
        for slice in chunks(v, SLICE_ROWS) {
            let Some((dweight, accumulate)) = matrix.grad(&slice, grads) else { break };
            room.dlogits_t.set_transposed(pool, &dlogits[slice.start..], t, slice.len(), v);
            room.columns.matmul_operand(pool, &room.dlogits_t, dweight, c, accumulate);
        }
        for slice in chunks(v, if matrix.is_trained() { SLICE_ROWS } else { v }) {
            room.operand.set(pool, &dlogits[slice.start..], t, slice.len(), v);
            let weight = matrix.rows(pass.values, &slice);
            weight.matmul_transposed(pool, &room.operand, normed, c, slice.start > 0);
        }
        let drows: &[f32] = match &self.norm {
            Some(norm) => {
                let (x, drows) = (&room.rows_tc[..t * c], &mut room.drows_tc[..t * c]);
                drows.fill(0.0);
                norm.backward(pass, x, normed, Some(&mut *drows), grads, &mut room.stats);
                drows
            }
            None => normed,
        };
        for (drow, &row) in drows.chunks_exact(c).zip(rows) {
            dx_tc[row * c..][..c].copy_from_slice(drow);
        }
    }
}

fn chunks(len: usize, rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..len).step_by(rows).map(move |start| start..len.min(start + rows))
}
