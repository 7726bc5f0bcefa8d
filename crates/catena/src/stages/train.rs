//! Stage `train`: LoRA fine-tuning of the base model on the training records.

use super::synth::TRAIN_FILE;
use super::{Inputs, digest_setting, setting};
use crate::models::{BoxError, LanguageModel};
use catena_data::{encode_record, read_records};
use catena_model::training::{LoraConfig, Method, Task, TrainModel, TrainOptions};
use catena_pipeline::config::TrainConfig;
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use catena_train::{AdamWConfig, OptimizerConfig, RunConfig, Sample, Schedule, Sft, Trainer};
use serde_json::json;
use std::sync::Arc;

/// Folder of the adapter in the stage's result.
pub(crate) const ADAPTER_DIR: &str = "adapter";
/// Folder of the run: checkpoint, metrics, TensorBoard events.
const RUN_DIR: &str = "run";
/// The training curve.
pub(crate) const METRICS_FILE: &str = "run/metrics.jsonl";

/// The stage.
pub(crate) struct Train(pub(crate) Arc<Inputs>);

impl Stage for Train {
    fn name(&self) -> &'static str {
        "train"
    }

    fn version(&self) -> u32 {
        2
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
            setting("train.micro_step_tokens", train.micro_step_tokens),
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
        let train = &self.0.config.train;
        let model = LanguageModel::open(&self.0.base.path)?;
        let records = read_records(&context.input("synth").join(TRAIN_FILE))?;
        let mut samples = Vec::with_capacity(records.len());
        for record in &records {
            let encoded =
                encode_record(model.tokenizer(), model.template(), record, train.max_tokens)?;
            samples.push(Sample {
                tokens: encoded.tokens,
                labels: encoded.labels,
                ..Sample::default()
            });
        }
        #[expect(clippy::cast_possible_truncation, reason = "alpha is a small number")]
        let lora = LoraConfig {
            r: train.lora_rank,
            lora_alpha: train.lora_alpha as f32,
            use_rslora: false,
            target_modules: train.target_modules.clone(),
            seed: train.seed,
        };
        let run = context.dir().join(RUN_DIR);
        let mut objective = Sft::new(&samples, train.micro_step_tokens)?;
        let trainer = Trainer::new(run_config(train), &run, &self.0.base.digest)?;
        let mut trained = TrainModel::decoder(
            model.checkpoint.config(),
            &model.checkpoint,
            Task::LanguageModel,
            &Method::Lora(lora),
            &TrainOptions::new(train.micro_step_tokens),
            self.0.pool.clone(),
        )?;
        let outcome = trainer.run(
            &mut trained,
            &mut objective,
            None,
            None,
            &self.0.pool,
            context.progress(),
            context.cancel(),
        )?;
        let adapter = trained.adapter().ok_or("a model trained by pairs has an adapter")?;
        adapter.write(&context.dir().join(ADAPTER_DIR))?;
        let tokens: usize = outcome.metrics.iter().map(|step| step.tokens).sum();
        let supervised: usize = outcome.metrics.iter().map(|step| step.supervised_tokens).sum();
        Ok(super::summary(json!({
            "records": records.len(),
            "steps": outcome.metrics.len(),
            "tokens": tokens,
            "supervised_tokens": supervised,
            "trained_values": trained.values().len(),
            "first_loss": outcome.metrics.first().map(|step| step.loss),
            "last_loss": outcome.metrics.last().map(|step| step.loss),
        })))
    }
}

fn run_config(train: &TrainConfig) -> RunConfig {
    RunConfig {
        epochs: train.epochs,
        batch_size: train.batch_size,
        micro_step_tokens: train.micro_step_tokens,
        learning_rate: train.learning_rate,
        warmup_ratio: train.warmup_ratio,
        schedule: match train.schedule.as_str() {
            "constant" => Schedule::Constant,
            "linear" => Schedule::Linear,
            _ => Schedule::Cosine,
        },
        max_grad_norm: train.max_grad_norm,
        optimizer: OptimizerConfig::AdamW(AdamWConfig {
            weight_decay: train.weight_decay,
            ..AdamWConfig::default()
        }),
        checkpoint_steps: train.checkpoint_steps,
        seed: train.seed,
        ..RunConfig::default()
    }
}
