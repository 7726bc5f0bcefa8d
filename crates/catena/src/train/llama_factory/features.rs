//! What LLaMA-Factory does and we do not, with its keys.

use serde_json::{Map, Value};

/// A value by which a key does not ask for anything.
#[derive(Clone, Copy, Debug)]
pub(super) enum Off {
    /// `false`.
    False,
    /// `true`: what is as usual.
    True,
    /// 0.
    Zero,
    /// An empty text, list or mapping: the key names something.
    Empty,
    /// One of a few words.
    Words(&'static [&'static str]),
}

/// Something that is not supported.
#[derive(Debug)]
pub(super) struct Feature {
    /// What it is, and what there is in its place.
    what: &'static str,
    /// Keys that ask for it unless they are off.
    switches: &'static [(&'static str, Off)],
    /// Keys that only say how it is done.
    details: &'static [&'static str],
}

/// What a file says about a feature.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Nothing, or that it is off.
    No,
    /// Only how it would be done: a note.
    Details(String),
    /// It is asked for: the refusal.
    Yes(String),
}

impl Off {
    fn is(self, value: &Value) -> bool {
        match self {
            Self::False => value == &Value::Bool(false),
            Self::True => value == &Value::Bool(true),
            Self::Zero => value.as_f64() == Some(0.0),
            Self::Empty => match value {
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(keys) => keys.is_empty(),
                Value::Null | Value::Bool(false) => true,
                Value::Bool(true) | Value::Number(_) => false,
            },
            Self::Words(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        }
    }
}

impl Feature {
    /// Its keys.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.switches.iter().map(|(switch, _)| *switch).chain(self.details.iter().copied())
    }

    /// Whether a key is one of its own.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys().any(|own| own == key)
    }

    /// What the keys of a file ask for. A key without a value asks for nothing.
    pub(super) fn asked(&self, given: &Map<String, Value>) -> Asked {
        let value = |key: &'static str| given.get(key).filter(|value| !value.is_null());
        let (mut on, mut details) = (Vec::new(), Vec::new());
        for &(key, off) in self.switches {
            on.extend(value(key).filter(|value| !off.is(value)).map(|_| key));
        }
        for &key in self.details {
            details.extend(value(key).map(|_| key));
        }
        if !on.is_empty() {
            on.extend(details);
            return Asked::Yes(format!("{} not supported: {}", names(&on), self.what));
        }
        if details.is_empty() {
            return Asked::No;
        }
        Asked::Details(format!("{} passed over: it is not asked for", names(&details)))
    }
}

/// Keys as the subject of a sentence.
fn names(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    format!("{} {}", quoted.join(", "), if keys.len() == 1 { "is" } else { "are" })
}

/// Everything that is not supported.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        what: "one process holds the whole model and its optimizer",
        switches: &[
            ("deepspeed", Off::Empty),
            ("fsdp", Off::Empty),
            ("accelerator_config", Off::Empty),
            ("parallelism_config", Off::Empty),
        ],
        details: &["fsdp_config", "fsdp_transformer_layer_cls_to_wrap", "fsdp_min_num_params"],
    },
    Feature {
        what: "Megatron's and HyperParallel's trainers are others",
        switches: &[("use_mca", Off::False), ("use_hyper_parallel", Off::False)],
        details: &[
            "hyper_parallel_args",
            "tensor_model_parallel_size",
            "pipeline_model_parallel_size",
            "expert_model_parallel_size",
            "context_parallel_size",
            "virtual_pipeline_model_parallel_size",
            "sequence_parallel",
            "recompute_granularity",
            "recompute_method",
            "recompute_num_layers",
            "account_for_embedding_in_pipeline_split",
            "account_for_loss_in_pipeline_split",
            "bias_activation_fusion",
            "apply_rope_fusion",
            "masked_softmax_fusion",
            "cross_entropy_loss_fusion",
            "moe_grouped_gemm",
            "moe_token_dispatcher_type",
            "calculate_per_token_loss",
            "use_distributed_optimizer",
            "overlap_param_gather",
            "overlap_grad_reduce",
            "use_packed_sequences",
            "mixed_precision",
            "megatron_pretrained_checkpoint",
            "export_hf_on_finish",
            "extra_config",
        ],
    },
    Feature {
        what: "a model is not quantized as it is loaded, but the blocks of a GGUF file stay as they are",
        switches: &[("quantization_bit", Off::Empty)],
        details: &[
            "quantization_method",
            "quantization_type",
            "double_quantization",
            "quantization_device_map",
        ],
    },
    Feature {
        what: "products are of bf16 or f32",
        switches: &[("fp8", Off::False)],
        details: &["fp8_backend", "fp8_enable_fsdp_float8_all_gather"],
    },
    Feature {
        what: "positions are those that the model's configuration says",
        switches: &[("rope_scaling", Off::Empty)],
        details: &[],
    },
    Feature {
        what: "the model's layers are computed as they are",
        switches: &[("shift_attn", Off::False), ("mixture_of_depths", Off::Empty)],
        details: &[],
    },
    Feature {
        what: "the vocabulary stays that of the model",
        switches: &[
            ("add_tokens", Off::Empty),
            ("add_special_tokens", Off::Empty),
            ("new_special_tokens_config", Off::Empty),
            ("resize_vocab", Off::False),
        ],
        details: &["init_special_tokens"],
    },
    Feature {
        what: "special tokens in texts are read as the tokenizer says",
        switches: &[("split_special_tokens", Off::False)],
        details: &[],
    },
    Feature {
        what: "prompts are worded by the model's own chat template",
        switches: &[
            ("default_system", Off::Empty),
            ("enable_thinking", Off::True),
            ("preserve_thinking", Off::False),
            ("efficient_eos", Off::False),
        ],
        details: &[],
    },
    Feature {
        what: "a model is a folder, a file or a name of `catena pull`",
        switches: &[("model_revision", Off::Words(&["main"]))],
        details: &[],
    },
    Feature {
        what: "sets are put one after the other and shuffled together",
        switches: &[
            ("mix_strategy", Off::Words(&["concat"])),
            ("interleave_probs", Off::Empty),
            ("eval_on_each_dataset", Off::False),
        ],
        details: &[],
    },
    Feature {
        what: "every epoch takes all samples, shuffled",
        switches: &[
            ("disable_shuffling", Off::False),
            ("dataloader_drop_last", Off::False),
            ("sortish_sampler", Off::False),
            ("train_sampling_strategy", Off::Words(&["random", "group_by_length"])),
        ],
        details: &[],
    },
    Feature {
        what: "data are encoded by the run itself, and padding is never learnt",
        switches: &[
            ("tokenized_path", Off::Empty),
            ("cache_path", Off::Empty),
            ("ignore_pad_token_for_loss", Off::True),
        ],
        details: &[],
    },
    Feature {
        what: "nothing is dropped out",
        switches: &[("lora_dropout", Off::Zero)],
        details: &[],
    },
    Feature {
        what: "orthogonal factors are not trained; the nearest is `finetuning_type: lora`",
        switches: &[("module_dropout", Off::Zero)],
        details: &["oft_rank", "oft_block_size", "oft_target"],
    },
    Feature {
        what: "an adapter is trained on, not merged before another is begun",
        switches: &[("create_new_adapter", Off::False)],
        details: &[],
    },
    Feature {
        what: "layers that were inserted are not told from others",
        switches: &[("use_llama_pro", Off::False)],
        details: &[],
    },
    Feature {
        what: "the language model is what is trained",
        switches: &[("freeze_language_model", Off::False)],
        details: &[],
    },
    Feature {
        what: "gradients are not projected (GaLore); the least memory takes `optim: adamw_8bit`",
        switches: &[("use_galore", Off::False)],
        details: &[
            "galore_target",
            "galore_rank",
            "galore_update_interval",
            "galore_scale",
            "galore_proj_type",
            "galore_layerwise",
        ],
    },
    Feature {
        what: "gradients are not projected (APOLLO); the least memory takes `optim: adamw_8bit`",
        switches: &[("use_apollo", Off::False)],
        details: &[
            "apollo_target",
            "apollo_rank",
            "apollo_update_interval",
            "apollo_scale",
            "apollo_proj",
            "apollo_proj_type",
            "apollo_scale_type",
            "apollo_layerwise",
            "apollo_scale_front",
        ],
    },
    Feature {
        what: "all trained blocks are changed in every step (BAdam)",
        switches: &[("use_badam", Off::False)],
        details: &[
            "badam_mode",
            "badam_start_block",
            "badam_switch_mode",
            "badam_switch_interval",
            "badam_update_ratio",
            "badam_mask_mode",
            "badam_verbose",
        ],
    },
    Feature {
        what: "the optimizers are AdamW, also in 8 bits, Lion, Adafactor, Muon and SGD",
        switches: &[
            ("use_adam_mini", Off::False),
            ("optim_args", Off::Empty),
            ("optim_target_modules", Off::Empty),
        ],
        details: &[],
    },
    Feature {
        what: "tokens weigh the same in the loss",
        switches: &[
            ("use_dft_loss", Off::False),
            ("use_asft_loss", Off::False),
            ("use_eaft_loss", Off::False),
            ("label_smoothing_factor", Off::Zero),
        ],
        details: &["asft_alpha", "eaft_alpha"],
    },
    Feature {
        what: "answers weigh the same to their end, and no classifier is learnt beside preferences",
        switches: &[("ld_alpha", Off::Empty), ("pref_bco_weight", Off::Zero)],
        details: &[],
    },
    Feature {
        what: "the reference of preferences is the model that training began with",
        switches: &[("ref_model", Off::Empty), ("ref_model_adapters", Off::Empty)],
        details: &["ref_model_quantization_bit"],
    },
    Feature {
        what: "PPO is not trained; the nearest is `stage: dpo`",
        switches: &[("reward_model", Off::Empty)],
        details: &[
            "reward_model_adapters",
            "reward_model_quantization_bit",
            "reward_model_type",
            "ppo_buffer_size",
            "ppo_epochs",
            "ppo_score_norm",
            "ppo_target",
            "ppo_whiten_rewards",
        ],
    },
    Feature {
        what: "evaluations begin with `eval_steps`, and the lowest loss is the best",
        switches: &[
            ("eval_delay", Off::Zero),
            ("metric_for_best_model", Off::Words(&["loss", "eval_loss"])),
            ("greater_is_better", Off::False),
        ],
        details: &[],
    },
    Feature {
        what: "a run trains; `catena train predict` asks a model that was trained",
        switches: &[("do_predict", Off::False)],
        details: &[],
    },
];
