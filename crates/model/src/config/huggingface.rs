//! `config.json` of a Hugging Face folder.

use camino::Utf8Path;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ARCHITECTURES, ModelConfig};
use crate::error::ModelError;
use crate::files::read_json;

/// The keys we read; the rest do not change what the model computes.
#[derive(Deserialize)]
struct Config {
    model_type: Option<String>,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    #[serde(default = "default_positions")]
    max_position_embeddings: usize,
    #[serde(default = "default_eps")]
    rms_norm_eps: f32,
    rope_theta: Option<f32>,
    rope_parameters: Option<Rope>,
    rope_scaling: Option<Rope>,
    #[serde(default)]
    tie_word_embeddings: bool,
    bos_token_id: Option<u32>,
    eos_token_id: Option<OneOrMany>,
    pad_token_id: Option<u32>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    hidden_act: Option<String>,
}

/// `rope_parameters` since transformers 5, `rope_scaling` before.
#[derive(Deserialize)]
struct Rope {
    rope_theta: Option<f32>,
    #[serde(alias = "type")]
    rope_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

/// transformers' defaults of a Llama config.
fn default_positions() -> usize {
    2048
}

fn default_eps() -> f32 {
    1e-6
}

impl ModelConfig {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// If the file is not JSON of this form, or asks for an architecture, activation, bias or
    /// rotary scaling that we do not have, or for impossible sizes.
    pub fn from_json_file(path: &Utf8Path) -> Result<Self, ModelError> {
        let config: Config = read_json(path)?;
        config.check(path)?;
        let heads = config.num_attention_heads;
        let rope = [&config.rope_parameters, &config.rope_scaling];
        let rope = rope.into_iter().flatten().find_map(|rope| rope.rope_theta);
        let rope_theta = rope.or(config.rope_theta);
        let eos_token_ids = match config.eos_token_id {
            None => Vec::new(),
            Some(OneOrMany::One(id)) => vec![id],
            Some(OneOrMany::Many(ids)) => ids,
        };
        Self {
            hidden_size: config.hidden_size,
            intermediate_size: config.intermediate_size,
            num_hidden_layers: config.num_hidden_layers,
            num_attention_heads: heads,
            num_key_value_heads: config.num_key_value_heads.unwrap_or(heads),
            // No heads is refused below; it must not be divided by here.
            head_dim: config.head_dim.unwrap_or(config.hidden_size / heads.max(1)),
            vocab_size: config.vocab_size,
            max_position_embeddings: config.max_position_embeddings,
            rms_norm_eps: config.rms_norm_eps,
            rope_theta: rope_theta.unwrap_or(10_000.0),
            tie_word_embeddings: config.tie_word_embeddings,
            bos_token_id: config.bos_token_id,
            eos_token_ids,
            pad_token_id: config.pad_token_id,
        }
        .validate(path)
    }

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
            "rms_norm_eps": shortest(self.rms_norm_eps),
            "rope_scaling": null,
            "rope_theta": shortest(self.rope_theta),
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

impl Config {
    fn check(&self, file: &Utf8Path) -> Result<(), ModelError> {
        let found = self.model_type.clone().unwrap_or_default();
        if !ARCHITECTURES.contains(&found.as_str()) {
            let file = file.to_owned();
            return Err(ModelError::UnsupportedArchitecture { found, known: ARCHITECTURES, file });
        }
        let refuse = |key, value: String, reason| {
            Err(ModelError::InvalidConfig { key, value, reason, file: file.to_owned() })
        };
        if self.attention_bias || self.mlp_bias {
            let key = if self.attention_bias { "attention_bias" } else { "mlp_bias" };
            return refuse(key, "true".to_owned(), "biases are not supported");
        }
        if let Some(act) = self.hidden_act.as_ref().filter(|act| *act != "silu") {
            return refuse("hidden_act", act.clone(), "supported is silu");
        }
        for rope in [&self.rope_parameters, &self.rope_scaling].into_iter().flatten() {
            if let Some(kind) = rope.rope_type.as_ref().filter(|kind| *kind != "default") {
                return refuse("rope_type", kind.clone(), "supported is default");
            }
        }
        Ok(())
    }
}
