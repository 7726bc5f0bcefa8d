//! What a model does.

use super::adapter::LoadedAdapter;
use super::source::AdapterReader;
use crate::assistant::Assistant;
use catena_engine::{AdapterId, EngineHandle, PromptCodec};
use catena_knowledge::{Classifier, Embedder};
use std::sync::Arc;

/// A model that continues prompts.
#[derive(Clone)]
pub struct LanguageModel {
    /// The engine that runs it.
    pub engine: EngineHandle,
    /// Its tokenizer and chat template.
    pub codec: Arc<dyn PromptCodec>,
    /// Temperature of requests that give none.
    pub default_temperature: f32,
    /// Most tokens of requests that give no limit; less where the context ends earlier.
    pub default_max_tokens: usize,
    /// Reads adapters for it, if it can take any.
    pub adapters: Option<Arc<dyn AdapterReader>>,
    /// The adapter that its requests run with.
    pub adapter: Option<Arc<LoadedAdapter>>,
}

impl LanguageModel {
    /// A model without adapters.
    pub fn new(engine: EngineHandle, codec: Arc<dyn PromptCodec>) -> Self {
        Self {
            engine,
            codec,
            default_temperature: 0.0,
            default_max_tokens: usize::MAX,
            adapters: None,
            adapter: None,
        }
    }

    /// The adapter of its requests.
    pub(crate) fn adapter_id(&self) -> Option<AdapterId> {
        self.adapter.as_ref().map(|adapter| adapter.id())
    }
}

/// One name under `/v1/models`.
#[derive(Clone)]
pub enum ServedModel {
    /// A bare model.
    Language(LanguageModel),
    /// A model that answers from documents.
    Assistant(Assistant),
    /// A model that turns texts into vectors.
    Embedder(Arc<dyn Embedder>),
    /// A model that scores texts and pairs of texts.
    Classifier(Arc<dyn Classifier>),
}

impl ServedModel {
    /// Tokens that it reads: of prompt and answer together, or of a text.
    pub(crate) fn max_tokens(&self) -> usize {
        match self {
            Self::Language(_) | Self::Assistant(_) => {
                self.engine().map_or(0, |engine| engine.intake().context_tokens())
            }
            Self::Embedder(embedder) => embedder.max_tokens(),
            Self::Classifier(classifier) => classifier.max_tokens(),
        }
    }

    /// The engine that runs it, if it is a language model.
    pub(crate) fn engine(&self) -> Option<&EngineHandle> {
        match self {
            Self::Language(model) => Some(&model.engine),
            Self::Assistant(assistant) => Some(&assistant.model.engine),
            Self::Embedder(_) | Self::Classifier(_) => None,
        }
    }

    /// Whether its engine can run nothing any more.
    pub(crate) fn has_stopped(&self) -> bool {
        self.engine().is_some_and(|engine| !engine.stats().alive)
    }

    /// Whether somebody else holds it too: a request that runs.
    pub(super) fn is_in_use(&self) -> bool {
        match self {
            Self::Language(LanguageModel { adapter: Some(adapter), .. }) => {
                Arc::strong_count(adapter) > 1
            }
            Self::Language(model) => model.engine.is_shared(),
            Self::Assistant(assistant) => assistant.model.engine.is_shared(),
            Self::Embedder(embedder) => Arc::strong_count(embedder) > 1,
            Self::Classifier(classifier) => Arc::strong_count(classifier) > 1,
        }
    }

    /// The bare language model.
    pub(crate) fn language(&self) -> Option<LanguageModel> {
        match self {
            Self::Language(model) => Some(model.clone()),
            Self::Assistant(_) | Self::Embedder(_) | Self::Classifier(_) => None,
        }
    }

    /// The embedding model.
    pub(crate) fn embedder(&self) -> Option<Arc<dyn Embedder>> {
        match self {
            Self::Embedder(model) => Some(model.clone()),
            Self::Assistant(_) | Self::Language(_) | Self::Classifier(_) => None,
        }
    }

    /// The classifier with several labels.
    pub(crate) fn classifier(&self) -> Option<Arc<dyn Classifier>> {
        match self {
            Self::Classifier(model) if model.labels().len() > 1 => Some(model.clone()),
            Self::Assistant(_) | Self::Language(_) | Self::Embedder(_) | Self::Classifier(_) => {
                None
            }
        }
    }

    /// The cross-encoder: a classifier with one label.
    pub(crate) fn cross_encoder(&self) -> Option<Arc<dyn Classifier>> {
        match self {
            Self::Classifier(model) if model.labels().len() == 1 => Some(model.clone()),
            Self::Assistant(_) | Self::Language(_) | Self::Embedder(_) | Self::Classifier(_) => {
                None
            }
        }
    }
}
