//! What stands on the trunk, by the task that the model is trained for.

use super::TrainingError;
use super::embedding::Embedding;
use super::head::{HeadPlan, LmHead};
use super::load::Loader;
use super::options::TrainOptions;
use super::params::ParamKind;
use super::spec::Spec;
use super::task::Task;
use super::task_head::{HeadParts, HeadPooling, TaskHead};
use crate::ModelError;
use crate::encoder::{EncoderTask, EncoderWeights};

/// What stands on the trunk.
pub(super) enum Head {
    LanguageModel(Box<LmHead>),
    Task(Box<TaskHead>),
}

impl Head {
    pub(super) fn language_model(&self) -> &LmHead {
        match self {
            Self::LanguageModel(head) => head,
            Self::Task(_) => panic!("losses of tokens were asked of a model with another head"),
        }
    }

    /// The plan of a language model's, to be made to fit.
    pub(super) fn plan_mut(&mut self) -> Option<&mut HeadPlan> {
        match self {
            Self::LanguageModel(head) => Some(&mut head.plan),
            Self::Task(_) => None,
        }
    }

    pub(super) fn task(&mut self) -> &mut TaskHead {
        match self {
            Self::Task(head) => head,
            Self::LanguageModel(_) => panic!("outputs of a task were asked of a language model"),
        }
    }
}

/// The head of a decoder for a task; what it takes is asked of the loader.
pub(super) fn decoder_head(
    loader: &mut Loader<'_>,
    spec: &Spec,
    embedding: &Embedding,
    task: Task,
    options: &TrainOptions,
) -> Result<Head, ModelError> {
    let c = spec.hidden_size;
    let norm = loader.norm(spec.final_norm.as_ref(), c, spec.norm)?;
    let (pooling, labels, bias) = match task {
        Task::LanguageModel => {
            let weight = match &spec.head.weight {
                None => None,
                Some(name) => Some(loader.matrix(name, spec.vocab_size, c, ParamKind::Head)?),
            };
            let head = LmHead::new(spec, options.dtype, (norm, weight), embedding);
            return Ok(Head::LanguageModel(Box::new(head)));
        }
        Task::Sequence { labels } => (HeadPooling::Last, Some(labels), false),
        Task::Token { labels } => (HeadPooling::EachToken, Some(labels), true),
        Task::Vector { pooling } => (pooling, None, false),
    };
    let out = match labels {
        None => None,
        Some(labels) => Some(loader.new_linear("score", labels, c, bias)?),
    };
    Ok(task_head(loader, pooling, (norm, None, None, out), (options, c)))
}

/// The head of an encoder for a task.
pub(super) fn encoder_head(
    loader: &mut Loader<'_>,
    spec: &Spec,
    weights: &EncoderWeights,
    task: Task,
    options: &TrainOptions,
) -> Result<Head, ModelError> {
    let c = spec.hidden_size;
    let (config, model_type) = (weights.config(), &weights.config().model_type);
    let trunk_norm = loader.norm(spec.final_norm.as_ref(), c, spec.norm)?;
    let (pooling, kind, labels) = match task {
        Task::LanguageModel => {
            let (model_type, task) = (model_type.clone(), "prediction of tokens");
            return Err(TrainingError::NoHead { model_type, task }.into());
        }
        Task::Vector { pooling } => {
            let parts = (trunk_norm, None, None, None);
            return Ok(task_head(loader, pooling, parts, (options, c)));
        }
        Task::Sequence { labels } => {
            let mean = config.head.mean_pooling;
            let pooling = if mean { HeadPooling::Mean } else { HeadPooling::First };
            (pooling, EncoderTask::SequenceClassification, labels)
        }
        Task::Token { labels } => {
            (HeadPooling::EachToken, EncoderTask::TokenClassification, labels)
        }
    };
    let Some(names) = weights.head(kind) else {
        let (model_type, task) = (model_type.clone(), "labels");
        return Err(TrainingError::NoHead { model_type, task }.into());
    };
    let dense = match names.dense {
        None => None,
        Some(name) => Some((loader.new_linear(name, c, c, config.biases.head)?, config.head.act)),
    };
    let norm = loader.new_norm(names.norm.filter(|_| dense.is_some()), c, spec.norm)?;
    let out = Some(loader.new_linear(names.out, labels, c, true)?);
    Ok(task_head(loader, pooling, (trunk_norm, dense, norm, out), (options, c)))
}

/// A head of these parts with its memory.
fn task_head(
    loader: &mut Loader<'_>,
    pooling: HeadPooling,
    parts: HeadParts,
    (options, c): (&TrainOptions, usize),
) -> Head {
    let max_tokens = options.max_tokens.max(1);
    let buffers = &mut loader.buffers;
    let head = TaskHead::new(pooling, parts, options.dtype, (max_tokens, c), buffers);
    Head::Task(Box::new(head))
}
