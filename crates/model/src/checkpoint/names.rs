//! Llama's tensor names and row orders in both families of files.

use crate::config::ModelConfig;

/// GGUF and Hugging Face names outside the layers.
const OUTER: &[(&str, &str)] = &[
    ("token_embd.weight", "model.embed_tokens.weight"),
    ("output_norm.weight", "model.norm.weight"),
    ("output.weight", "lm_head.weight"),
];

/// GGUF and Hugging Face names within a layer.
const INNER: &[(&str, &str)] = &[
    ("attn_norm.weight", "input_layernorm.weight"),
    ("attn_q.weight", "self_attn.q_proj.weight"),
    ("attn_k.weight", "self_attn.k_proj.weight"),
    ("attn_v.weight", "self_attn.v_proj.weight"),
    ("attn_output.weight", "self_attn.o_proj.weight"),
    ("ffn_norm.weight", "post_attention_layernorm.weight"),
    ("ffn_gate.weight", "mlp.gate_proj.weight"),
    ("ffn_up.weight", "mlp.up_proj.weight"),
    ("ffn_down.weight", "mlp.down_proj.weight"),
];

/// The Hugging Face name of a GGUF tensor.
pub(crate) fn from_gguf(name: &str) -> Option<String> {
    if let Some((_, outer)) = OUTER.iter().find(|(gguf, _)| *gguf == name) {
        return Some((*outer).to_owned());
    }
    let (layer, inner) = name.strip_prefix("blk.")?.split_once('.')?;
    let (_, inner) = INNER.iter().find(|(gguf, _)| *gguf == inner)?;
    Some(format!("model.layers.{}.{inner}", layer_number(layer)?))
}

/// The GGUF name of a Hugging Face tensor.
pub(crate) fn to_gguf(name: &str) -> Option<String> {
    if let Some((outer, _)) = OUTER.iter().find(|(_, huggingface)| *huggingface == name) {
        return Some((*outer).to_owned());
    }
    let (layer, inner) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let (inner, _) = INNER.iter().find(|(_, huggingface)| *huggingface == inner)?;
    Some(format!("blk.{}.{inner}", layer_number(layer)?))
}

/// A layer number in its one spelling, so that two names cannot mean one tensor.
fn layer_number(text: &str) -> Option<usize> {
    let number: usize = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// All tensors that the configuration implies, with shapes.
pub(crate) fn expected(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    let (hidden, mlp) = (config.hidden_size, config.intermediate_size);
    let q = config.num_attention_heads * config.head_dim;
    let kv = config.num_key_value_heads * config.head_dim;
    let mut tensors =
        vec![("model.embed_tokens.weight".to_owned(), vec![config.vocab_size, hidden])];
    for layer in 0..config.num_hidden_layers {
        let shapes: [(&str, Vec<usize>); 9] = [
            ("input_layernorm", vec![hidden]),
            ("self_attn.q_proj", vec![q, hidden]),
            ("self_attn.k_proj", vec![kv, hidden]),
            ("self_attn.v_proj", vec![kv, hidden]),
            ("self_attn.o_proj", vec![hidden, q]),
            ("post_attention_layernorm", vec![hidden]),
            ("mlp.gate_proj", vec![mlp, hidden]),
            ("mlp.up_proj", vec![mlp, hidden]),
            ("mlp.down_proj", vec![hidden, mlp]),
        ];
        let named = shapes.into_iter();
        tensors.extend(
            named.map(|(name, shape)| (format!("model.layers.{layer}.{name}.weight"), shape)),
        );
    }
    tensors.push(("model.norm.weight".to_owned(), vec![hidden]));
    if !config.tie_word_embeddings {
        tensors.push(("lm_head.weight".to_owned(), vec![config.vocab_size, hidden]));
    }
    tensors
}

/// Where row `row` (Hugging Face's order) of tensor `name` stands in a GGUF file, or nothing if
/// the tensor's rows are in the same order in both.
///
/// Within a head of `d` rows, row `i * d/2 + j` of half `i` stands at `2 j + i`.
///
/// # Source
/// `LlamaModel.permute` of llama.cpp's `convert_hf_to_gguf.py`.
pub(crate) fn gguf_row(name: &str, config: &ModelConfig) -> Option<impl Fn(usize) -> usize> {
    let rotary = name.starts_with("model.layers.")
        && (name.ends_with("self_attn.q_proj.weight") || name.ends_with("self_attn.k_proj.weight"));
    let head_dim = config.head_dim;
    rotary.then_some(move |row| {
        let (head, within) = (row / head_dim, row % head_dim);
        let (half, j) = (within / (head_dim / 2), within % (head_dim / 2));
        head * head_dim + 2 * j + half
    })
}
