//! Stages `evaluate-*`: answers of a model on the held-out records, against the references.

use super::merge::MODEL_DIR;
use super::synth::HELDOUT_FILE;
use super::{Inputs, digest_setting, setting};
use crate::merged::gguf_file;
use crate::models::{BoxError, LanguageModel, Numerics};
use camino::Utf8PathBuf;
use catena_data::{Record, encode_record, read_records};
use catena_engine::{Completion, Request, SamplingParams};
use catena_eval::{Answered, evaluate_answers};
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use catena_protocol::QualityMetrics;
use serde::Serialize;
use std::sync::Arc;

/// The evaluated records with both answers, one a line.
pub(crate) const RECORDS_FILE: &str = "answers.jsonl";

/// Which model is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The model the project starts from.
    Base,
    /// The merged fine-tuned model.
    Tuned,
    /// The quantized fine-tuned model that is served.
    Quantized,
}

/// The stage of one subject.
pub(crate) struct Evaluate {
    pub(crate) inputs: Arc<Inputs>,
    pub(crate) subject: Subject,
}

/// One evaluated record.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    question: &'a str,
    reference: &'a str,
    answer: &'a str,
    answer_loss: f64,
    token_f1: f64,
    cites_correctly: bool,
}

impl Stage for Evaluate {
    fn name(&self) -> &'static str {
        match self.subject {
            Subject::Base => "evaluate-base",
            Subject::Tuned => "evaluate-tuned",
            Subject::Quantized => "evaluate-quantized",
        }
    }

    fn version(&self) -> u32 {
        1
    }

    fn inputs(&self) -> &'static [&'static str] {
        match self.subject {
            Subject::Base => &["synth"],
            Subject::Tuned => &["synth", "merge"],
            Subject::Quantized => &["synth", "quantize"],
        }
    }

    fn settings(&self) -> Settings {
        let config = &self.inputs.config;
        let mut settings = Settings::from([
            setting("eval.max_new_tokens", config.eval.max_new_tokens),
            setting("eval.records", config.eval.records),
            setting("train.max_tokens", config.train.max_tokens),
        ]);
        match self.subject {
            Subject::Base => {
                settings.extend([digest_setting("base model", &self.inputs.base.digest)]);
            }
            Subject::Tuned => {}
            Subject::Quantized => {
                let numerics = Numerics::of(&config.serve);
                settings.extend([
                    setting("quantize.serve", &config.quantize.serve),
                    setting("serve.kv_cache", numerics.kv_type.name()),
                    setting("serve.precise", numerics.precise),
                ]);
            }
        }
        settings
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        let config = &self.inputs.config;
        let mut records = read_records(&context.input("synth").join(HELDOUT_FILE))?;
        if config.eval.records > 0 {
            records.truncate(config.eval.records);
        }
        let model = LanguageModel::open(&self.model_path(context))?;
        let (losses, answers) = self.answer(context, &model, &records)?;
        let answered: Vec<Answered<'_>> = records
            .iter()
            .zip(&answers)
            .map(|(record, answer)| Answered {
                reference: &record.answer,
                answer,
                citation: record.citation,
            })
            .collect();
        let scores = evaluate_answers(&answered);
        let loss_sum: f64 = losses.iter().map(|(sum, _)| sum).sum();
        let tokens: usize = losses.iter().map(|(_, tokens)| tokens).sum();
        let metrics = QualityMetrics {
            answer_loss: loss_sum / tokens.max(1) as f64,
            token_f1: scores.token_f1,
            citation_accuracy: scores.citation_accuracy,
        };
        let mut lines = String::new();
        for (i, record) in records.iter().enumerate() {
            let line = Line {
                id: &record.id,
                question: &record.question,
                reference: &record.answer,
                answer: &answers[i],
                answer_loss: losses[i].0 / losses[i].1.max(1) as f64,
                token_f1: scores.samples[i].token_f1,
                cites_correctly: scores.samples[i].cites_correctly,
            };
            lines.push_str(&serde_json::to_string(&line)?);
            lines.push('\n');
        }
        std::fs::write(context.dir().join(RECORDS_FILE), lines)?;
        let mut summary = super::summary(serde_json::to_value(metrics)?);
        summary.insert("records".to_owned(), records.len().into());
        Ok(summary)
    }
}

impl Evaluate {
    fn model_path(&self, context: &StageContext<'_>) -> Utf8PathBuf {
        match self.subject {
            Subject::Base => self.inputs.base.path.clone(),
            Subject::Tuned => context.input("merge").join(MODEL_DIR),
            Subject::Quantized => {
                gguf_file(context.input("quantize"), &self.inputs.config.quantize.serve)
            }
        }
    }

    /// For each record the summed loss and number of the reference answer's tokens, and the
    /// greedy answer.
    #[expect(clippy::type_complexity, reason = "two lists over the same records")]
    fn answer(
        &self,
        context: &StageContext<'_>,
        model: &LanguageModel,
        records: &[Record],
    ) -> Result<(Vec<(f64, usize)>, Vec<String>), BoxError> {
        let config = &self.inputs.config;
        let mut scoring = Vec::with_capacity(records.len());
        let mut generating = Vec::with_capacity(records.len());
        for record in records {
            let encoded = encode_record(
                model.tokenizer(),
                model.template(),
                record,
                config.train.max_tokens,
            )?;
            let prompt_end = encoded.prompt_tokens.min(encoded.tokens.len());
            let (prompt, answer) = encoded.tokens.split_at(prompt_end);
            scoring.push(Request::score(prompt, answer));
            let params = SamplingParams::greedy(config.eval.max_new_tokens);
            generating.push(Request::new(prompt.to_vec(), params));
        }
        // What is served is evaluated as it is served.
        let numerics = match self.subject {
            Subject::Base | Subject::Tuned => Numerics::default(),
            Subject::Quantized => Numerics::of(&config.serve),
        };
        let mut engine = model.batch_engine(self.inputs.pool.clone(), numerics)?;
        let progress = context.progress();
        progress.begin("scoring answers", Some(scoring.len() as u64), "records");
        let scored = engine.run_all(scoring, progress, context.cancel())?;
        progress.begin("answering", Some(generating.len() as u64), "records");
        let done = engine.run_all(generating, progress, context.cancel())?;
        progress.end();
        let losses = scored.iter().map(loss_of).collect();
        Ok((losses, done.into_iter().map(|completion| completion.text).collect()))
    }
}

fn loss_of(scored: &Completion) -> (f64, usize) {
    let sum = scored.prompt_logprobs.iter().map(|&logprob| -f64::from(logprob)).sum();
    (sum, scored.prompt_logprobs.len())
}
