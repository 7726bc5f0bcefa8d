//! How tensors of files become the tensors of the decoder.

/// One tensor of a kind of file, or one for each layer, and the tensors of the decoder within it.
///
/// Names are without `.weight` and `.bias`: a rule holds for both. `{l}` stands for the number of a
/// layer, `{e}` for that of an expert. A rule whose tensors the configuration does not imply is
/// passed over, and of two rules for the same tensors the one whose name is in the file is taken,
/// or else the first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// Name in the file.
    pub(crate) file: &'static str,
    /// Names in the decoder, in the order of their rows.
    pub(crate) parts: &'static [&'static str],
    /// How their rows stand in the file's tensor.
    pub(crate) form: Form,
}

/// How the rows of the parts stand in a tensor of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One part after the other.
    Rows,
    /// As `Rows`, in each head the two halves that are rotated together interleaved: row
    /// `i * d/2 + j` of half `i` stands at `2 j + i`, as in llama.cpp's files of Llama.
    Rotary,
    /// The parts' rows of head 0, then those of head 1, and so on.
    PerHead,
    /// As `Rows` of the transposed matrix: the file has `[in, out]`.
    Transposed,
    /// As `Rows`; the file lacks the 1 that is added to a gain.
    MinusOne,
    /// As `PerHead`, and the first part's rows of each head are transposed: keys and values of
    /// latent attention in one matrix.
    Latent,
    /// One part for each expert, stacked as `[experts, rows, columns]`.
    Experts,
    /// As `Rows`, stacked as `[heads, rows of a head, columns]`.
    Heads,
}

impl Rule {
    pub(crate) const fn new(file: &'static str, parts: &'static [&'static str]) -> Self {
        Self { file, parts, form: Form::Rows }
    }

    pub(crate) const fn form(self, form: Form) -> Self {
        Self { form, ..self }
    }
}

/// The decoder's name of a tensor of a layer.
macro_rules! layer {
    ($name:literal) => {
        concat!("model.layers.{l}.", $name)
    };
}
pub(crate) use layer;

/// llama.cpp's names, which most of its architectures share.
pub(crate) const GGUF: &[Rule] = &[
    Rule::new("token_embd", &["model.embed_tokens"]),
    Rule::new("position_embd", &["model.embed_positions"]),
    Rule::new("output_norm", &["model.norm"]),
    Rule::new("output", &["lm_head"]),
    Rule::new("blk.{l}.attn_norm", &[layer!("input_layernorm")]),
    Rule::new("blk.{l}.attn_q", &[layer!("self_attn.q_proj")]),
    Rule::new("blk.{l}.attn_k", &[layer!("self_attn.k_proj")]),
    Rule::new("blk.{l}.attn_v", &[layer!("self_attn.v_proj")]),
    Rule::new("blk.{l}.attn_output", &[layer!("self_attn.o_proj")]),
    Rule::new("blk.{l}.attn_q_norm", &[layer!("self_attn.q_norm")]),
    Rule::new("blk.{l}.attn_k_norm", &[layer!("self_attn.k_norm")]),
    Rule::new("blk.{l}.post_attention_norm", &[layer!("post_self_attn_layernorm")]),
    Rule::new("blk.{l}.ffn_norm", &[layer!("post_attention_layernorm")]),
    Rule::new("blk.{l}.ffn_gate", &[layer!("mlp.gate_proj")]),
    Rule::new("blk.{l}.ffn_up", &[layer!("mlp.up_proj")]),
    Rule::new("blk.{l}.ffn_down", &[layer!("mlp.down_proj")]),
    Rule::new("blk.{l}.post_ffw_norm", &[layer!("post_mlp_layernorm")]),
    Rule::new("blk.{l}.ffn_gate_inp", &[layer!("mlp.gate")]),
    experts("blk.{l}.ffn_gate_exps", &[layer!("mlp.experts.{e}.gate_proj")]),
    experts("blk.{l}.ffn_up_exps", &[layer!("mlp.experts.{e}.up_proj")]),
    experts("blk.{l}.ffn_down_exps", &[layer!("mlp.experts.{e}.down_proj")]),
    Rule::new("blk.{l}.ffn_gate_shexp", &[layer!("mlp.shared_experts.gate_proj")]),
    Rule::new("blk.{l}.ffn_up_shexp", &[layer!("mlp.shared_experts.up_proj")]),
    Rule::new("blk.{l}.ffn_down_shexp", &[layer!("mlp.shared_experts.down_proj")]),
];

const fn experts(file: &'static str, parts: &'static [&'static str]) -> Rule {
    Rule::new(file, parts).form(Form::Experts)
}

/// llama.cpp's names where rows of queries and keys are interleaved for its rotary embedding.
pub(crate) const GGUF_ROTARY: &[Rule] = &[
    Rule::new("blk.{l}.attn_q", &[layer!("self_attn.q_proj")]).form(Form::Rotary),
    Rule::new("blk.{l}.attn_k", &[layer!("self_attn.k_proj")]).form(Form::Rotary),
];

/// Queries, keys and values in one tensor of llama.cpp.
pub(crate) const GGUF_QKV: Rule = Rule::new("blk.{l}.attn_qkv", QKV);

/// Queries, keys and values.
pub(crate) const QKV: &[&str] =
    &[layer!("self_attn.q_proj"), layer!("self_attn.k_proj"), layer!("self_attn.v_proj")];

/// Gate and up.
pub(crate) const GATE_UP: &[&str] = &[layer!("mlp.gate_proj"), layer!("mlp.up_proj")];
