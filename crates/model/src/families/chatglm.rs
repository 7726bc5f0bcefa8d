//! ChatGLM3 and GLM-4 by the names of their own code; they compute as `glm`. llama.cpp's files of
//! `glm` are of this architecture too.

use catena_kernels::Gate;

use super::common::llama_gguf;
use super::glm::rope_defaults;
use super::{Family, GATE_UP, GGUF, GGUF_QKV, QKV, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, Mlp, ModelConfig};
use crate::error::ModelError;

pub(super) static CHATGLM: Family = Family {
    name: "ChatGLM3",
    model_types: &["chatglm"],
    architectures: &["chatglm"],
    from_json,
    from_gguf,
    huggingface: HUGGINGFACE,
    gguf: &[&[GGUF_QKV, Rule::new("blk.{l}.ffn_up", GATE_UP)], GGUF],
};

const HUGGINGFACE: &[Rule] = &[
    Rule::new("transformer.embedding.word_embeddings", &["model.embed_tokens"]),
    Rule::new("transformer.encoder.final_layernorm", &["model.norm"]),
    Rule::new("transformer.output_layer", &["lm_head"]),
    Rule::new("transformer.encoder.layers.{l}.input_layernorm", &[layer!("input_layernorm")]),
    Rule::new("transformer.encoder.layers.{l}.self_attention.query_key_value", QKV),
    Rule::new("transformer.encoder.layers.{l}.self_attention.dense", &[layer!("self_attn.o_proj")]),
    Rule::new(
        "transformer.encoder.layers.{l}.post_attention_layernorm",
        &[layer!("post_attention_layernorm")],
    ),
    Rule::new("transformer.encoder.layers.{l}.mlp.dense_h_to_4h", GATE_UP),
    Rule::new("transformer.encoder.layers.{l}.mlp.dense_4h_to_h", &[layer!("mlp.down_proj")]),
];

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    for (key, supported) in [
        ("rmsnorm", true),
        ("post_layer_norm", true),
        ("apply_residual_connection_post_layernorm", false),
        ("add_bias_linear", false),
    ] {
        if keys.or(key, supported)? != supported {
            let reason = if supported { "supported is true" } else { "supported is false" };
            return Err(keys.refuse(key, reason));
        }
    }
    let hidden_size: usize = keys.required("hidden_size")?;
    let heads: usize = keys.required("num_attention_heads")?;
    let head_dim: usize = keys.or("kv_channels", hidden_size / heads.max(1))?;
    let layers: usize = keys.required("num_layers")?;
    let several = keys.or("multi_query_attention", false)?;
    let kv_heads = if several { keys.required("multi_query_group_num")? } else { heads };
    let mut config = ModelConfig {
        model_type,
        hidden_size,
        intermediate_size: keys.required("ffn_hidden_size")?,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: kv_heads,
        vocab_size: keys.required("padded_vocab_size")?,
        max_position_embeddings: keys.or("seq_length", 2048)?,
        norm_eps: keys.or("layernorm_epsilon", 1e-5)?,
        attention_bias: keys.or("add_qkv_bias", false)?,
        mlp: Mlp::Gated(Gate::Silu),
        tie_word_embeddings: keys.or("tie_word_embeddings", false)?,
        bos_token_id: keys.tokens("bos_token_id")?.first().copied(),
        eos_token_ids: keys.tokens("eos_token_id")?,
        pad_token_id: keys.get("pad_token_id")?,
        ..ModelConfig::plain(head_dim, layers)
    };
    let ratio: f32 = keys.or("rope_ratio", 1.0)?;
    let mut rope = rope_defaults(&config).read_json(keys)?;
    rope.theta *= ratio;
    config.rope_parameters = vec![rope];
    Ok(config)
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let mut config = llama_gguf(keys, "glm")?;
    config.rope_parameters = vec![rope_defaults(&config).read_gguf(keys)?];
    let bias = |name: &str| keys.has_tensor(&format!("blk.0.{name}.bias"));
    config.attention_bias = bias("attn_qkv") || bias("attn_q");
    Ok(config)
}
