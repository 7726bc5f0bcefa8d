//! Latent attention in its absorbed form: the cache holds one short vector per token.
//!
//! A key of head `h` is `[k_b_h latent, rotated]`, a value `v_b_h latent`. Instead of making them
//! for every cached token, `k_b_h` is moved to the query (`q_h . (k_b_h l) = (k_b_h^T q_h) . l`) and
//! `v_b_h` behind the weighted sum. What is attended to is then one key for all heads, which is
//! also the value: the rotated part, then the latent.
//!
//! # Source
//! DeepSeek-V2, arXiv:2405.04434, section 2.1.2.

use catena_kernels::{AlignedBuf, MatmulScratch, Pool, rms_norm, rms_norm_groups};

use super::adapters::{AdapterBuffers, Deltas, Product};
use super::scratch::Scratch;
use crate::ModelConfig;
use crate::config::MlaConfig;
use crate::linear::Linear;

/// The weights of latent attention.
pub(super) struct Latent {
    pub(super) shape: MlaConfig,
    /// Makes the vector that queries are made from, and the gain of its norm.
    pub(super) q_a: Option<(Linear, Vec<f32>)>,
    pub(super) q_b_proj: Linear,
    pub(super) kv_a_proj: Linear,
    pub(super) kv_a_layernorm: Vec<f32>,
    /// For each head queries into the latent's space.
    pub(super) k_b_proj_h: Vec<Linear>,
    /// For each head the latent into values.
    pub(super) v_b_proj_h: Vec<Linear>,
    pub(super) o_proj: Linear,
}

/// Buffers of latent attention; empty for models without it.
#[derive(Default)]
pub(super) struct LatentScratch {
    /// The vector that queries are made from, and normed.
    q_a: AlignedBuf<f32>,
    q_a_normed: AlignedBuf<f32>,
    /// Queries `[t, h d]`.
    q: AlignedBuf<f32>,
    /// Latent and key to be rotated.
    kv_a: AlignedBuf<f32>,
    /// One head's part of all rows.
    head: AlignedBuf<f32>,
    /// Values of all heads.
    pub(super) values: AlignedBuf<f32>,
}

impl LatentScratch {
    pub(super) fn new(config: &ModelConfig, max_rows: usize) -> Self {
        let Some(mla) = &config.mla else { return Self::default() };
        let buf = |columns: usize| AlignedBuf::zeroed(max_rows * columns);
        let rank = mla.q_lora_rank.unwrap_or(0);
        Self {
            q_a: buf(rank),
            q_a_normed: buf(rank),
            q: buf(config.q_width()),
            kv_a: buf(mla.kv_lora_rank + mla.qk_rope_head_dim),
            head: buf(mla.qk_nope_head_dim.max(mla.kv_lora_rank)),
            values: buf(config.attended_width()),
        }
    }

    pub(super) fn len(&self) -> usize {
        let bufs = [&self.q_a, &self.q_a_normed, &self.q, &self.kv_a, &self.head, &self.values];
        bufs.into_iter().map(|buf| buf.len()).sum()
    }
}

impl Latent {
    pub(super) fn bytes(&self) -> usize {
        let q_a = self.q_a.as_ref().map(|(q_a, _)| q_a);
        let whole = [&self.q_b_proj, &self.kv_a_proj, &self.o_proj];
        let whole = whole.into_iter().chain(q_a);
        let heads = self.k_b_proj_h.iter().chain(&self.v_b_proj_h);
        whole.chain(heads).map(Linear::bytes).sum()
    }

    /// `qkv = [q of each head, key]` of the normed rows, not yet rotated.
    pub(super) fn project(&self, pool: &Pool, rows: usize, deltas: Deltas<'_>, s: &mut Scratch) {
        let Scratch { normed_tc, qkv, matmul, beside, latent: l, .. } = s;
        let input_tc = &normed_tc[..rows * self.kv_a_proj.k()];
        self.queries(pool, (rows, deltas), input_tc, l, (matmul, beside));
        let (rotary, rank) = (self.shape.qk_rope_head_dim, self.shape.kv_lora_rank);
        let (head_dim, width) = (rotary + rank, self.kv_a_proj.n());
        let kv_a = &mut l.kv_a[..rows * width];
        self.kv_a_proj.apply(pool, input_tc, kv_a, width, false, matmul);
        deltas.add((Product::Latent, false), pool, input_tc, (&mut *kv_a, width), beside, matmul);
        rms_norm_groups(pool, kv_a, width, (rows, 1), &self.kv_a_layernorm, MlaConfig::NORM_EPS);

        let heads = self.k_b_proj_h.len();
        let row_width = (heads + 1) * head_dim;
        for (row, kv_a) in qkv.chunks_exact_mut(row_width).zip(kv_a.chunks_exact(width)) {
            let key = &mut row[heads * head_dim..];
            let (latent, to_rotate) = kv_a.split_at(rank);
            key[..rotary].copy_from_slice(to_rotate);
            key[rotary..].copy_from_slice(latent);
        }
        let nope = self.shape.qk_nope_head_dim;
        let q_width = self.q_b_proj.n();
        for (h, k_b_proj) in self.k_b_proj_h.iter().enumerate() {
            let first = h * (nope + rotary);
            let head = &mut l.head[..rows * nope];
            let q_rows = l.q.chunks_exact(q_width).take(rows);
            for ((q, head), row) in
                q_rows.zip(head.chunks_exact_mut(nope)).zip(qkv.chunks_exact_mut(row_width))
            {
                let (unrotated, to_rotate) = q[first..first + nope + rotary].split_at(nope);
                head.copy_from_slice(unrotated);
                row[h * head_dim..][..rotary].copy_from_slice(to_rotate);
            }
            let out = &mut qkv[h * head_dim + rotary..];
            k_b_proj.apply(pool, head, out, row_width, false, matmul);
            deltas.add((Product::HeadKey(h), false), pool, head, (out, row_width), beside, matmul);
        }
    }

    fn queries(
        &self,
        pool: &Pool,
        (rows, deltas): (usize, Deltas<'_>),
        input_tc: &[f32],
        l: &mut LatentScratch,
        (matmul, beside): (&mut MatmulScratch, &mut AdapterBuffers),
    ) {
        let width = self.q_b_proj.n();
        let q = &mut l.q[..rows * width];
        let Some((q_a_proj, gain)) = &self.q_a else {
            self.q_b_proj.apply(pool, input_tc, q, width, false, matmul);
            return deltas.add((Product::Query, false), pool, input_tc, (q, width), beside, matmul);
        };
        let rank = gain.len();
        let (q_a, normed) = (&mut l.q_a[..rows * rank], &mut l.q_a_normed[..rows * rank]);
        q_a_proj.apply(pool, input_tc, q_a, rank, false, matmul);
        deltas.add(
            (Product::QueryLatent, false),
            pool,
            input_tc,
            (&mut *q_a, rank),
            beside,
            matmul,
        );
        rms_norm(pool, q_a, gain, MlaConfig::NORM_EPS, normed);
        self.q_b_proj.apply(pool, normed, q, width, false, matmul);
        deltas.add((Product::Query, false), pool, normed, (q, width), beside, matmul);
    }

    /// The values of all heads of the first `rows` rows, from the sums of latents.
    pub(super) fn values(&self, pool: &Pool, rows: usize, deltas: Deltas<'_>, s: &mut Scratch) {
        let (rotary, rank) = (self.shape.qk_rope_head_dim, self.shape.kv_lora_rank);
        let head_dim = rotary + rank;
        let row_width = self.v_b_proj_h.len() * head_dim;
        let out_width = self.o_proj.k();
        for (h, v_b_proj) in self.v_b_proj_h.iter().enumerate() {
            let head = &mut s.latent.head[..rows * rank];
            let attended = s.attended.chunks_exact(row_width);
            for (sum, head) in attended.zip(head.chunks_exact_mut(rank)) {
                head.copy_from_slice(&sum[h * head_dim + rotary..][..rank]);
            }
            let out = &mut s.latent.values[h * self.shape.v_head_dim..];
            v_b_proj.apply(pool, head, out, out_width, false, &mut s.matmul);
            let out = (out, out_width);
            deltas.add(
                (Product::HeadValue(h), false),
                pool,
                head,
                out,
                &mut s.beside,
                &mut s.matmul,
            );
        }
    }
}
