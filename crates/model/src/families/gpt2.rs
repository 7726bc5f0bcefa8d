//! GPT-2: learned positions, layer norms, an MLP without a gate, and matrices stored as `[in, out]`.

use catena_kernels::Gate;

use super::common::{activation, llama_gguf};
use super::{Family, Form, GGUF, GGUF_QKV, QKV, Rule, layer};
use crate::config::{GgufKeys, JsonKeys, Mlp, ModelConfig, NormKind};
use crate::error::ModelError;

pub(super) static GPT2: Family = Family {
    name: "GPT-2",
    model_types: &["gpt2"],
    architectures: &["gpt2"],
    from_json,
    from_gguf,
    huggingface: HUGGINGFACE,
    gguf: &[&[GGUF_QKV], GGUF],
};

/// Twice: the first checkpoints have the names without `transformer`.
const HUGGINGFACE: &[Rule] = &[
    Rule::new("transformer.wte", &["model.embed_tokens"]),
    Rule::new("transformer.wpe", &["model.embed_positions"]),
    Rule::new("transformer.ln_f", &["model.norm"]),
    Rule::new("transformer.h.{l}.ln_1", &[layer!("input_layernorm")]),
    transposed("transformer.h.{l}.attn.c_attn", QKV),
    transposed("transformer.h.{l}.attn.c_proj", &[layer!("self_attn.o_proj")]),
    Rule::new("transformer.h.{l}.ln_2", &[layer!("post_attention_layernorm")]),
    transposed("transformer.h.{l}.mlp.c_fc", &[layer!("mlp.up_proj")]),
    transposed("transformer.h.{l}.mlp.c_proj", &[layer!("mlp.down_proj")]),
    Rule::new("wte", &["model.embed_tokens"]),
    Rule::new("wpe", &["model.embed_positions"]),
    Rule::new("ln_f", &["model.norm"]),
    Rule::new("h.{l}.ln_1", &[layer!("input_layernorm")]),
    transposed("h.{l}.attn.c_attn", QKV),
    transposed("h.{l}.attn.c_proj", &[layer!("self_attn.o_proj")]),
    Rule::new("h.{l}.ln_2", &[layer!("post_attention_layernorm")]),
    transposed("h.{l}.mlp.c_fc", &[layer!("mlp.up_proj")]),
    transposed("h.{l}.mlp.c_proj", &[layer!("mlp.down_proj")]),
];

const fn transposed(file: &'static str, parts: &'static [&'static str]) -> Rule {
    Rule::new(file, parts).form(Form::Transposed)
}

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let hidden_size: usize = keys.required("n_embd")?;
    let heads: usize = keys.required("n_head")?;
    let layers: usize = keys.required("n_layer")?;
    let head_dim = hidden_size / heads.max(1);
    for key in ["scale_attn_by_inverse_layer_idx", "add_cross_attention"] {
        if keys.or(key, false)? {
            return Err(keys.refuse(key, "supported is false"));
        }
    }
    if !keys.or("scale_attn_weights", true)? {
        return Err(keys.refuse("scale_attn_weights", "supported is true"));
    }
    let config = ModelConfig {
        model_type,
        hidden_size,
        intermediate_size: keys.or("n_inner", 4 * hidden_size)?,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: heads,
        vocab_size: keys.required("vocab_size")?,
        max_position_embeddings: keys.required("n_positions")?,
        norm_eps: keys.or("layer_norm_epsilon", 1e-5)?,
        tie_word_embeddings: keys.or("tie_word_embeddings", true)?,
        bos_token_id: keys.tokens("bos_token_id")?.first().copied(),
        eos_token_ids: keys.tokens("eos_token_id")?,
        pad_token_id: keys.get("pad_token_id")?,
        ..ModelConfig::plain(head_dim, layers)
    };
    Ok(gpt2(config, activation(keys, "activation_function", Gate::GeluTanh)?))
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    Ok(gpt2(llama_gguf(keys, "gpt2")?, Gate::GeluTanh))
}

fn gpt2(mut config: ModelConfig, act: Gate) -> ModelConfig {
    config.norm = NormKind::Layer;
    config.attention_bias = true;
    config.attention_out_bias = true;
    config.mlp_bias = true;
    config.learned_positions = true;
    config.rope_parameters.clear();
    config.layers.iter_mut().for_each(|layer| layer.rope = None);
    config.mlp = Mlp::Plain(act);
    config
}
