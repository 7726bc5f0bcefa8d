//! Loading the layers of a decoder from a checkpoint.

use catena_kernels::{AttendParams, DenseType, Pool};

use super::attention::{Attention, Heads};
use super::latent::Latent;
use super::mlp::{Dense, Mlp};
use super::moe::Experts;
use super::norm::Norm;
use super::weights::Layer;
use crate::config::{MlaConfig, Mlp as MlpKind, MoeConfig, NormKind, QkNorm};
use crate::linear::{Linear, LoadOptions, check_shape};
use crate::{Checkpoint, ModelConfig, ModelError};

/// Reads weights and checks their shapes against the configuration.
pub(super) struct Loader<'a> {
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) config: &'a ModelConfig,
    pub(super) pool: &'a Pool,
    pub(super) options: LoadOptions,
}

impl Loader<'_> {
    /// Layer `layer`, whose keys and values stand in this group at this place.
    pub(super) fn layer(
        &self,
        layer: usize,
        (kv_group, place_in_group): (usize, usize),
    ) -> Result<Layer, ModelError> {
        let config = self.config;
        let of_layer = &config.layers[layer];
        let prefix = format!("model.layers.{layer}");
        let norm = |is_there: bool, name: &str| {
            is_there.then(|| self.norm(&format!("{prefix}.{name}"))).transpose()
        };
        let (inputs, outputs) = (config.residual.norms_inputs(), config.residual.norms_outputs());
        Ok(Layer {
            kv_group,
            place_in_group,
            input_layernorm: norm(inputs, "input_layernorm")?,
            attention: match &config.mla {
                None => Attention::Heads(self.heads(&format!("{prefix}.self_attn"))?),
                Some(mla) => {
                    Attention::Latent(Box::new(self.latent(&format!("{prefix}.self_attn"), mla)?))
                }
            },
            rope: of_layer.rope,
            attend: AttendParams {
                scale: config.attention_scale,
                sliding_window: of_layer.sliding_window,
                logit_softcap: config.attn_logit_softcapping,
                exact: self.options.dense_type == DenseType::F32,
            },
            post_self_attn_layernorm: norm(outputs, "post_self_attn_layernorm")?,
            post_attention_layernorm: norm(inputs, "post_attention_layernorm")?,
            mlp: match &config.moe {
                Some(moe) if of_layer.moe => {
                    Mlp::Experts(self.experts(&format!("{prefix}.mlp"), moe)?)
                }
                _ => {
                    let width = config.intermediate_size;
                    Mlp::Dense(self.dense(&format!("{prefix}.mlp"), width, config.mlp_bias)?)
                }
            },
            post_mlp_layernorm: norm(outputs, "post_mlp_layernorm")?,
        })
    }

    fn heads(&self, prefix: &str) -> Result<Heads, ModelError> {
        let config = self.config;
        let (q, kv) = (config.q_width(), config.kv_width());
        let name = |tensor: &str| format!("{prefix}.{tensor}");
        let names = [(name("q_proj"), q), (name("k_proj"), kv), (name("v_proj"), kv)];
        let qkv = names.each_ref().map(|(name, rows)| (name.as_str(), *rows));
        let qk_norms = match config.qk_norm {
            None => None,
            Some(kind) => {
                let (q, kv) = match kind {
                    QkNorm::PerHead => (config.head_dim, config.head_dim),
                    QkNorm::Whole => (q, kv),
                };
                Some((self.vector(&name("q_norm"), q)?, self.vector(&name("k_norm"), kv)?))
            }
        };
        let out = [(&*name("o_proj"), config.hidden_size)];
        Ok(Heads {
            qkv_proj: self.linear(&qkv, config.hidden_size, config.attention_bias)?,
            qk_norms,
            o_proj: self.linear(&out, q, config.attention_out_bias)?,
        })
    }

    fn latent(&self, prefix: &str, mla: &MlaConfig) -> Result<Latent, ModelError> {
        let config = self.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        let name = |tensor: &str| format!("{prefix}.{tensor}");
        let linear = |tensor: &str, rows, k| self.linear(&[(&*name(tensor), rows)], k, false);
        let per_head = |tensor: &str, n, k| {
            let name = format!("{prefix}.{tensor}.weight");
            let tensor = (name.as_str(), n, heads);
            Linear::load_heads(self.checkpoint, self.pool, tensor, k, self.options)
        };
        let q = config.q_width();
        let (q_a, q_b_proj) = match mla.q_lora_rank {
            None => (None, linear("q_proj", q, hidden)?),
            Some(rank) => {
                let norm = self.vector(&name("q_a_layernorm"), rank)?;
                (Some((linear("q_a_proj", rank, hidden)?, norm)), linear("q_b_proj", q, rank)?)
            }
        };
        let rank = mla.kv_lora_rank;
        Ok(Latent {
            shape: *mla,
            q_a,
            q_b_proj,
            kv_a_proj: linear("kv_a_proj_with_mqa", rank + mla.qk_rope_head_dim, hidden)?,
            kv_a_layernorm: self.vector(&name("kv_a_layernorm"), rank)?,
            k_b_proj_h: per_head("k_b_proj", rank, mla.qk_nope_head_dim)?,
            v_b_proj_h: per_head("v_b_proj", mla.v_head_dim, rank)?,
            o_proj: linear("o_proj", hidden, config.attended_width())?,
        })
    }

    fn dense(&self, prefix: &str, width: usize, bias: bool) -> Result<Dense, ModelError> {
        let hidden = self.config.hidden_size;
        let [gate, up, down] =
            ["gate_proj", "up_proj", "down_proj"].map(|tensor| format!("{prefix}.{tensor}"));
        let both = [(gate.as_str(), width), (up.as_str(), width)];
        let up_parts = match self.config.mlp {
            MlpKind::Gated(_) => &both[..],
            MlpKind::Plain(_) => &both[1..],
        };
        Ok(Dense {
            kind: self.config.mlp,
            width,
            up_proj: self.linear(up_parts, hidden, bias)?,
            down_proj: self.linear(&[(&down, hidden)], width, bias)?,
        })
    }

    fn experts(&self, prefix: &str, moe: &MoeConfig) -> Result<Experts, ModelError> {
        // Which experts a token goes through is decided by small differences: never rounded.
        let exact = LoadOptions { dense_type: DenseType::F32, ..self.options };
        let exact = Loader { options: exact, ..*self };
        let gate = format!("{prefix}.gate");
        let router = exact.linear(&[(&gate, moe.num_experts)], self.config.hidden_size, false)?;
        let expert = |expert: usize| {
            self.dense(&format!("{prefix}.experts.{expert}"), moe.moe_intermediate_size, false)
        };
        let width = moe.shared_intermediate_size;
        let shared = (width > 0)
            .then(|| self.dense(&format!("{prefix}.shared_experts"), width, false))
            .transpose()?;
        let mlps_e = (0..moe.num_experts).map(expert).collect::<Result<_, _>>()?;
        Ok(Experts { shape: *moe, router, mlps_e, shared })
    }

    /// The product of the tensors `(name, rows)` without their `.weight`, stacked.
    pub(super) fn linear(
        &self,
        parts: &[(&str, usize)],
        k: usize,
        bias: bool,
    ) -> Result<Linear, ModelError> {
        let named = parts.iter().map(|(name, rows)| (format!("{name}.weight"), *rows));
        let named: Vec<_> = named.collect();
        let load = if bias { Linear::load_biased } else { Linear::load };
        load(self.checkpoint, self.pool, &named, k, self.options)
    }

    pub(super) fn norm(&self, name: &str) -> Result<Norm, ModelError> {
        let (width, eps) = (self.config.hidden_size, self.config.norm_eps);
        let gain_c = self.vector(name, width)?;
        Ok(match self.config.norm {
            NormKind::Rms => Norm::Rms { gain_c, eps },
            NormKind::Layer => {
                let bias = format!("{name}.bias");
                check_shape(self.checkpoint, &bias, &[width])?;
                Norm::Layer { gain_c, bias_c: self.checkpoint.dequantize(&bias)?, eps }
            }
        })
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, ModelError> {
        let name = format!("{name}.weight");
        check_shape(self.checkpoint, &name, &[len])?;
        self.checkpoint.dequantize(&name)
    }
}
