//! Writing a `config.json`.

use catena_kernels::{Gate, RopeScaling, RopeSpec};
use serde_json::{Map, Value, json};

use super::ModelConfig;
use super::own_keys::class_of;

impl ModelConfig {
    /// The `config.json` of this model, for folders that we write from a GGUF file.
    ///
    /// It may say less than the model computes: who writes a file reads it back first.
    pub fn to_json(&self, dtype: &str) -> Value {
        let mut map = self.shared_json(dtype);
        if self.model_type == "gpt2" {
            self.gpt2_json(&mut map);
        } else {
            self.llama_json(&mut map);
            self.rope_json(&mut map);
            self.windows_json(&mut map);
            self.experts_json(&mut map);
            self.own_json(&mut map);
        }
        Value::Object(map)
    }

    /// The class of transformers that runs it, if there is one.
    pub(crate) fn class(&self) -> Option<&'static str> {
        class_of(self.model_type)
    }

    /// Keys of all families.
    fn shared_json(&self, dtype: &str) -> Map<String, Value> {
        let eos = match self.eos_token_ids.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            many => json!(many),
        };
        let keys = [
            ("architectures", json!(self.class().as_slice())),
            ("bos_token_id", json!(self.bos_token_id)),
            ("dtype", json!(dtype)),
            ("eos_token_id", eos),
            ("initializer_range", json!(0.02)),
            ("model_type", json!(self.model_type)),
            ("pad_token_id", json!(self.pad_token_id)),
            ("tie_word_embeddings", json!(self.tie_word_embeddings)),
            ("torch_dtype", json!(dtype)),
            ("use_cache", json!(true)),
            ("vocab_size", json!(self.vocab_size)),
        ];
        keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Keys that most families call as Llama does.
    fn llama_json(&self, map: &mut Map<String, Value>) {
        let keys = [
            ("attention_bias", json!(self.attention_bias)),
            ("attention_dropout", json!(0.0)),
            ("head_dim", json!(self.head_dim)),
            ("hidden_act", json!(act_name(self.mlp.act()))),
            ("hidden_size", json!(self.hidden_size)),
            ("intermediate_size", json!(self.intermediate_size)),
            ("max_position_embeddings", json!(self.max_position_embeddings)),
            ("mlp_bias", json!(self.mlp_bias)),
            ("num_attention_heads", json!(self.num_attention_heads)),
            ("num_hidden_layers", json!(self.num_hidden_layers)),
            ("num_key_value_heads", json!(self.num_key_value_heads)),
            ("rms_norm_eps", json!(shortest(self.norm_eps))),
            ("rope_scaling", Value::Null),
            ("rope_theta", json!(shortest(self.rope_theta()))),
        ];
        add_keys(map, keys);
    }

    fn rope_json(&self, map: &mut Map<String, Value>) {
        let plain =
            |rope: &RopeSpec| rope.scaling == RopeScaling::None && rope.rotary_dim == rope.head_dim;
        // Of latent attention only the part of a key that is rotated is a head there.
        let in_file = |rope: &RopeSpec| match self.mla {
            Some(_) => RopeSpec { head_dim: rope.rotary_dim, ..rope.clone() },
            None => rope.clone(),
        };
        let ropes: Vec<_> = self.rope_parameters.iter().map(in_file).collect();
        match ropes.as_slice() {
            [rope] if !plain(rope) => {
                let parameters = rope_parameters(rope);
                if let Some(factor) = parameters.get("partial_rotary_factor") {
                    map.insert("partial_rotary_factor".to_owned(), factor.clone());
                }
                map.remove("rope_scaling");
                map.insert("rope_parameters".to_owned(), parameters);
            }
            [full, sliding] => {
                map.remove("rope_scaling");
                map.remove("rope_theta");
                let both = json!({
                    "full_attention": rope_parameters(full),
                    "sliding_attention": rope_parameters(sliding),
                });
                map.insert("rope_parameters".to_owned(), both);
            }
            _ => {}
        }
    }

    fn windows_json(&self, map: &mut Map<String, Value>) {
        let window = self.layers.iter().find_map(|layer| layer.sliding_window);
        // Where the key is missing, Mistral has a window.
        let knows_windows = self.model_type != "llama";
        if knows_windows {
            map.insert("sliding_window".to_owned(), json!(window));
        }
        if window.is_some() {
            let kinds = self.layers.iter().map(|layer| match layer.sliding_window {
                Some(_) => "sliding_attention",
                None => "full_attention",
            });
            map.insert("layer_types".to_owned(), kinds.collect());
            map.insert("use_sliding_window".to_owned(), json!(true));
        }
    }

    fn experts_json(&self, map: &mut Map<String, Value>) {
        let Some(moe) = self.moe.filter(|_| self.mla.is_none()) else { return };
        for key in ["num_experts", "num_local_experts"] {
            map.insert(key.to_owned(), json!(moe.num_experts));
        }
        map.insert("num_experts_per_tok".to_owned(), json!(moe.num_experts_per_tok));
        map.insert("moe_intermediate_size".to_owned(), json!(moe.moe_intermediate_size));
        map.insert("norm_topk_prob".to_owned(), json!(moe.norm_topk_prob));
    }
}

pub(super) fn act_name(act: Gate) -> &'static str {
    match act {
        Gate::Silu => "silu",
        Gate::GeluTanh => "gelu_pytorch_tanh",
        Gate::GeluErf => "gelu",
    }
}

pub(super) fn rotary_share(rope: &RopeSpec) -> f32 {
    rope.rotary_dim as f32 / rope.head_dim as f32
}

/// `rope_parameters` as transformers 5 has them.
fn rope_parameters(rope: &RopeSpec) -> Value {
    let mut parameters = match &rope.scaling {
        RopeScaling::None => json!({"rope_type": "default"}),
        RopeScaling::Linear { factor } => {
            json!({"rope_type": "linear", "factor": shortest(*factor)})
        }
        RopeScaling::Dynamic { factor, original_positions } => json!({
            "rope_type": "dynamic",
            "factor": shortest(*factor),
            "original_max_position_embeddings": original_positions,
        }),
        RopeScaling::Yarn {
            factor,
            original_positions,
            beta_fast,
            beta_slow,
            attention_factor,
            truncate,
        } => json!({
            "rope_type": "yarn",
            "factor": shortest(*factor),
            "original_max_position_embeddings": original_positions,
            "beta_fast": shortest(*beta_fast),
            "beta_slow": shortest(*beta_slow),
            "attention_factor": attention_factor.map(shortest),
            "truncate": truncate,
        }),
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_positions } => {
            json!({
                "rope_type": "llama3",
                "factor": shortest(*factor),
                "low_freq_factor": shortest(*low_freq_factor),
                "high_freq_factor": shortest(*high_freq_factor),
                "original_max_position_embeddings": original_positions,
            })
        }
        RopeScaling::LongRope {
            short_factors,
            long_factors,
            original_positions,
            attention_factor,
        } => {
            let all = |factors: &[f32]| -> Vec<f64> {
                factors.iter().map(|&factor| shortest(factor)).collect()
            };
            json!({
                "rope_type": "longrope",
                "short_factor": all(short_factors),
                "long_factor": all(long_factors),
                "original_max_position_embeddings": original_positions,
                "attention_factor": shortest(*attention_factor),
            })
        }
    };
    parameters["rope_theta"] = json!(shortest(rope.theta));
    if rope.rotary_dim != rope.head_dim {
        parameters["partial_rotary_factor"] = json!(shortest(rotary_share(rope)));
    }
    parameters
}

/// `1e-5` as a person wrote it, not as f32 widened to `9.999999747378752e-6`.
pub(super) fn shortest(value: f32) -> f64 {
    value.to_string().parse().expect("Rust parses what it prints")
}

/// Adds `keys` to a JSON object.
pub(super) fn add_keys(
    map: &mut Map<String, Value>,
    keys: impl IntoIterator<Item = (&'static str, Value)>,
) {
    map.extend(keys.into_iter().map(|(key, value)| (key.to_owned(), value)));
}
