//! What most families share: a Llama, from which each changes what differs.

use catena_kernels::Gate;

use super::ends::gguf_ends;
use crate::config::{GgufKeys, JsonKeys, Mlp, ModelConfig, RopeDefaults};
use crate::error::ModelError;

/// The configuration of a Llama by the keys that most `config.json` files share.
///
/// # Errors
/// If a key is missing or of another type, or the scaling of positions is none of ours.
pub(super) fn llama_json(
    keys: &JsonKeys,
    model_type: &'static str,
) -> Result<ModelConfig, ModelError> {
    let hidden_size: usize = keys.required("hidden_size")?;
    let heads: usize = keys.required("num_attention_heads")?;
    // No heads is refused later; it must not be divided by here.
    let head_dim: usize = keys.or("head_dim", hidden_size / heads.max(1))?;
    let max_position_embeddings: usize = keys.or("max_position_embeddings", 2048)?;
    let rope = RopeDefaults::of(head_dim, max_position_embeddings).read_json(keys)?;
    let layers: usize = keys.required("num_hidden_layers")?;
    let attention_bias = keys.or("attention_bias", false)?;
    Ok(ModelConfig {
        model_type,
        hidden_size,
        intermediate_size: keys.required("intermediate_size")?,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: keys.or("num_key_value_heads", heads)?,
        head_dim,
        vocab_size: keys.required("vocab_size")?,
        max_position_embeddings,
        norm_eps: keys.or("rms_norm_eps", 1e-6)?,
        attention_bias,
        attention_out_bias: attention_bias,
        mlp_bias: keys.or("mlp_bias", false)?,
        rope_parameters: vec![rope],
        mlp: Mlp::Gated(activation(keys, "hidden_act", Gate::Silu)?),
        tie_word_embeddings: keys.or("tie_word_embeddings", false)?,
        bos_token_id: keys.tokens("bos_token_id")?.first().copied(),
        eos_token_ids: keys.tokens("eos_token_id")?,
        pad_token_id: keys.get("pad_token_id")?,
        ..ModelConfig::plain(head_dim, layers)
    })
}

/// The configuration of a Llama by the keys that most GGUF files share.
///
/// # Errors
/// If a key is missing or of another type, or the scaling of positions is none of ours.
pub(super) fn llama_gguf(
    keys: &GgufKeys<'_>,
    model_type: &'static str,
) -> Result<ModelConfig, ModelError> {
    let hidden_size = keys.size("embedding_length")?;
    let heads = keys.same_in_all_layers("attention.head_count")?;
    let head_dim = match keys.optional("attention.key_length")? {
        Some(head_dim) => head_dim,
        None => hidden_size / heads.max(1),
    };
    let max_position_embeddings = keys.size("context_length")?;
    let layers = keys.size("block_count")?;
    let rope = RopeDefaults::of(head_dim, max_position_embeddings).read_gguf(keys)?;
    let kv_heads = match keys.same_in_all_layers("attention.head_count_kv") {
        Err(ModelError::MissingKey { .. }) => heads,
        found => found?,
    };
    Ok(ModelConfig {
        model_type,
        hidden_size,
        intermediate_size: keys.same_in_all_layers("feed_forward_length")?,
        num_hidden_layers: layers,
        num_attention_heads: heads,
        num_key_value_heads: kv_heads,
        head_dim,
        vocab_size: keys.vocab_size()?,
        max_position_embeddings,
        norm_eps: gguf_eps(keys)?,
        attention_bias: keys.has_tensor("blk.0.attn_q.bias"),
        attention_out_bias: keys.has_tensor("blk.0.attn_output.bias"),
        mlp_bias: keys.has_tensor("blk.0.ffn_up.bias"),
        rope_parameters: vec![rope],
        tie_word_embeddings: !keys.has_tensor("output.weight"),
        bos_token_id: keys.token("bos")?,
        eos_token_ids: gguf_ends(keys)?,
        pad_token_id: keys.token("padding")?,
        ..ModelConfig::plain(head_dim, layers)
    })
}

fn gguf_eps(keys: &GgufKeys<'_>) -> Result<f32, ModelError> {
    let rms = "attention.layer_norm_rms_epsilon";
    let eps = match keys.float(rms)? {
        Some(eps) => Some(eps),
        None => keys.float("attention.layer_norm_epsilon")?,
    };
    eps.ok_or_else(|| keys.missing(rms))
}

/// The activation that `key` names.
///
/// # Errors
/// If it is none of ours.
pub(super) fn activation(
    keys: &JsonKeys,
    key: &'static str,
    default: Gate,
) -> Result<Gate, ModelError> {
    Ok(match keys.get::<String>(key)?.as_deref() {
        None => default,
        Some("silu" | "swish") => Gate::Silu,
        Some("gelu") => Gate::GeluErf,
        Some("gelu_new" | "gelu_pytorch_tanh" | "gelu_fast") => Gate::GeluTanh,
        Some(_) => {
            return Err(keys.refuse(key, "supported are silu, gelu, gelu_new, gelu_pytorch_tanh"));
        }
    })
}

/// Puts the window on every layer that `layer_types` calls sliding, or on all if there is no such
/// list and `all` is set.
///
/// # Errors
/// If the list is of another type or names another kind of layer.
pub(super) fn windows_json(
    keys: &JsonKeys,
    config: &mut ModelConfig,
    all: bool,
) -> Result<(), ModelError> {
    let window: Option<usize> = keys.get("sliding_window")?;
    match keys.get::<Vec<String>>("layer_types")? {
        None => {
            for layer in config.layers.iter_mut().filter(|_| all) {
                layer.sliding_window = window;
            }
        }
        Some(types) => {
            if types.len() != config.layers.len() {
                return Err(keys.refuse("layer_types", "must be as many as there are layers"));
            }
            for (layer, kind) in config.layers.iter_mut().zip(&types) {
                layer.sliding_window = match kind.as_str() {
                    "sliding_attention" => window,
                    "full_attention" => None,
                    _ => {
                        let reason = "supported are full_attention and sliding_attention";
                        return Err(keys.refuse("layer_types", reason));
                    }
                };
            }
        }
    }
    Ok(())
}
