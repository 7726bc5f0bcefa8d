//! Keys of a `config.json` that only one family has.

use catena_kernels::{Gate, RopeScaling};
use serde_json::{Map, Value, json};

use super::write::{act_name, add_keys, rotary_share, shortest};
use super::{ModelConfig, Residual};

/// The class of transformers that runs a decoder of this `model_type`.
pub(super) fn class_of(model_type: &str) -> Option<&'static str> {
    Some(match model_type {
        "deepseek_v2" => "DeepseekV2ForCausalLM",
        "gemma" => "GemmaForCausalLM",
        "gemma2" => "Gemma2ForCausalLM",
        "gemma3_text" => "Gemma3ForCausalLM",
        "glm" => "GlmForCausalLM",
        "glm4" => "Glm4ForCausalLM",
        "gpt2" => "GPT2LMHeadModel",
        "gpt_neox" => "GPTNeoXForCausalLM",
        "granite" => "GraniteForCausalLM",
        "llama" => "LlamaForCausalLM",
        "mistral" => "MistralForCausalLM",
        "mixtral" => "MixtralForCausalLM",
        "olmo2" => "Olmo2ForCausalLM",
        "phi3" => "Phi3ForCausalLM",
        "qwen2" => "Qwen2ForCausalLM",
        "qwen3" => "Qwen3ForCausalLM",
        "qwen3_moe" => "Qwen3MoeForCausalLM",
        "smollm3" => "SmolLM3ForCausalLM",
        "starcoder2" => "Starcoder2ForCausalLM",
        _ => return None,
    })
}

impl ModelConfig {
    /// Keys that only one family has.
    pub(super) fn own_json(&self, map: &mut Map<String, Value>) {
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
            "deepseek_v2" => self.latent_json(map),
            _ => {}
        }
    }

    /// Keys of GPT-2, which calls nothing as Llama does.
    pub(super) fn gpt2_json(&self, map: &mut Map<String, Value>) {
        let act = self.mlp.act();
        let keys = [
            (
                "activation_function",
                json!(if act == Gate::GeluTanh { "gelu_new" } else { act_name(act) }),
            ),
            ("add_cross_attention", json!(false)),
            ("attn_pdrop", json!(0.1)),
            ("embd_pdrop", json!(0.1)),
            ("layer_norm_epsilon", json!(shortest(self.norm_eps))),
            ("n_ctx", json!(self.max_position_embeddings)),
            ("n_embd", json!(self.hidden_size)),
            ("n_head", json!(self.num_attention_heads)),
            ("n_inner", json!(self.intermediate_size)),
            ("n_layer", json!(self.num_hidden_layers)),
            ("n_positions", json!(self.max_position_embeddings)),
            ("resid_pdrop", json!(0.1)),
            ("scale_attn_by_inverse_layer_idx", json!(false)),
            ("scale_attn_weights", json!(true)),
        ];
        add_keys(map, keys);
    }

    /// Keys of latent attention and of the experts that stand beside it.
    fn latent_json(&self, map: &mut Map<String, Value>) {
        let Some(mla) = &self.mla else { return };
        // Without experts every layer is a dense one.
        let dense = self.layers.iter().take_while(|layer| !layer.moe).count();
        let mut keys = vec![
            ("first_k_dense_replace", json!(dense)),
            ("head_dim", json!(mla.qk_rope_head_dim)),
            ("kv_lora_rank", json!(mla.kv_lora_rank)),
            ("q_lora_rank", json!(mla.q_lora_rank)),
            ("qk_nope_head_dim", json!(mla.qk_nope_head_dim)),
            ("qk_rope_head_dim", json!(mla.qk_rope_head_dim)),
            ("v_head_dim", json!(mla.v_head_dim)),
        ];
        if let Some(moe) = &self.moe {
            let method = if moe.groups.is_some() { "group_limited_greedy" } else { "greedy" };
            let (n_group, topk_group) = moe.groups.unzip();
            keys.extend([
                ("moe_intermediate_size", json!(moe.moe_intermediate_size)),
                ("n_group", json!(n_group)),
                ("n_routed_experts", json!(moe.num_experts)),
                (
                    "n_shared_experts",
                    json!(moe.shared_intermediate_size / moe.moe_intermediate_size),
                ),
                ("norm_topk_prob", json!(moe.norm_topk_prob)),
                ("num_experts_per_tok", json!(moe.num_experts_per_tok)),
                ("routed_scaling_factor", json!(shortest(moe.routed_scaling_factor))),
                ("topk_group", json!(topk_group)),
                ("topk_method", json!(method)),
            ]);
        }
        add_keys(map, keys);
        self.strength_json(map);
    }

    /// The strength of YaRN that scores of latent attention are scaled by, beside its other keys.
    fn strength_json(&self, map: &mut Map<String, Value>) {
        let Some(RopeScaling::Yarn { factor, attention_factor, .. }) =
            self.rope_parameters.first().map(|rope| &rope.scaling)
        else {
            return;
        };
        let strength = shortest(self.mscale_all_dim(*factor));
        let Some(Value::Object(rope)) = map.get_mut("rope_parameters") else { return };
        rope.insert("mscale_all_dim".to_owned(), json!(strength));
        // Queries and keys are scaled by the ratio of two strengths.
        if strength > 0.0
            && attention_factor.is_some_and(|factor| factor.to_bits() == 1f32.to_bits())
        {
            rope.remove("attention_factor");
            rope.insert("mscale".to_owned(), json!(strength));
        }
    }
}
