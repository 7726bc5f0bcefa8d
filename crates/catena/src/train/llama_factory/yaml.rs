//! From a YAML to settings of ours.

use super::features::{Asked, FEATURES};
use super::passed_over::PASSED_OVER;
use super::same::SAME;
use crate::train::read::settings;
use serde_json::{Map, Value, json};

/// Settings of ours, and what was passed over.
pub(in crate::train) struct Imported {
    pub(in crate::train) values: Map<String, Value>,
    pub(in crate::train) notes: Vec<String>,
}

/// Takes a YAML over.
///
/// # Errors
/// Not YAML; every key that is unknown or that we cannot honour, a line each, those of one feature in
/// one.
pub(in crate::train) fn import(text: &str) -> Result<Imported, String> {
    let parsed: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let Value::Object(given) = parsed else { return Err("it is no mapping of keys".to_owned()) };
    let (mut import, mut refused) = (Import::new(), Vec::new());
    for (key, value) in given.iter().filter(|(_, value)| !value.is_null()) {
        if !FEATURES.iter().any(|feature| feature.has(key)) {
            refused.extend(import.key(key, value).err());
        }
    }
    for feature in FEATURES {
        match feature.asked(&given) {
            Asked::No => {}
            Asked::Details(note) => import.notes.push(note),
            Asked::Yes(refusal) => refused.push(refusal),
        }
    }
    let imported = import.finish(&mut refused);
    if refused.is_empty() {
        return Ok(imported);
    }
    // What would be found in the values once these keys are mended.
    refused.extend(settings(imported.values).err());
    Err(refused.join("\n"))
}

/// What was read so far.
pub(super) struct Import {
    pub(super) values: Map<String, Value>,
    pub(super) notes: Vec<String>,
    pub(super) per_device: Option<u64>,
    pub(super) accumulation: Option<u64>,
    pub(super) stage: Option<String>,
    /// Lowest learning rate.
    pub(super) min_lr: Option<f64>,
    /// Whether the schedule has steps of warming up.
    pub(super) warms_up: bool,
    /// Whether pairs begin with principal parts, found in so many steps.
    pub(super) pissa: bool,
    pub(super) pissa_iter: Option<i64>,
    /// Whether Muon takes the place of the optimizer, whatever that is.
    pub(super) muon: bool,
    /// The folder inside that of the adapter.
    pub(super) adapter_folder: Option<String>,
    /// Whether evaluations are made every so many steps, and how often figures were to be shown.
    pub(super) evaluates: bool,
    pub(super) logging_steps: Option<u64>,
}

impl Import {
    fn new() -> Self {
        Import {
            values: Map::new(),
            notes: Vec::new(),
            per_device: None,
            accumulation: None,
            stage: None,
            min_lr: None,
            warms_up: true,
            pissa: false,
            pissa_iter: None,
            muon: false,
            adapter_folder: None,
            evaluates: false,
            logging_steps: None,
        }
    }

    fn key(&mut self, key: &str, value: &Value) -> Result<(), String> {
        if let Some((_, own)) = SAME.iter().find(|(theirs, _)| *theirs == key) {
            self.set(own, value.clone());
            return Ok(());
        }
        if let Some((why, _)) = PASSED_OVER.iter().find(|(_, keys)| keys.contains(&key)) {
            self.notes.push(format!("`{key}` is passed over: {why}"));
            return Ok(());
        }
        self.convert(key, value)
    }

    pub(super) fn set(&mut self, own: &str, value: impl Into<Value>) {
        self.values.insert(own.to_owned(), value.into());
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
        self.set("stage", stage);
        if stage == "kto" && self.values.get("nll_weight").and_then(Value::as_f64) > Some(0.0) {
            refused.push("`pref_ftx` is not supported where `stage` is kto".to_owned());
        }
        self.finish_optimizer();
        if self.pissa {
            let init = match self.pissa_iter.unwrap_or(16) {
                steps if steps < 0 => "pissa".to_owned(),
                steps => format!("pissa_niter_{steps}"),
            };
            self.set("init_lora_weights", init);
        }
        if !self.warms_up {
            self.values.remove("warmup_steps");
            self.set("warmup_ratio", 0.0);
        }
        self.defaults();
        if let Some(min_lr) = self.min_lr {
            let peak = self.values["learning_rate"].as_f64().unwrap_or(1.0);
            self.set("schedule_min_lr_ratio", min_lr / peak);
        }
        let batch = self.per_device.unwrap_or(8).saturating_mul(self.accumulation.unwrap_or(1));
        self.set("batch_size", batch);
        if let (Some(folder), Some(Value::String(adapter))) =
            (&self.adapter_folder, self.values.get_mut("adapter"))
        {
            adapter.push_str(&format!("/{folder}"));
        }
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

    /// Their details of optimizers, where they differ from ours.
    fn finish_optimizer(&mut self) {
        if self.muon {
            self.set("optimizer", "muon");
            // As Moonlight does, whose Muon theirs is.
            self.set("muon_adjust_lr", "match_rms_adamw");
        }
        match self.values.get("optimizer").and_then(Value::as_str) {
            Some("sgd") => self.set("sgd_momentum", 0.0),
            Some("lion") => {
                for (adam, lion, usual) in
                    [("adam_beta1", "lion_beta1", 0.9), ("adam_beta2", "lion_beta2", 0.999)]
                {
                    let beta = self.values.get(adam).cloned().unwrap_or(json!(usual));
                    self.set(lion, beta);
                }
            }
            Some(_) | None => {}
        }
    }

    /// Their defaults, where they differ from ours.
    fn defaults(&mut self) {
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
        if self.evaluates {
            let every = self.logging_steps.unwrap_or(500);
            self.values.entry("eval_steps").or_insert(json!(every));
        }
    }
}
