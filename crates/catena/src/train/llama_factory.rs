//! LLaMA-Factory's YAML, read as it is.
//!
//! Keys that we do by other means, or that only concern its own display, are taken over or passed
//! over with a note; a key that would change the result and that we do not have is refused by name.

use super::choices::unknown_method;
use super::read::{settings, unknown};
use serde_json::{Map, Value, json};

/// Settings of ours, and what was passed over.
pub(super) struct Imported {
    pub(super) values: Map<String, Value>,
    pub(super) notes: Vec<String>,
}

/// Keys with the same meaning, and our name.
const SAME: &[(&str, &str)] = &[
    ("output_dir", "output"),
    ("model_name_or_path", "model"),
    ("train_from_scratch", "train_from_scratch"),
    ("dataset_dir", "dataset_dir"),
    ("max_samples", "max_samples"),
    ("cutoff_len", "max_tokens"),
    ("val_size", "eval_share"),
    ("mask_history", "mask_history"),
    ("train_on_prompt", "train_on_prompt"),
    ("lora_rank", "lora_rank"),
    ("lora_alpha", "lora_alpha"),
    ("rank_pattern", "rank_pattern"),
    ("alpha_pattern", "alpha_pattern"),
    ("layers_to_transform", "layers_to_transform"),
    ("use_rslora", "use_rslora"),
    ("use_dora", "use_dora"),
    ("loraplus_lr_ratio", "loraplus_lr_ratio"),
    ("freeze_trainable_layers", "freeze_trainable_layers"),
    ("num_train_epochs", "epochs"),
    ("learning_rate", "learning_rate"),
    ("warmup_ratio", "warmup_ratio"),
    ("warmup_steps", "warmup_steps"),
    ("weight_decay", "weight_decay"),
    ("adam_beta1", "adam_beta1"),
    ("adam_beta2", "adam_beta2"),
    ("adam_epsilon", "adam_epsilon"),
    ("max_grad_norm", "max_grad_norm"),
    ("neftune_noise_alpha", "neftune_alpha"),
    ("save_steps", "checkpoint_steps"),
    ("eval_steps", "eval_steps"),
    ("seed", "seed"),
    ("pref_beta", "beta"),
    ("simpo_gamma", "simpo_gamma"),
    ("dpo_label_smoothing", "label_smoothing"),
    ("kto_chosen_weight", "desirable_weight"),
    ("kto_rejected_weight", "undesirable_weight"),
    ("center_rewards_coefficient", "center_rewards_coefficient"),
    ("moe_aux_loss_coef", "router_aux_loss_coef"),
    ("router_aux_loss_coef", "router_aux_loss_coef"),
    ("load_best_model_at_end", "keep_best"),
    ("adapter_name_or_path", "adapter"),
];

/// Keys that say how and where it runs or what it shows, not what is learnt.
const PASSED_OVER: &[(&str, &str)] = &[
    ("do_train", "a run trains"),
    ("do_eval", "a run evaluates if it is given something to measure on"),
    ("overwrite_output_dir", "a finished run is not repeated; choose another output"),
    ("overwrite_cache", "encoded data are not cached"),
    ("preprocessing_num_workers", "all threads are used"),
    ("dataloader_num_workers", "data are in memory"),
    ("logging_steps", "every step is logged"),
    ("plot_loss", "the studio and TensorBoard plot the loss"),
    ("report_to", "TensorBoard events and JSON lines are always written"),
    ("save_only_model", "checkpoints always resume"),
    ("save_total_limit", "the last checkpoint and the best values are kept"),
    ("save_strategy", "checkpoints are written every `save_steps`"),
    ("eval_strategy", "evaluations follow `eval_steps`"),
    ("bf16", "the machine's fastest precise type is chosen"),
    ("fp16", "the machine's fastest precise type is chosen"),
    ("pure_bf16", "values are f32"),
    ("flash_attn", "attention is always of that kind"),
    ("ddp_timeout", "one process runs"),
    ("trust_remote_code", "no code of a model is run"),
    ("template", "the model's own chat template is used, as in serving"),
    ("packing", "samples are always packed without seeing each other"),
    ("neat_packing", "samples are always packed without seeing each other"),
    ("per_device_eval_batch_size", "evaluation follows `micro_step_tokens`"),
    ("gradient_checkpointing", "layers are computed again if memory asks for it, see `recompute`"),
    ("include_num_input_tokens_seen", "tokens are always counted"),
    ("run_name", "runs are told apart by their folder"),
    ("logging_dir", "logs are in the run's folder"),
    ("remove_unused_columns", "columns that nobody reads are told"),
    ("cache_dir", "see XDG_CACHE_HOME"),
];

/// Keys that [`Import::convert`] turns into ours one by one.
const CONVERTED: &[&str] = &[
    "stage",
    "finetuning_type",
    "lora_target",
    "freeze_trainable_modules",
    "freeze_extra_modules",
    "dataset",
    "eval_dataset",
    "additional_target",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "lr_scheduler_type",
    "lr_scheduler_kwargs",
    "optim",
    "use_muon",
    "max_steps",
    "pref_loss",
    "pissa_init",
    "pissa_iter",
    "pref_ftx",
    "disable_gradient_checkpointing",
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

/// Keys that are taken if they are off.
const OFF_ONLY: &[&str] = &[
    "lora_dropout",
    "label_smoothing_factor",
    "pref_bco_weight",
    "streaming",
    "enable_liger_kernel",
    "use_unsloth",
    "pissa_convert",
    "use_galore",
    "use_badam",
    "use_apollo",
    "shift_attn",
    "resize_vocab",
    "efficient_eos",
];

/// Keys that change what is learned, and that we do not have.
const REFUSED: &[&str] = &[
    "deepspeed",
    "fsdp",
    "quantization_bit",
    "resume_from_checkpoint",
    "rope_scaling",
    "ref_model",
    "reward_model",
];

fn only_off(key: &str, value: &Value) -> Result<(), String> {
    if matches!(value, Value::Bool(false)) || value.as_f64() == Some(0.0) {
        return Ok(());
    }
    Err(format!("the key `{key}` is not supported; remove it or set it off"))
}

/// Our name of an optimizer.
fn optimizer(theirs: &str) -> Option<&'static str> {
    Some(match theirs {
        "adamw_torch" | "adamw_torch_fused" | "adamw_hf" => "adamw",
        "adamw_8bit" | "adamw_bnb_8bit" | "paged_adamw_8bit" => "adamw_8bit",
        "lion_32bit" => "lion",
        "adafactor" => "adafactor",
        "sgd" => "sgd",
        "muon" => "muon",
        _ => return None,
    })
}

/// Takes a YAML over.
///
/// # Errors
/// Not YAML; every key that is unknown or that we cannot honour, a line each.
pub(super) fn import(text: &str) -> Result<Imported, String> {
    let parsed: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let Value::Object(given) = parsed else { return Err("it is no mapping of keys".to_owned()) };
    let (mut import, mut refused) = (Import::default(), Vec::new());
    for (key, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        refused.extend(import.key(key, value).err());
    }
    let imported = import.finish(&mut refused);
    if refused.is_empty() {
        return Ok(imported);
    }
    // What would be found in the values once these keys are mended.
    refused.extend(settings(imported.values).err());
    Err(refused.join("\n"))
}

#[derive(Default)]
struct Import {
    values: Map<String, Value>,
    notes: Vec<String>,
    per_device: Option<u64>,
    accumulation: Option<u64>,
    stage: Option<String>,
    /// Lowest learning rate.
    min_lr: Option<f64>,
}

impl Import {
    fn key(&mut self, key: &str, value: &Value) -> Result<(), String> {
        if let Some((_, own)) = SAME.iter().find(|(theirs, _)| *theirs == key) {
            self.values.insert((*own).to_owned(), value.clone());
            return Ok(());
        }
        if let Some((_, why)) = PASSED_OVER.iter().find(|(theirs, _)| *theirs == key) {
            self.notes.push(format!("`{key}` is passed over: {why}"));
            return Ok(());
        }
        if OFF_ONLY.contains(&key) {
            return only_off(key, value);
        }
        if REFUSED.contains(&key) {
            return Err(format!("the key `{key}` is not supported"));
        }
        self.convert(key, value)
    }

    /// Takes one of the [`CONVERTED`] keys over.
    fn convert(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let refused = || Err(format!("`{key}` {text} is not supported"));
        let on = value == &Value::Bool(true);
        match key {
            "stage" => self.stage = Some(text),
            "finetuning_type" => match text.as_str() {
                kind @ ("lora" | "full" | "freeze") => self.set("method", kind),
                other => {
                    return Err(format!("`finetuning_type` is {other}: {}", unknown_method(other)));
                }
            },
            "lora_target" => self.set_names("target_modules", value, &["all-linear"]),
            "freeze_trainable_modules" | "freeze_extra_modules" => self.set_names(key, value, &[]),
            "dataset" => self.set("data", names(value)),
            "eval_dataset" => self.set("eval_data", names(value)),
            "additional_target" => self.set("modules_to_save", names(value)),
            "per_device_train_batch_size" | "gradient_accumulation_steps" => {
                let Some(count) = value.as_u64().filter(|count| *count > 0) else {
                    return refused();
                };
                let first = key.starts_with("per_device");
                *(if first { &mut self.per_device } else { &mut self.accumulation }) = Some(count);
            }
            "lr_scheduler_type" => match text.as_str() {
                "constant" => {
                    self.set("schedule", "constant");
                    self.set("warmup_ratio", 0.0);
                }
                "constant_with_warmup" => self.set("schedule", "constant"),
                other => self.set("schedule", other),
            },
            "lr_scheduler_kwargs" => return self.schedule_details(value),
            "optim" => match optimizer(&text) {
                Some(own) => self.set("optimizer", own),
                None => return refused(),
            },
            "use_muon" if on => self.set("optimizer", "muon"),
            "max_steps" if value.as_i64().is_none_or(|steps| steps <= 0) => {}
            "max_steps" => self.set("max_steps", value.clone()),
            "pref_loss" => match text.as_str() {
                loss @ ("sigmoid" | "hinge" | "ipo" | "orpo" | "simpo") => {
                    self.set("preference_loss", loss);
                }
                _ => return refused(),
            },
            "pissa_init" if on => self.set("init_lora_weights", "pissa_niter_16"),
            "disable_gradient_checkpointing" if on => self.set("recompute", "off"),
            "use_muon" | "pissa_init" | "disable_gradient_checkpointing" => {}
            "pissa_iter" => {
                let steps = value.as_i64().filter(|steps| *steps >= 0);
                let init = steps.map_or("pissa".to_owned(), |n| format!("pissa_niter_{n}"));
                self.set("init_lora_weights", init);
            }
            "pref_ftx" => self.set("nll_weight", value.clone()),
            _ => {
                let known = SAME.iter().chain(PASSED_OVER).map(|(name, _)| *name);
                return Err(unknown(key, known.chain(CONVERTED.iter().copied())));
            }
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

    fn set(&mut self, own: &str, value: impl Into<Value>) {
        self.values.insert(own.to_owned(), value.into());
    }

    /// Names of modules; `all` stands for `every`.
    fn set_names(&mut self, own: &str, value: &Value, every: &[&str]) {
        let names = names(value);
        let all = names.iter().any(|name| name == "all");
        self.set(own, if all { json!(every) } else { json!(names) });
    }

    /// Settings of ours. What cannot be honoured is added to `refused` and keeps its default.
    fn finish(mut self, refused: &mut Vec<String>) -> Imported {
        let stage = match self.stage.as_deref() {
            None | Some("sft") => "sft",
            Some("pt") => "pretrain",
            Some("rm") => "reward",
            Some("dpo") => "preference",
            Some("kto") => "kto",
            Some(other) => {
                refused.push(format!("`stage` {other} is not supported"));
                "sft"
            }
        };
        self.values.insert("stage".to_owned(), stage.into());
        // Their defaults, where they differ from ours.
        let defaults = [
            ("dataset_dir", json!("data")),
            ("max_tokens", json!(2048)),
            ("learning_rate", json!(5e-5)),
            ("warmup_ratio", json!(0.0)),
            ("schedule", json!("linear")),
            ("checkpoint_steps", json!(500)),
        ];
        for (key, value) in defaults {
            self.values.entry(key).or_insert(value);
        }
        if let Some(min_lr) = self.min_lr {
            let peak = self.values["learning_rate"].as_f64().unwrap_or(1.0);
            self.set("schedule_min_lr_ratio", min_lr / peak);
        }
        let batch = self.per_device.unwrap_or(8).saturating_mul(self.accumulation.unwrap_or(1));
        self.values.insert("batch_size".to_owned(), batch.into());
        if let Some(epochs) = self.values.remove("epochs") {
            let number = epochs.as_f64().unwrap_or(0.0);
            match format!("{number}").parse::<u64>() {
                Ok(whole) if whole > 0 => self.set("epochs", whole),
                Ok(_) | Err(_) => {
                    refused.push(format!("`num_train_epochs` is {epochs}: whole epochs are run"));
                }
            }
        }
        Imported { values: self.values, notes: self.notes }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::settings::{ScheduleName, TrainMethod, TrainStage};

    /// Of LLaMA-Factory's examples, `train_lora/llama3_lora_dpo.yaml`, in our words.
    const DPO: &str = "
### model
model_name_or_path: models/tiny
trust_remote_code: true

### method
stage: dpo
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
pref_beta: 0.1
pref_loss: sigmoid  # choices: [sigmoid (dpo), orpo, simpo]

### dataset
dataset: dpo_en_demo, dpo_zh_demo
template: llama3
cutoff_len: 2048
max_samples: 1000
overwrite_cache: true

### output
output_dir: saves/tiny/lora/dpo
logging_steps: 10
save_steps: 500
plot_loss: true

### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 5.0e-6
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000
resume_from_checkpoint: null
";

    #[test]
    fn an_example_is_taken_over_as_it_is() {
        let imported = import(DPO).unwrap();
        let read = settings(imported.values).unwrap();
        assert_eq!(read.stage, TrainStage::Preference);
        assert_eq!(read.method, TrainMethod::Lora);
        assert_eq!(read.data, ["dpo_en_demo", "dpo_zh_demo"]);
        assert_eq!((read.batch_size, read.epochs, read.max_tokens), (8, 3, 2048));
        assert_eq!(read.dataset_dir.as_deref(), Some("data"));
        assert!(imported.notes.iter().any(|note| note.contains("`template`")));
    }

    /// In the manner of upstream's `train_lora` examples for answers, with comments as there.
    const LORA_SFT: &str = "
### model
model_name_or_path: models/tiny
trust_remote_code: true

### method
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 16
lora_alpha: 32
lora_target: q_proj,v_proj

### dataset
dataset: identity,alpaca_en_demo
template: qwen
cutoff_len: 1024
max_samples: 500
preprocessing_num_workers: 8
dataloader_num_workers: 2

### output
output_dir: saves/tiny/lora/sft
logging_steps: 5
save_steps: 200
plot_loss: true
overwrite_output_dir: true
save_only_model: false
report_to: none  # choices: [none, tensorboard]

### train
per_device_train_batch_size: 2
gradient_accumulation_steps: 4
learning_rate: 1.0e-4
num_train_epochs: 2.0
lr_scheduler_type: constant_with_warmup
warmup_steps: 20
bf16: true

### eval
val_size: 0.1
per_device_eval_batch_size: 1
eval_strategy: steps
eval_steps: 100
";

    /// The same of its `train_full` examples, which share the weights among devices.
    const FULL_SFT: &str = "
### model
model_name_or_path: models/tiny

### method
stage: sft
do_train: true
finetuning_type: full
deepspeed: examples/deepspeed/ds_z3_config.json  # choices: [ds_z0, ds_z2, ds_z3]
enable_liger_kernel: true
rope_scaling: linear

### dataset
dataset: identity
template: qwen
cutoff_len: 2048

### output
output_dir: saves/tiny/full/sft

### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 2
learning_rate: 1.0e-5
num_train_epochs: 1.5
lr_scheduler_type: reduce_lr_on_plateau
optim: adagrad
warmup_ration: 0.1
pure_bf16: true
";

    #[test]
    fn a_file_of_lora_for_answers_is_taken_over() {
        let imported = import(LORA_SFT).unwrap();
        let read = settings(imported.values).unwrap();
        assert_eq!((read.stage, read.method), (TrainStage::Sft, TrainMethod::Lora));
        assert_eq!((read.lora_rank, read.lora_alpha), (16, Some(32.0)));
        assert_eq!(read.target_modules, ["q_proj", "v_proj"]);
        assert_eq!(read.data, ["identity", "alpaca_en_demo"]);
        assert_eq!((read.batch_size, read.epochs, read.max_tokens), (8, 2, 1024));
        assert_eq!((read.checkpoint_steps, read.eval_steps), (200, Some(100)));
        assert_eq!((read.eval_share, read.max_samples), (0.1, Some(500)));
        assert_eq!((read.schedule, read.warmup_steps), (ScheduleName::Constant, Some(20)));
        let told = |key: &str| imported.notes.iter().any(|note| note.contains(&format!("`{key}`")));
        assert!(told("report_to") && told("save_only_model") && told("eval_strategy"));
    }

    /// Everything that stands in the way, so that one reading mends the file.
    #[test]
    fn all_refusals_of_a_file_are_told_together() {
        let error = import(FULL_SFT).err().unwrap();
        let lines: Vec<&str> = error.lines().collect();
        for said in [
            "the key `deepspeed` is not supported",
            "the key `enable_liger_kernel` is not supported",
            "the key `rope_scaling` is not supported",
            "`optim` adagrad is not supported",
            "the key `warmup_ration` is not known; did you mean `warmup_ratio`?",
            "`num_train_epochs` is 1.5: whole epochs are run",
            "`schedule` is \"reduce_lr_on_plateau\": unknown variant",
        ] {
            let count = lines.iter().filter(|line| line.starts_with(said)).count();
            assert_eq!(count, 1, "{said}: {error}");
        }
        assert_eq!(lines.len(), 7, "{error}");
        // Without these lines the rest is taken over.
        let refused =
            ["deepspeed", "enable_liger", "rope", "num_train", "lr_sched", "optim", "warmup"];
        let kept = FULL_SFT.lines().filter(|line| !refused.iter().any(|key| line.starts_with(key)));
        let read = settings(import(&kept.collect::<Vec<_>>().join("\n")).unwrap().values).unwrap();
        assert_eq!((read.method, read.batch_size), (TrainMethod::Full, 2));
    }

    #[test]
    fn details_of_schedules_and_losses_are_taken_over() {
        let read = |lines: &str| settings(import(lines).unwrap().values).unwrap();
        let polynomial = read(
            "lr_scheduler_type: polynomial\nlr_scheduler_kwargs:\n  power: 2.0\n  lr_end: 1.0e-6\n",
        );
        let details = polynomial.schedule_details;
        assert_eq!((details.schedule_power, details.schedule_lr_end), (2.0, 1e-6));
        let waves = read(
            "learning_rate: 1.0e-4\nlr_scheduler_type: cosine_with_min_lr\n\
             lr_scheduler_kwargs: '{\"min_lr\": 2.5e-5, \"num_cycles\": 1.5}'\n",
        );
        let details = waves.schedule_details;
        assert_eq!(details.schedule_min_lr_ratio, Some(0.25));
        assert_eq!(details.schedule_num_cycles, Some(1.5));
        let wsd = read(
            "lr_scheduler_type: warmup_stable_decay\nlr_scheduler_kwargs: {num_decay_steps: 7, \
             num_stable_steps: 5, decay_type: 1-sqrt, min_lr_ratio: 0.1}\n",
        );
        let details = wsd.schedule_details;
        assert_eq!(details.schedule_decay_steps, Some(7));
        assert_eq!(details.schedule_stable_steps, Some(5));
        assert_eq!(details.schedule_decay_type, catena_train::WsdShape::OneMinusSqrt);
        let experts = read("moe_aux_loss_coef: 0.01\ncenter_rewards_coefficient: 0.02\n");
        assert_eq!(experts.losses.router_aux_loss_coef, 0.01);
        assert_eq!(experts.losses.center_rewards_coefficient, 0.02);
        let pairs = read("rank_pattern: {down_proj: 4}\nalpha_pattern:\n  down_proj: 16\n");
        assert_eq!(pairs.patterns.rank_pattern["down_proj"], 4);
        assert_eq!(pairs.patterns.alpha_pattern["down_proj"], 16.0);
        for (line, said) in [
            ("lr_scheduler_kwargs: {pwoer: 2}", "did you mean `power`"),
            ("lr_scheduler_kwargs: steep", "`lr_scheduler_kwargs`"),
            ("lr_scheduler_kwargs: [1]", "is no mapping of keys"),
            ("lr_scheduler_kwargs: {min_lr: low}", "`min_lr` is \"low\""),
        ] {
            let error = import(line).err().unwrap();
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn keys_that_we_cannot_honour_are_named() {
        for (line, said) in [
            ("quantization_bit: 4", "`quantization_bit`"),
            ("lora_dropout: 0.1", "`lora_dropout`"),
            ("finetuning_type: oft", "oft: orthogonal factors of weights"),
            ("gradient_accumulation_steps: some", "`gradient_accumulation_steps` some"),
            ("stage: ppo", "ppo"),
            ("learning_rat: 1", "did you mean `learning_rate`"),
            ("finetuning_typ: lora", "did you mean `finetuning_type`"),
            ("num_train_epochs: 1.5", "1.5"),
        ] {
            let error = import(line).err().unwrap();
            assert!(error.contains(said), "{line}: {error}");
        }
        assert!(import("- a list").is_err());
        for key in CONVERTED {
            let error = import(&format!("{key}: x")).err().unwrap_or_default();
            assert!(!error.contains("not known"), "{error}");
        }
        assert!(import("lora_dropout: 0").is_ok());
    }
}
