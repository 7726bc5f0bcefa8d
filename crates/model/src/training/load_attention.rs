//! Putting attention together: heads with their own keys and values, or latents.

use super::attention::{AttentionBlock, Inputs};
use super::latent::LatentInputs;
use super::load::Loader;
use super::prefix::Prefix;
use super::qkv::HeadInputs;
use super::spec::{LatentSpec, LayerSpec, Module, NormSpec, Widths};
use crate::ModelError;
use crate::config::{MlaConfig, NormKind, QkNorm};

impl Loader<'_> {
    /// The attention of layer `idx`.
    pub(super) fn attention(
        &mut self,
        idx: usize,
        spec: &LayerSpec,
        norm: NormSpec,
    ) -> Result<AttentionBlock, ModelError> {
        let Widths { keys, values, attended, .. } = spec.widths();
        Ok(AttentionBlock {
            inputs: match &spec.latent {
                None => Inputs::Heads(Box::new(self.heads(spec, norm)?)),
                Some(latent) => Inputs::Latent(Box::new(self.latent(spec, latent)?)),
            },
            o_proj: self.linear(&spec.names.o, spec.hidden_size, attended, spec.out_bias)?,
            prefix: self.prefix.as_ref().map(|(all, stride)| Prefix {
                all: all.clone(),
                first: idx * (keys + values),
                stride: *stride,
                tokens: all.len() / stride,
            }),
        })
    }

    fn heads(&mut self, spec: &LayerSpec, norm: NormSpec) -> Result<HeadInputs, ModelError> {
        let (names, c, bias) = (&spec.names, spec.hidden_size, spec.qkv_bias);
        let Widths { queries, keys, values, .. } = spec.widths();
        Ok(HeadInputs {
            q_proj: self.linear(&names.q, queries, c, bias)?,
            k_proj: self.linear(&names.k, keys, c, bias)?,
            v_proj: self.linear(&names.v, values, c, bias)?,
            qk_norms: match spec.qk_norm {
                None => None,
                Some(kind) => {
                    let d = spec.attention.head_dim;
                    let (q, k) = match kind {
                        QkNorm::PerHead => (d, d),
                        QkNorm::Whole => (queries, keys),
                    };
                    // Always root-mean-square norms, whatever the others are.
                    let norm = NormSpec { kind: NormKind::Rms, ..norm };
                    let norms = [
                        self.named_norm(&names.q_norm, q, norm)?,
                        self.named_norm(&names.k_norm, k, norm)?,
                    ];
                    Some((kind, norms))
                }
            },
        })
    }

    fn latent(
        &mut self,
        spec: &LayerSpec,
        latent: &LatentSpec,
    ) -> Result<LatentInputs, ModelError> {
        let LatentSpec { shape, name } = latent;
        let (c, rank, queries) = (spec.hidden_size, shape.kv_lora_rank, spec.widths().queries);
        let norm = NormSpec { kind: NormKind::Rms, eps: MlaConfig::NORM_EPS, bias: false };
        let module = |own: &str| format!("{name}.{own}");
        let (q_a, q_proj) = match shape.q_lora_rank {
            None => (None, self.linear(&module("q_proj").into(), queries, c, false)?),
            Some(rank) => {
                let q_a_proj = self.linear(&module("q_a_proj").into(), rank, c, false)?;
                let norm = self.named_norm(&module("q_a_layernorm"), rank, norm)?;
                let q_b_proj = Module::behind(module("q_b_proj"));
                (Some((q_a_proj, norm)), self.linear(&q_b_proj, queries, rank, false)?)
            }
        };
        let kv_a_proj = module("kv_a_proj_with_mqa").into();
        let kv_b_proj = Module::behind(module("kv_b_proj"));
        let kv_b_width = latent.kv_b_width(spec.attention.num_attention_heads);
        Ok(LatentInputs {
            shape: *shape,
            q_a,
            q_proj,
            kv_a_proj: self.linear(&kv_a_proj, latent.kv_a_width(), c, false)?,
            kv_a_norm: self.named_norm(&module("kv_a_layernorm"), rank, norm)?,
            kv_b_proj: self.linear(&kv_b_proj, kv_b_width, rank, false)?,
        })
    }
}
