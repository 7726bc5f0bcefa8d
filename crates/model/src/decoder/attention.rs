//! Attention: what makes queries, keys and values, and what takes the result.

use catena_kernels::{Pool, rms_norm_groups};

use super::adapters::{Deltas, Product};
use super::latent::Latent;
use super::scratch::Scratch;
use crate::ModelConfig;
use crate::linear::Linear;

/// The weights of attention.
pub(super) enum Attention {
    Heads(Heads),
    Latent(Box<Latent>),
}

/// Attention with keys and values for each head.
pub(super) struct Heads {
    pub(super) qkv_proj: Linear,
    /// Gains of the norms of queries and of keys.
    pub(super) qk_norms: Option<(Vec<f32>, Vec<f32>)>,
    pub(super) o_proj: Linear,
}

impl Attention {
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Heads(heads) => heads.qkv_proj.bytes() + heads.o_proj.bytes(),
            Self::Latent(latent) => latent.bytes(),
        }
    }

    /// The product behind attention.
    pub(super) fn o_proj(&self) -> &Linear {
        match self {
            Self::Heads(heads) => &heads.o_proj,
            Self::Latent(latent) => &latent.o_proj,
        }
    }
}

impl Heads {
    /// `qkv = [q, k, v]` of the rows of `input` (normed, or the residual stream itself), as the product
    /// gives them.
    pub(super) fn project(
        &self,
        pool: &Pool,
        config: &ModelConfig,
        (rows, normed): (usize, bool),
        deltas: Deltas<'_>,
        s: &mut Scratch,
    ) {
        let input_tc = if normed { &s.normed_tc } else { &s.x_tc };
        let input_tc = &input_tc[..rows * config.hidden_size];
        let width = self.qkv_proj.n();
        let qkv = &mut s.qkv[..rows * width];
        self.qkv_proj.apply(pool, input_tc, qkv, width, false, &mut s.matmul);
        deltas.add(
            (Product::Qkv, false),
            pool,
            input_tc,
            (qkv, width),
            &mut s.beside,
            &mut s.matmul,
        );
    }

    /// Whether queries, and keys, are normed over all heads as one.
    pub(super) fn norms_all_heads_together(&self, config: &ModelConfig) -> bool {
        self.qk_norms.as_ref().is_some_and(|(q_gain, _)| q_gain.len() != config.head_dim)
    }

    /// Norms the query and key columns of whole rows, if the model does.
    pub(super) fn norm_queries_and_keys(&self, pool: &Pool, config: &ModelConfig, qkv: &mut [f32]) {
        let Some((q_gain, k_gain)) = &self.qk_norms else { return };
        let (q, kv) = (config.q_width(), config.kv_width());
        let (width, eps) = (self.qkv_proj.n(), config.norm_eps);
        let rows = qkv.len() / width;
        rms_norm_groups(pool, qkv, width, (rows, q / q_gain.len()), q_gain, eps);
        rms_norm_groups(pool, &mut qkv[q..], width, (rows, kv / k_gain.len()), k_gain, eps);
    }
}
