//! Stage `train`: LoRA fine-tuning of the base model on the training records.

use super::synth::TRAIN_FILE;
use super::{Inputs, digest_setting, setting};
use crate::merged::ADAPTER_DIR;
use crate::models::{BoxError, no_template};
use crate::train::{
    BaseModel, Finished, Prepared, Rows, ScheduleName, TrainSettings, run_prepared,
};
use catena_data::{Classes, encode_record, read_records};
use catena_pipeline::config::{ByteSize, MicroStep, TrainConfig};
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use catena_train::Sample;
use serde_json::json;
use std::sync::Arc;

/// The training curve.
pub(crate) const METRICS_FILE: &str = "run/metrics.jsonl";

/// The stage.
pub(crate) struct Train(pub(crate) Arc<Inputs>);

impl Stage for Train {
    fn name(&self) -> &'static str {
        "train"
    }

    fn version(&self) -> u32 {
        3
    }

    fn inputs(&self) -> &'static [&'static str] {
        &["synth"]
    }

    fn settings(&self) -> Settings {
        let train = &self.0.config.train;
        Settings::from([
            digest_setting("base model", &self.0.base.digest),
            setting("train.lora_rank", train.lora_rank),
            setting("train.lora_alpha", train.lora_alpha),
            setting("train.target_modules", train.target_modules.join(",")),
            setting("train.epochs", train.epochs),
            setting("train.batch_size", train.batch_size),
            setting("train.max_tokens", train.max_tokens),
            setting("train.micro_step_tokens", micro_step(train.micro_step_tokens)),
            setting("train.learning_rate", train.learning_rate),
            setting("train.warmup_ratio", train.warmup_ratio),
            setting("train.schedule", &train.schedule),
            setting("train.max_grad_norm", train.max_grad_norm),
            setting("train.weight_decay", train.weight_decay),
            setting("train.checkpoint_steps", train.checkpoint_steps),
            setting("train.seed", train.seed),
        ])
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let settings = settings(&self.0.config.train, &self.0.config.model.base);
        let prepared = self.prepare(&settings, context)?;
        let Finished { outcome, model } =
            run_prepared(&settings, &prepared, context.progress(), context.cancel())?;
        let adapter = model.adapter().ok_or("a model trained by pairs has an adapter")?;
        adapter.write(&context.dir().join(ADAPTER_DIR))?;
        let tokens: usize = outcome.metrics.iter().map(|step| step.tokens).sum();
        let supervised: usize = outcome.metrics.iter().map(|step| step.supervised_tokens).sum();
        Ok(super::summary(json!({
            "records": prepared.train.len(),
            "steps": outcome.metrics.len(),
            "tokens": tokens,
            "supervised_tokens": supervised,
            "trained_values": model.values().len(),
            "first_loss": outcome.metrics.first().map(|step| step.loss),
            "last_loss": outcome.metrics.last().map(|step| step.loss),
        })))
    }
}

impl Train {
    /// The records as they are asked when the model is served, for the loop of `catena train run`.
    fn prepare(
        &self,
        settings: &TrainSettings,
        context: &StageContext<'_>,
    ) -> Result<Prepared, BoxError> {
        let pool = self.0.pool.clone();
        let base = BaseModel::open(&self.0.base.path, settings, &pool)?;
        let template = base.template.as_ref().ok_or_else(|| no_template(&self.0.base.path))?;
        let records = read_records(&context.input("synth").join(TRAIN_FILE))?;
        let mut samples = Vec::with_capacity(records.len());
        for record in &records {
            let encoded = encode_record(&base.tokenizer, template, record, settings.max_tokens)?;
            let (tokens, labels) = (encoded.tokens, encoded.labels);
            samples.push(Sample { tokens, labels, ..Sample::default() });
        }
        Ok(Prepared {
            base,
            digest: self.0.base.digest.clone(),
            classes: Classes::Score,
            train: Rows::Tokens(samples),
            eval: None,
            asked: Vec::new(),
            pool,
            output: context.dir().to_owned(),
        })
    }
}

/// How the settings of the stage say it; what follows from the memory is not a setting.
fn micro_step(tokens: MicroStep) -> String {
    tokens.given().map_or_else(|| "auto".to_owned(), |tokens| tokens.to_string())
}

/// The section of a project as the settings of a run.
fn settings(train: &TrainConfig, model: &str) -> TrainSettings {
    let no_limit = ByteSize::Text(String::new());
    TrainSettings {
        model: model.to_owned(),
        lora_rank: train.lora_rank,
        lora_alpha: Some(train.lora_alpha),
        target_modules: train.target_modules.clone(),
        epochs: train.epochs,
        batch_size: train.batch_size,
        max_tokens: train.max_tokens,
        micro_step_tokens: train.micro_step_tokens,
        recompute: train.recompute.clone(),
        max_memory: Some(train.max_memory.clone()).filter(|limit| *limit != no_limit),
        learning_rate: train.learning_rate,
        warmup_ratio: train.warmup_ratio,
        schedule: match train.schedule.as_str() {
            "constant" => ScheduleName::Constant,
            "linear" => ScheduleName::Linear,
            _ => ScheduleName::Cosine,
        },
        max_grad_norm: train.max_grad_norm,
        weight_decay: train.weight_decay,
        checkpoint_steps: train.checkpoint_steps,
        seed: train.seed,
        ..TrainSettings::default()
    }
}
