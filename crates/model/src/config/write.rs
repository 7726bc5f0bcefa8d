//! Writing a `config.json`.

use serde_json::{Value, json};

use super::ModelConfig;

impl ModelConfig {
    /// The `config.json` of this model, for folders that we write from a GGUF file.
    pub fn to_json(&self, dtype: &str) -> Value {
        let eos = match self.eos_token_ids.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            many => json!(many),
        };
        json!({
            "architectures": ["LlamaForCausalLM"],
            "attention_bias": false,
            "attention_dropout": 0.0,
            "bos_token_id": self.bos_token_id,
            "dtype": dtype,
            "eos_token_id": eos,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden_size,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "mlp_bias": false,
            "model_type": "llama",
            "num_attention_heads": self.num_attention_heads,
            "num_hidden_layers": self.num_hidden_layers,
            "num_key_value_heads": self.num_key_value_heads,
            "pad_token_id": self.pad_token_id,
            "rms_norm_eps": shortest(self.norm_eps),
            "rope_scaling": null,
            "rope_theta": shortest(self.rope_theta()),
            "tie_word_embeddings": self.tie_word_embeddings,
            "torch_dtype": dtype,
            "use_cache": true,
            "vocab_size": self.vocab_size,
        })
    }
}

/// `1e-5` as a person wrote it, not as f32 widened to `9.999999747378752e-6`.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().expect("Rust parses what it prints")
}
