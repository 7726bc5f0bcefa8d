//! What the stages read from outside the project's state: configuration, models, documents.

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

/// Everything the stages share.
pub(crate) struct Inputs {
    /// `catena.toml`.
    pub(crate) config: ProjectConfig,
    /// The language model to start from.
    pub(crate) base: ModelInput,
    /// The embedding model.
    pub(crate) embedder: ModelInput,
    /// The documents.
    pub(crate) documents: ModelInput,
    /// The scenarios, if retrieval is measured.
    pub(crate) scenarios: Option<ModelInput>,
    /// The model that writes ahead when the assistant is served, if it comes from outside.
    pub(crate) draft: Option<Utf8PathBuf>,
    /// Threads of the numeric work.
    pub(crate) pool: Arc<Pool>,
    opened: Mutex<Option<Arc<LocalEmbedder>>>,
}

impl Inputs {
    /// Inputs with nothing opened yet.
    pub(crate) fn new(
        base: ModelInput,
        embedder: ModelInput,
        documents: ModelInput,
        scenarios: Option<ModelInput>,
        draft: Option<Utf8PathBuf>,
        pool: Arc<Pool>,
        config: ProjectConfig,
    ) -> Self {
        let opened = Mutex::new(None);
        Self { config, base, embedder, documents, scenarios, draft, pool, opened }
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
