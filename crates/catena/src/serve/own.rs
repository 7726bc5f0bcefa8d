//! A project's language model, bare and as its assistant: one engine, also after a panic in it.

use super::facts::Facts;
use super::files::{Packer, Running};
use crate::models::{BoxError, LanguageModel};
use crate::progress::say;
use camino::Utf8PathBuf;
use catena_engine::{EngineHandle, EngineOptions, KvBudget};
use catena_serve::{Assistant, LoadedModel, ModelFiles, ModelSource, Retriever, ServedModel};
use std::sync::{Arc, Mutex, PoisonError};

/// The model that a project's stages made.
pub(super) struct OwnModel {
    path: Utf8PathBuf,
    /// A smaller model that writes ahead for it.
    draft: Option<Utf8PathBuf>,
    draft_budget: KvBudget,
    running: Running,
    /// What was loaded last.
    last: Mutex<Option<catena_serve::LanguageModel>>,
    facts: Facts,
}

impl OwnModel {
    pub(super) fn new(
        path: Utf8PathBuf,
        draft: Option<Utf8PathBuf>,
        draft_budget: KvBudget,
        running: Running,
    ) -> Self {
        let (last, facts) = (Mutex::default(), Facts::default());
        Self { path, draft, draft_budget, running, last, facts }
    }

    /// The model, loaded if it is not, or if its engine has stopped.
    ///
    /// # Errors
    /// What is wrong with its files.
    pub(super) fn language(&self) -> Result<catena_serve::LanguageModel, BoxError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = last.as_ref().filter(|model| model.engine.stats().alive) {
            return Ok(model.clone());
        }
        // Freed first: both at once may be more than there is.
        *last = None;
        Ok(last.insert(self.open()?).clone())
    }

    fn open(&self) -> Result<catena_serve::LanguageModel, BoxError> {
        let Running { pool, numerics, max_sequences, max_waiting, budget, defaults } =
            &self.running;
        let model = LanguageModel::open(&self.path)?;
        let options = EngineOptions::default();
        let (mut engine, decoder, choice) =
            model.engine_and_decoder(pool.clone(), *numerics, *max_sequences, *budget, options)?;
        say(&format!("  {}", choice.reason));
        if let Some(draft) = &self.draft {
            let draft = LanguageModel::open_draft(draft, &model)?;
            engine = draft.write_ahead_for(engine, pool.clone(), *numerics, self.draft_budget)?;
        }
        let engine = EngineHandle::spawn(engine, *max_waiting)?;
        Ok(catena_serve::LanguageModel {
            default_temperature: defaults.temperature,
            default_max_tokens: defaults.max_tokens,
            adapters: Some(Arc::new(Packer(decoder))),
            ..catena_serve::LanguageModel::new(engine, model.codec)
        })
    }
}

impl ModelSource for OwnModel {
    /// Nothing of the memory for models that come and go.
    fn bytes(&self) -> u64 {
        0
    }

    fn files(&self) -> Option<ModelFiles> {
        self.facts.of(&self.path)
    }

    fn load(&self) -> Result<LoadedModel, BoxError> {
        Ok(LoadedModel { model: ServedModel::Language(self.language()?), bytes: 0 })
    }
}

/// The same model with retrieval before it.
pub(super) struct OwnAssistant {
    pub(super) model: Arc<OwnModel>,
    pub(super) retriever: Arc<dyn Retriever>,
    pub(super) num_passages: usize,
}

impl ModelSource for OwnAssistant {
    fn bytes(&self) -> u64 {
        0
    }

    fn files(&self) -> Option<ModelFiles> {
        self.model.files()
    }

    fn load(&self) -> Result<LoadedModel, BoxError> {
        let (model, retriever) = (self.model.language()?, self.retriever.clone());
        let assistant = Assistant { model, retriever, num_passages: self.num_passages };
        Ok(LoadedModel { model: ServedModel::Assistant(assistant), bytes: 0 })
    }
}
