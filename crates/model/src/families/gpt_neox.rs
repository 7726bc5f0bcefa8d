//! GPT-NeoX and Pythia: layer norms, an MLP without a gate beside the attention, and the rows of
//! queries, keys and values head by head in one matrix.

use catena_kernels::Gate;

use super::common::{activation, llama_gguf, llama_json};
use super::{Family, Form, GGUF, GGUF_QKV, QKV, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, Mlp, ModelConfig, NormKind, Residual, RopeDefaults};
use crate::error::ModelError;

pub(super) static GPT_NEOX: Family = Family {
    name: "GPT-NeoX, Pythia",
    model_types: &["gpt_neox"],
    architectures: &["gptneox"],
    from_json,
    from_gguf,
    huggingface: HUGGINGFACE,
    gguf: &[&[GGUF_QKV], GGUF],
};

const HUGGINGFACE: &[Rule] = &[
    Rule::new("gpt_neox.embed_in", &["model.embed_tokens"]),
    Rule::new("gpt_neox.final_layer_norm", &["model.norm"]),
    Rule::new("embed_out", &["lm_head"]),
    Rule::new("gpt_neox.layers.{l}.input_layernorm", &[layer!("input_layernorm")]),
    Rule::new("gpt_neox.layers.{l}.attention.query_key_value", QKV).form(Form::PerHead),
    Rule::new("gpt_neox.layers.{l}.attention.dense", &[layer!("self_attn.o_proj")]),
    Rule::new(
        "gpt_neox.layers.{l}.post_attention_layernorm",
        &[layer!("post_attention_layernorm")],
    ),
    Rule::new("gpt_neox.layers.{l}.mlp.dense_h_to_4h", &[layer!("mlp.up_proj")]),
    Rule::new("gpt_neox.layers.{l}.mlp.dense_4h_to_h", &[layer!("mlp.down_proj")]),
];

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = llama_json(keys, model_type)?;
    config.num_key_value_heads = config.num_attention_heads;
    config.norm_eps = keys.or("layer_norm_eps", 1e-5)?;
    let defaults = RopeDefaults {
        theta: keys.or("rotary_emb_base", 10_000.0)?,
        partial_rotary_factor: keys.or("rotary_pct", 0.25)?,
        ..RopeDefaults::of(config.head_dim, config.max_position_embeddings)
    };
    config.rope_parameters = vec![defaults.read_json(keys)?];
    let parallel = keys.or("use_parallel_residual", true)?;
    let act = activation(keys, "hidden_act", Gate::GeluErf)?;
    let bias = keys.or("attention_bias", true)?;
    Ok(gpt_neox(config, parallel, bias, act))
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let config = llama_gguf(keys, "gpt_neox")?;
    let parallel = keys.flag("use_parallel_residual")?.unwrap_or(true);
    let bias = keys.has_tensor("blk.0.attn_qkv.bias");
    Ok(gpt_neox(config, parallel, bias, Gate::GeluErf))
}

fn gpt_neox(mut config: ModelConfig, parallel: bool, bias: bool, act: Gate) -> ModelConfig {
    config.norm = NormKind::Layer;
    config.residual = if parallel { Residual::Parallel } else { Residual::Pre };
    config.attention_bias = bias;
    config.attention_out_bias = bias;
    config.mlp_bias = true;
    config.mlp = Mlp::Plain(act);
    config
}
