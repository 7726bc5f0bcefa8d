//! What the stages read from outside the project's state: configuration, models, documents.

use super::sources::DataPlan;
use crate::classifier::LocalClassifier;
use crate::models::{BoxError, LocalEmbedder};
use camino::Utf8PathBuf;
use catena_kernels::Pool;
use catena_pipeline::config::ProjectConfig;
use std::sync::{Arc, Mutex, PoisonError};

/// A model's place and identity.
#[derive(Clone, Debug)]
pub(crate) struct ModelInput {
    /// The file or folder.
    pub(crate) path: Utf8PathBuf,
    /// SHA-256 over its bytes.
    pub(crate) digest: String,
}

/// Models that no stage uses, only the server.
#[derive(Default)]
pub(crate) struct ServedInputs {
    /// The model that writes ahead for the assistant's, if it comes from outside.
    pub(crate) draft: Option<Utf8PathBuf>,
    /// The cross-encoder that ranks passages.
    pub(crate) reranker: Option<Arc<LocalClassifier>>,
    /// The classifier of texts.
    pub(crate) classifier: Option<Arc<LocalClassifier>>,
}

/// Everything the stages share.
pub(crate) struct Inputs {
    /// `catena.toml`.
    pub(crate) config: ProjectConfig,
    /// The language model to start from.
    pub(crate) base: ModelInput,
    /// The embedding model.
    pub(crate) embedder: ModelInput,
    /// The documents, source by source.
    pub(crate) documents: Vec<ModelInput>,
    /// How they are cleaned.
    pub(crate) plan: DataPlan,
    /// The scenarios, if retrieval is measured.
    pub(crate) scenarios: Option<ModelInput>,
    /// What is only served.
    pub(crate) served: ServedInputs,
    /// Threads of the numeric work.
    pub(crate) pool: Arc<Pool>,
    opened: Mutex<Option<Arc<LocalEmbedder>>>,
}

impl Inputs {
    /// Inputs with nothing opened yet.
    pub(crate) fn new(
        base: ModelInput,
        embedder: ModelInput,
        (documents, plan): (Vec<ModelInput>, DataPlan),
        scenarios: Option<ModelInput>,
        served: ServedInputs,
        pool: Arc<Pool>,
        config: ProjectConfig,
    ) -> Self {
        let opened = Mutex::new(None);
        Self { config, base, embedder, documents, plan, scenarios, served, pool, opened }
    }

    /// The embedder, opened on first use and then shared.
    pub(crate) fn embedder(&self) -> Result<Arc<LocalEmbedder>, BoxError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(embedder) = opened.as_ref() {
            return Ok(embedder.clone());
        }
        let identity = format!("{}@{}", self.config.model.embedder, self.embedder.digest);
        let embedder =
            Arc::new(LocalEmbedder::open(&self.embedder.path, identity, self.pool.clone())?);
        *opened = Some(embedder.clone());
        Ok(embedder)
    }
}
