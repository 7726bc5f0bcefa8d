//! Embedding at the bottom; final norm, output head and loss at the top.

use catena_kernels::{
    AlignedBuf, DenseMatrix, DenseType, Pool, RowOperand, cross_entropy, cross_entropy_loss,
    rms_norm, rms_norm_backward,
};

use super::batch::Layout;
use super::layer::WeightSource;
use crate::{ModelConfig, ModelError};

/// Supervised rows whose logits exist at once: enough for full tiles, and the logits of a large
/// vocabulary still fit the last-level cache.
const CHUNK_ROWS: usize = 96;

/// The embedding, the final norm and the head.
pub(super) struct Head {
    eps: f32,
    norm_c: Vec<f32>,
    /// For `logits = x W^T`; with tied weights also the embedding.
    forward: DenseMatrix,
    /// For `dx = dlogits W`.
    backward: DenseMatrix,
    /// The embedding, if it is not the head.
    embedding: Option<DenseMatrix>,
    rows_c: AlignedBuf<f32>,
    normed_c: AlignedBuf<f32>,
    drows_c: AlignedBuf<f32>,
    logits_v: AlignedBuf<f32>,
    losses: Vec<f64>,
    operand: RowOperand,
}

impl Head {
    /// Loads and packs; `weight` gives tensors by Hugging Face name.
    pub(super) fn load(
        pool: &Pool,
        config: &ModelConfig,
        dtype: DenseType,
        max_tokens: usize,
        weight: &mut WeightSource<'_>,
    ) -> Result<Self, ModelError> {
        let (c, v) = (config.hidden_size, config.vocab_size);
        let norm_c = weight("model.norm.weight", &[c])?;
        let mut head = weight("model.embed_tokens.weight", &[v, c])?;
        let mut embedding = None;
        if !config.tie_word_embeddings {
            embedding = Some(DenseMatrix::pack(pool, &head, v, c, dtype));
            head = weight("lm_head.weight", &[v, c])?;
        }
        let rows = CHUNK_ROWS.min(max_tokens);
        Ok(Head {
            eps: config.norm_eps,
            norm_c,
            forward: DenseMatrix::pack(pool, &head, v, c, dtype),
            backward: DenseMatrix::pack_transposed(pool, &head, v, c, dtype),
            embedding,
            rows_c: AlignedBuf::zeroed(rows * c),
            normed_c: AlignedBuf::zeroed(rows * c),
            drows_c: AlignedBuf::zeroed(rows * c),
            logits_v: AlignedBuf::zeroed(rows * v),
            losses: vec![0.0; rows],
            operand: RowOperand::with_capacity(dtype, rows, v.max(c)),
        })
    }

    /// Writes the embeddings of `tokens`.
    pub(super) fn embed(&self, pool: &Pool, tokens: &[u32], x_tc: &mut [f32]) {
        let embedding = self.embedding.as_ref().unwrap_or(&self.forward);
        let c = self.norm_c.len();
        pool.split_rows(x_tc, c, &|rows, x| {
            for (x, &token) in x.chunks_exact_mut(c).zip(&tokens[rows]) {
                embedding.row(token as usize, x);
            }
        });
    }

    /// Sum of the losses of the supervised rows. With `grad`, a scale and the gradient of the
    /// residual stream, also writes the gradient of the scaled sum: zero in rows that are not
    /// supervised.
    pub(super) fn loss(
        &mut self,
        pool: &Pool,
        batch: &Layout,
        x_tc: &[f32],
        mut grad: Option<(f32, &mut [f32])>,
    ) -> f64 {
        if let Some((_, dx)) = &mut grad {
            dx.fill(0.0);
        }
        let chunks = batch.supervised.chunks(CHUNK_ROWS).zip(batch.targets.chunks(CHUNK_ROWS));
        let mut sum = 0.0;
        for (rows, targets) in chunks {
            let grad = grad.as_mut().map(|(scale, dx)| (*scale, &mut **dx));
            sum += self.chunk(pool, rows, targets, x_tc, grad);
        }
        sum
    }

    fn chunk(
        &mut self,
        pool: &Pool,
        rows: &[usize],
        targets: &[u32],
        x_tc: &[f32],
        grad: Option<(f32, &mut [f32])>,
    ) -> f64 {
        let (t, c, v) = (rows.len(), self.norm_c.len(), self.forward.n());
        let (x, normed) = (&mut self.rows_c[..t * c], &mut self.normed_c[..t * c]);
        for (x, &row) in x.chunks_exact_mut(c).zip(rows) {
            x.copy_from_slice(&x_tc[row * c..][..c]);
        }
        rms_norm(pool, x, &self.norm_c, self.eps, normed);
        self.operand.set(pool, normed, t, c, c);
        let (logits, losses) = (&mut self.logits_v[..t * v], &mut self.losses[..t]);
        self.forward.matmul_operand(pool, &self.operand, logits, v, false);
        let Some((scale, dx_tc)) = grad else {
            cross_entropy_loss(pool, logits, targets, losses);
            return losses.iter().sum();
        };
        cross_entropy(pool, logits, targets, scale, losses);
        self.operand.set(pool, logits, t, v, v);
        self.backward.matmul_operand(pool, &self.operand, normed, c, false);
        let drows = &mut self.drows_c[..t * c];
        drows.fill(0.0);
        rms_norm_backward(pool, x, &self.norm_c, self.eps, normed, drows);
        for (drow, &row) in drows.chunks_exact(c).zip(rows) {
            dx_tc[row * c..][..c].copy_from_slice(drow);
        }
        losses.iter().sum()
    }

    /// Memory of the matrices and the logits.
    pub(super) fn bytes(&self) -> usize {
        let embedding = self.embedding.as_ref().map_or(0, DenseMatrix::bytes);
        self.forward.bytes() + self.backward.bytes() + embedding + self.logits_v.bytes()
    }
}
