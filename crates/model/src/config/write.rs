//! Writing a `config.json`.

use catena_kernels::{Gate, RopeScaling, RopeSpec};
use serde_json::{Map, Value, json};

use super::{ModelConfig, Residual};

impl ModelConfig {
    /// The `config.json` of this model, for folders that we write from a GGUF file.
    ///
    /// Families whose keys are called otherwise (GPT-2, ChatGLM, DeepSeek-V2) are not described: who
    /// writes a file reads it back first.
    pub fn to_json(&self, dtype: &str) -> Value {
        let eos = match self.eos_token_ids.as_slice() {
            [] => Value::Null,
            [one] => json!(one),
            many => json!(many),
        };
        let mut config = json!({
            "attention_bias": self.attention_bias,
            "attention_dropout": 0.0,
            "bos_token_id": self.bos_token_id,
            "dtype": dtype,
            "eos_token_id": eos,
            "head_dim": self.head_dim,
            "hidden_act": act_name(self.mlp.act()),
            "hidden_size": self.hidden_size,
            "initializer_range": 0.02,
            "intermediate_size": self.intermediate_size,
            "max_position_embeddings": self.max_position_embeddings,
            "mlp_bias": self.mlp_bias,
            "model_type": self.model_type,
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
        });
        if self.model_type == "llama" {
            config["architectures"] = json!(["LlamaForCausalLM"]);
        }
        let map = config.as_object_mut().expect("made as an object above");
        self.rope_json(map);
        self.windows_json(map);
        self.experts_json(map);
        self.own_json(map);
        config
    }

    fn rope_json(&self, map: &mut Map<String, Value>) {
        let plain =
            |rope: &RopeSpec| rope.scaling == RopeScaling::None && rope.rotary_dim == rope.head_dim;
        match self.rope_parameters.as_slice() {
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
        let Some(moe) = &self.moe else { return };
        for key in ["num_experts", "num_local_experts"] {
            map.insert(key.to_owned(), json!(moe.num_experts));
        }
        map.insert("num_experts_per_tok".to_owned(), json!(moe.num_experts_per_tok));
        map.insert("moe_intermediate_size".to_owned(), json!(moe.moe_intermediate_size));
        map.insert("norm_topk_prob".to_owned(), json!(moe.norm_topk_prob));
    }

    /// Keys that only one family has.
    fn own_json(&self, map: &mut Map<String, Value>) {
        let mut set = |key: &str, value: Value| map.insert(key.to_owned(), value);
        match self.model_type {
            "granite" => {
                set("embedding_multiplier", json!(shortest(self.embedding_multiplier)));
                set("attention_multiplier", json!(shortest(self.attention_scale)));
                set("residual_multiplier", json!(shortest(self.residual_multiplier)));
                set("logits_scaling", json!(shortest(self.logits_scaling)));
            }
            "gemma" | "gemma2" | "gemma3_text" => {
                set("hidden_activation", json!(act_name(self.mlp.act())));
                // transformers takes a whole number only.
                let scalar = self.attention_scale.powi(-2).round().to_string();
                set("query_pre_attn_scalar", json!(scalar.parse::<u64>().ok()));
                let caps = [self.attn_logit_softcapping, self.final_logit_softcapping];
                let [scores, logits] = caps.map(|cap| json!(cap.map(shortest)));
                set("attn_logit_softcapping", scores);
                set("final_logit_softcapping", logits);
            }
            "phi3" => {
                // Beside the factors, where transformers looks first.
                if let Some(RopeScaling::LongRope { original_positions, .. }) =
                    self.rope_parameters.first().map(|rope| &rope.scaling)
                {
                    set("original_max_position_embeddings", json!(original_positions));
                }
            }
            "smollm3" => {
                let rotated = self.layers.iter().map(|layer| u8::from(layer.rope.is_some()));
                set("no_rope_layers", rotated.collect());
            }
            "starcoder2" => {
                set("use_bias", json!(self.attention_bias));
                set("norm_epsilon", json!(shortest(self.norm_eps)));
            }
            "gpt_neox" => {
                let parallel = self.residual == Residual::Parallel;
                set("use_parallel_residual", json!(parallel));
                set("layer_norm_eps", json!(shortest(self.norm_eps)));
                let share = self.rope_parameters.first().map(rotary_share);
                set("rotary_pct", json!(share.map(shortest)));
            }
            _ => {}
        }
    }
}

fn act_name(act: Gate) -> &'static str {
    match act {
        Gate::Silu => "silu",
        Gate::GeluTanh => "gelu_pytorch_tanh",
        Gate::GeluErf => "gelu",
    }
}

fn rotary_share(rope: &RopeSpec) -> f32 {
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
fn shortest(value: f32) -> f64 {
    value.to_string().parse().expect("Rust parses what it prints")
}
