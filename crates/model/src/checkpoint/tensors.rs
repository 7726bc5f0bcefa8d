//! The tensors of the decoder that a configuration implies.

use crate::config::{MlaConfig, Mlp, ModelConfig, MoeConfig, NormKind, QkNorm};

/// All tensors that the configuration implies, by the decoder's names, with shapes.
pub(crate) fn expected(config: &ModelConfig) -> Vec<(String, Vec<usize>)> {
    let (hidden, vocab) = (config.hidden_size, config.vocab_size);
    let mut list = List { config, prefix: "model.".to_owned(), tensors: Vec::new() };
    list.matrix("embed_tokens", vocab, hidden, false);
    if config.learned_positions {
        list.matrix("embed_positions", config.max_position_embeddings, hidden, false);
    }
    for (idx, layer) in config.layers.iter().enumerate() {
        list.prefix = format!("model.layers.{idx}.");
        if config.residual.norms_inputs() {
            list.norm("input_layernorm");
            list.norm("post_attention_layernorm");
        }
        if config.residual.norms_outputs() {
            list.norm("post_self_attn_layernorm");
            list.norm("post_mlp_layernorm");
        }
        match &config.mla {
            None => list.attention(),
            Some(mla) => list.latent_attention(mla),
        }
        match &config.moe {
            Some(moe) if layer.moe => list.experts(moe),
            _ => list.mlp("mlp", config.intermediate_size, config.mlp_bias),
        }
    }
    "model.".clone_into(&mut list.prefix);
    list.norm("norm");
    if !config.tie_word_embeddings {
        list.prefix.clear();
        list.matrix("lm_head", vocab, hidden, false);
    }
    list.tensors
}

struct List<'a> {
    config: &'a ModelConfig,
    prefix: String,
    tensors: Vec<(String, Vec<usize>)>,
}

impl List<'_> {
    fn push(&mut self, name: &str, kind: &str, shape: Vec<usize>) {
        self.tensors.push((format!("{}{name}.{kind}", self.prefix), shape));
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize, bias: bool) {
        self.push(name, "weight", vec![rows, columns]);
        if bias {
            self.push(name, "bias", vec![rows]);
        }
    }

    fn gain(&mut self, name: &str, width: usize) {
        self.push(name, "weight", vec![width]);
    }

    fn norm(&mut self, name: &str) {
        self.gain(name, self.config.hidden_size);
        if self.config.norm == NormKind::Layer {
            self.push(name, "bias", vec![self.config.hidden_size]);
        }
    }

    fn attention(&mut self) {
        let config = self.config;
        let (hidden, q, kv) = (config.hidden_size, config.q_width(), config.kv_width());
        self.matrix("self_attn.q_proj", q, hidden, config.attention_bias);
        self.matrix("self_attn.k_proj", kv, hidden, config.attention_bias);
        self.matrix("self_attn.v_proj", kv, hidden, config.attention_bias);
        self.matrix("self_attn.o_proj", hidden, q, config.attention_out_bias);
        let normed = match config.qk_norm {
            None => return,
            Some(QkNorm::PerHead) => (config.head_dim, config.head_dim),
            Some(QkNorm::Whole) => (q, kv),
        };
        self.gain("self_attn.q_norm", normed.0);
        self.gain("self_attn.k_norm", normed.1);
    }

    fn latent_attention(&mut self, mla: &MlaConfig) {
        let config = self.config;
        let (hidden, heads) = (config.hidden_size, config.num_attention_heads);
        match mla.q_lora_rank {
            None => self.matrix("self_attn.q_proj", config.q_width(), hidden, false),
            Some(rank) => {
                self.matrix("self_attn.q_a_proj", rank, hidden, false);
                self.gain("self_attn.q_a_layernorm", rank);
                self.matrix("self_attn.q_b_proj", config.q_width(), rank, false);
            }
        }
        let rank = mla.kv_lora_rank;
        let both = rank + mla.qk_rope_head_dim;
        self.matrix("self_attn.kv_a_proj_with_mqa", both, hidden, false);
        self.gain("self_attn.kv_a_layernorm", rank);
        self.matrix("self_attn.k_b_proj", heads * rank, mla.qk_nope_head_dim, false);
        self.matrix("self_attn.v_b_proj", heads * mla.v_head_dim, rank, false);
        self.matrix("self_attn.o_proj", hidden, config.attended_width(), false);
    }

    fn mlp(&mut self, name: &str, width: usize, bias: bool) {
        let hidden = self.config.hidden_size;
        if matches!(self.config.mlp, Mlp::Gated(_)) {
            self.matrix(&format!("{name}.gate_proj"), width, hidden, bias);
        }
        self.matrix(&format!("{name}.up_proj"), width, hidden, bias);
        self.matrix(&format!("{name}.down_proj"), hidden, width, bias);
    }

    fn experts(&mut self, moe: &MoeConfig) {
        self.matrix("mlp.gate", moe.num_experts, self.config.hidden_size, false);
        for expert in 0..moe.num_experts {
            self.mlp(&format!("mlp.experts.{expert}"), moe.moe_intermediate_size, false);
        }
        if moe.shared_intermediate_size > 0 {
            self.mlp("mlp.shared_experts", moe.shared_intermediate_size, false);
        }
    }
}
