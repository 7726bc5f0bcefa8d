//! Keys that are turned into ours.

use super::features::{FEATURES, Feature};
use super::passed_over::PASSED_OVER;
use super::same::SAME;
use super::yaml::Import;
use crate::train::choices::unknown_method;
use crate::train::read::unknown;
use serde_json::{Value, json};

/// Keys that [`Import::convert`] turns into ours one by one.
pub(super) const CONVERTED: &[&str] = &[
    "stage",
    "finetuning_type",
    "adapter_name_or_path",
    "adapter_folder",
    "lora_target",
    "freeze_trainable_modules",
    "name_module_trainable",
    "freeze_extra_modules",
    "dataset",
    "eval_dataset",
    "additional_target",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "warmup_steps",
    "optim",
    "use_muon",
    "max_steps",
    "pref_loss",
    "dpo_loss",
    "pissa_init",
    "pissa_iter",
    "pref_ftx",
    "dpo_ftx",
    "kto_ftx",
    "disable_gradient_checkpointing",
    "eval_strategy",
    "evaluation_strategy",
    "save_strategy",
    "logging_steps",
    "resume_from_checkpoint",
];

/// Keys of `lr_scheduler_kwargs`, and our names; `min_lr` becomes a share.
const SCHEDULE_DETAILS: &[(&str, &str)] = &[
    ("num_cycles", "schedule_num_cycles"),
    ("min_lr_rate", "schedule_min_lr_ratio"),
    ("min_lr_ratio", "schedule_min_lr_ratio"),
    ("power", "schedule_power"),
    ("lr_end", "schedule_lr_end"),
    ("timescale", "schedule_timescale"),
    ("num_decay_steps", "schedule_decay_steps"),
    ("num_stable_steps", "schedule_stable_steps"),
    ("warmup_type", "schedule_warmup_type"),
    ("decay_type", "schedule_decay_type"),
];

/// Our name of an optimizer.
fn optimizer(theirs: &str) -> Option<&'static str> {
    Some(match theirs {
        "adamw_torch"
        | "adamw_torch_fused"
        | "adamw_torch_xla"
        | "adamw_torch_npu_fused"
        | "adamw_apex_fused"
        | "adamw_hf"
        | "paged_adamw"
        | "paged_adamw_32bit" => "adamw",
        "adamw_8bit" | "adamw_bnb_8bit" | "adamw_torch_8bit" | "paged_adamw_8bit" => "adamw_8bit",
        "lion_32bit" | "paged_lion_32bit" => "lion",
        "adafactor" => "adafactor",
        "sgd" => "sgd",
        "muon" => "muon",
        _ => return None,
    })
}

impl Import {
    /// Takes one of the [`CONVERTED`] keys over.
    pub(super) fn convert(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let refused = || Err(format!("`{key}` {text} is not supported"));
        let on = value == &Value::Bool(true);
        match key {
            "stage" => self.stage = Some(text),
            "finetuning_type"
            | "adapter_name_or_path"
            | "adapter_folder"
            | "additional_target"
            | "lora_target"
            | "freeze_trainable_modules"
            | "name_module_trainable"
            | "freeze_extra_modules"
            | "pissa_init"
            | "pissa_iter" => {
                return self.method(key, value, &text);
            }
            "dataset" => self.set("data", names(value)),
            "eval_dataset" => self.set("eval_data", names(value)),
            "per_device_train_batch_size" | "gradient_accumulation_steps" => {
                let Some(count) = value.as_u64().filter(|count| *count > 0) else {
                    return refused();
                };
                let first = key.starts_with("per_device");
                *(if first { &mut self.per_device } else { &mut self.accumulation }) = Some(count);
            }
            "lr_scheduler_type" | "lr_scheduler_kwargs" | "warmup_steps" => {
                return self.schedule(key, value, &text);
            }
            "optim" => match optimizer(&text) {
                Some(own) => self.set("optimizer", own),
                None => return refused(),
            },
            "use_muon" => self.muon = on,
            "max_steps" if value.as_i64().is_none_or(|steps| steps <= 0) => {}
            "max_steps" => self.set("max_steps", value.clone()),
            "pref_loss" | "dpo_loss" => match text.as_str() {
                loss @ ("sigmoid" | "hinge" | "ipo" | "orpo" | "simpo") => {
                    self.set("preference_loss", loss);
                }
                _ => return refused(),
            },
            "pref_ftx" | "dpo_ftx" | "kto_ftx" => self.set("nll_weight", value.clone()),
            "disable_gradient_checkpointing" if on => self.set("recompute", "off"),
            "disable_gradient_checkpointing" => {}
            "eval_strategy"
            | "evaluation_strategy"
            | "save_strategy"
            | "logging_steps"
            | "resume_from_checkpoint" => return self.course(key, value, &text),
            _ => {
                let passed = PASSED_OVER.iter().flat_map(|(_, keys)| keys.iter().copied());
                let known = SAME.iter().map(|(name, _)| *name).chain(CONVERTED.iter().copied());
                let refused = FEATURES.iter().flat_map(Feature::keys);
                return Err(unknown(key, known.chain(passed).chain(refused)));
            }
        }
        Ok(())
    }

    /// What is trained, and what it begins with.
    fn method(&mut self, key: &str, value: &Value, text: &str) -> Result<(), String> {
        match key {
            "finetuning_type" => match text {
                kind @ ("lora" | "full" | "freeze") => self.set("method", kind),
                other => {
                    return Err(format!("`finetuning_type` is {other}: {}", unknown_method(other)));
                }
            },
            "adapter_name_or_path" => match &names(value)[..] {
                [adapter] => self.set("adapter", adapter.as_str()),
                _ => return Err(format!("`{key}` {text} is not supported: one is trained on")),
            },
            "adapter_folder" => self.adapter_folder = Some(text.to_owned()),
            "lora_target" => self.set_names("target_modules", value, &["all-linear"]),
            "freeze_extra_modules" => self.set_names(key, value, &[]),
            "additional_target" => self.set("modules_to_save", names(value)),
            "pissa_init" => self.pissa = value == &Value::Bool(true),
            "pissa_iter" => self.pissa_iter = value.as_i64(),
            _ => self.set_names("freeze_trainable_modules", value, &[]),
        }
        Ok(())
    }

    /// How the learning rate moves.
    fn schedule(&mut self, key: &str, value: &Value, text: &str) -> Result<(), String> {
        match key {
            "lr_scheduler_kwargs" => return self.schedule_details(value),
            // A share of all steps, where it is below 1.
            "warmup_steps" => match value.as_f64() {
                // The share decides then.
                Some(0.0) => {}
                Some(share) if share < 1.0 => self.set("warmup_ratio", share),
                Some(_) | None => self.set("warmup_steps", value.clone()),
            },
            _ => {
                self.warms_up = text != "constant";
                self.set(
                    "schedule",
                    if text == "constant_with_warmup" { "constant" } else { text },
                );
            }
        }
        Ok(())
    }

    /// When the model is measured and saved, and where a run goes on from.
    fn course(&mut self, key: &str, value: &Value, text: &str) -> Result<(), String> {
        let refused = |why: &str| Err(format!("`{key}` {text} is not supported: {why}"));
        match (key, text) {
            ("eval_strategy" | "evaluation_strategy", "steps") => self.evaluates = true,
            ("eval_strategy" | "evaluation_strategy", "no" | "false") => {}
            ("eval_strategy" | "evaluation_strategy", _) => {
                return refused("the model is measured every `eval_steps` and at the end");
            }
            ("save_strategy", "best") => self.set("keep_best", true),
            ("save_strategy", _) => {
                let why = "checkpoints are written every `save_steps` and at the end";
                self.notes.push(format!("`{key}` is passed over: {why}"));
            }
            ("logging_steps", _) => {
                self.logging_steps = value.as_u64().filter(|steps| *steps > 0);
                self.notes.push(format!("`{key}` is passed over: every step is logged"));
            }
            _ if value.is_boolean() => {
                let why = "a run goes on from its own checkpoint";
                self.notes.push(format!("`{key}` is passed over: {why}"));
            }
            _ => return refused("a run goes on from the checkpoint in its own output"),
        }
        Ok(())
    }

    /// Details of the schedule by transformers' names, a mapping or JSON in a text.
    fn schedule_details(&mut self, value: &Value) -> Result<(), String> {
        let parsed = value.as_str().map(serde_json::from_str::<Value>).transpose();
        let parsed = parsed.map_err(|error| format!("`lr_scheduler_kwargs`: {error}"))?;
        let Value::Object(details) = parsed.as_ref().unwrap_or(value) else {
            return Err(format!("`lr_scheduler_kwargs` {value} is no mapping of keys"));
        };
        for (key, value) in details.iter().filter(|(_, value)| !value.is_null()) {
            if key == "min_lr" {
                self.min_lr = Some(value.as_f64().ok_or(format!("`min_lr` is {value}"))?);
                continue;
            }
            let Some((_, own)) = SCHEDULE_DETAILS.iter().find(|(theirs, _)| theirs == key) else {
                let known = SCHEDULE_DETAILS.iter().map(|(theirs, _)| *theirs).chain(["min_lr"]);
                return Err(format!("`lr_scheduler_kwargs`: {}", unknown(key, known)));
            };
            self.set(own, value.clone());
        }
        Ok(())
    }

    /// Names of modules; `all` stands for `every`.
    fn set_names(&mut self, own: &str, value: &Value, every: &[&str]) {
        let names = names(value);
        let all = names.iter().any(|name| name == "all");
        self.set(own, if all { json!(every) } else { json!(names) });
    }
}

/// Names in a list or divided by commas.
fn names(value: &Value) -> Vec<String> {
    let split = |text: &str| -> Vec<String> {
        let parts = text.split(',').map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    match value {
        Value::String(text) => split(text),
        Value::Array(items) => items.iter().filter_map(Value::as_str).flat_map(split).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    }
}
