//! What a run of `catena up` reports: printed with `--json`, stored, and drawn by the studio.

use crate::document::Citation;
use serde::{Deserialize, Serialize};

/// How a stage of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// It ran in this invocation.
    Ran,
    /// Its result was up to date and was taken from the cache.
    Cached,
}

/// One stage of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageReport {
    /// Its name in `catena.toml` and `catena plan`.
    pub name: String,
    /// Whether it ran or was cached.
    pub status: StageStatus,
    /// Wall seconds of the run that produced the result (also when cached).
    pub seconds: f64,
    /// Peak resident bytes of the process during that run.
    pub peak_bytes: u64,
    /// What the stage says about its result: counts and figures under stable names.
    pub summary: serde_json::Map<String, serde_json::Value>,
}

/// Quality of answers on the held-out documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QualityMetrics {
    /// Mean cross-entropy in nats over the reference answers' tokens.
    pub answer_loss: f64,
    /// Mean bag-of-tokens F1 of the generated answer against the reference, marks removed.
    pub token_f1: f64,
    /// Share of generated answers whose first citation mark names the right passage.
    pub citation_accuracy: f64,
}

/// Retrieval quality of one method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetrievalMetrics {
    /// Mean share of a scenario's required documents among the first 5.
    pub recall_at_5: f64,
    /// The same among the first 10.
    pub recall_at_10: f64,
    /// The same among the first 20.
    pub recall_at_20: f64,
    /// Mean reciprocal rank of the first required document.
    pub mrr: f64,
}

/// Retrieval quality of every method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RetrievalReport {
    /// BM25 over the chunks.
    pub keyword: RetrievalMetrics,
    /// Cosine over the chunk embeddings.
    pub dense: RetrievalMetrics,
    /// Both fused by reciprocal rank.
    pub hybrid: RetrievalMetrics,
}

/// One point of the training curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossPoint {
    /// Optimizer step, from 1.
    pub step: u64,
    /// Mean loss over the step's supervised tokens, in nats.
    pub loss: f64,
    /// Learning rate of the step.
    pub learning_rate: f64,
    /// Gradient norm before clipping.
    pub grad_norm: f64,
}

/// A training run as its files tell it, finished or going on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRun {
    /// Its folder, below the project's.
    pub name: String,
    /// Seconds since something was last written.
    pub idle_seconds: f64,
    /// Steps of the whole run, once one is done.
    pub total_steps: Option<u64>,
    /// Figures of its steps; of long runs every so many.
    pub points: Vec<LossPoint>,
    /// Loss on held-out samples, after so many steps.
    pub evaluations: Vec<EvaluationPoint>,
    /// How fast its steps were.
    pub speeds: Vec<SpeedPoint>,
}

/// One evaluation of a training run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationPoint {
    /// Steps done.
    pub step: u64,
    /// Mean loss, in nats.
    pub loss: f64,
}

/// How fast a step was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpeedPoint {
    /// Optimizer step, from 1.
    pub step: u64,
    /// Tokens that were run in a second of it.
    pub tokens_per_second: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// One question answered at the end of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerReport {
    /// The question.
    pub question: String,
    /// The answer with its marks.
    pub text: String,
    /// What the marks point at.
    pub citations: Vec<Citation>,
}

/// The whole run. `catena up --once --json` prints it; the studio's report page draws it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// The project's name.
    pub project: String,
    /// Stages in the order they run.
    pub stages: Vec<StageReport>,
    /// Quality of the base model.
    pub before: QualityMetrics,
    /// Quality of the fine-tuned model.
    pub after: QualityMetrics,
    /// Quality of the quantized fine-tuned model.
    pub quantized: QualityMetrics,
    /// Retrieval quality.
    pub retrieval: RetrievalReport,
    /// The training curve.
    pub loss_curve: Vec<LossPoint>,
    /// The data stage's profile as it stands in its JSON file.
    pub data_profile: serde_json::Value,
    /// The question asked with `--once`, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<AnswerReport>,
    /// Path of the report file.
    pub report: String,
}
