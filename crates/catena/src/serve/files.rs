//! Models on disk, brought into memory when the server wants them.

use super::facts::{Facts, weight_files};
use crate::classifier::LocalClassifier;
use crate::models::{BoxError, LanguageModel, LocalEmbedder, Numerics, draft_failure};
use crate::progress::say;
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::{Adapter, EngineHandle, EngineOptions, KvBudget};
use catena_kernels::Pool;
use catena_model::adapter::open_adapter;
use catena_model::decoder::Decoder;
use catena_serve::{AdapterReader, LoadedModel, ModelFiles, ModelSource, ServedModel};
use std::sync::Arc;

/// Packed weights take up to a tenth more than their file.
const PACKED_PERCENT: u64 = 110;

/// How models are run.
#[derive(Clone)]
pub(super) struct Running {
    pub(super) pool: Arc<Pool>,
    pub(super) numerics: Numerics,
    pub(super) max_sequences: usize,
    pub(super) max_waiting: usize,
    /// What each model's cache may take.
    pub(super) budget: KvBudget,
    pub(super) defaults: Defaults,
}

/// What language models do where a request says nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults {
    pub(super) temperature: f32,
    /// Most tokens of an answer.
    pub(super) max_tokens: usize,
}

impl Defaults {
    /// Those of OpenAI's API.
    pub(super) const OPENAI: Self = Self { temperature: 1.0, max_tokens: usize::MAX };

    /// Those of a project, whose answers are short and the same each time.
    pub(super) fn of_project(max_tokens: usize) -> Self {
        Self { temperature: 0.0, max_tokens }
    }
}

/// A language model's files.
pub(super) struct LanguageFiles {
    pub(super) path: Utf8PathBuf,
    /// A smaller model that writes ahead for it.
    pub(super) draft: Option<Utf8PathBuf>,
    pub(super) running: Running,
    pub(super) facts: Facts,
}

impl LanguageFiles {
    fn open(&self) -> Result<LoadedModel, BoxError> {
        let Running { pool, numerics, max_sequences, max_waiting, budget, defaults } =
            &self.running;
        let model = LanguageModel::open_base(&self.path)?;
        let options = EngineOptions::default();
        let (mut engine, decoder, choice) =
            model.engine_and_decoder(pool.clone(), *numerics, *max_sequences, *budget, options)?;
        if let Some(path) = &self.draft {
            let write_ahead = || {
                let draft = LanguageModel::open_draft(path, &model)?;
                draft.write_ahead_for(engine, pool.clone(), *numerics, *budget)
            };
            engine = write_ahead().map_err(|error| draft_failure(path, error))?;
        }
        let bytes = decoder.bytes() as u64 + choice.bytes;
        let engine = EngineHandle::spawn(engine, *max_waiting)?;
        let model = catena_serve::LanguageModel {
            default_temperature: defaults.temperature,
            default_max_tokens: defaults.max_tokens,
            adapters: Some(Arc::new(Packer(decoder))),
            ..catena_serve::LanguageModel::new(engine, model.codec)
        };
        let model = ServedModel::Language(model);
        say(&format!("  {}: {}", self.path.file_name().unwrap_or_default(), choice.reason));
        Ok(LoadedModel { model, bytes })
    }
}

impl ModelSource for LanguageFiles {
    fn bytes(&self) -> u64 {
        let cache = match self.running.budget {
            KvBudget::Bytes(bytes) => bytes,
            KvBudget::Available(bytes) => bytes / 4,
            KvBudget::Sequences { .. } => 0,
        };
        packed_bytes(&self.path) + cache
    }

    fn files(&self) -> Option<ModelFiles> {
        self.facts.of(&self.path)
    }

    fn load(&self) -> Result<LoadedModel, BoxError> {
        self.open()
    }
}

/// An encoder's files, and what is served of them.
pub(super) struct EncoderFiles {
    pub(super) path: Utf8PathBuf,
    pub(super) pool: Arc<Pool>,
    pub(super) facts: Facts,
    pub(super) open: fn(&Utf8Path, Arc<Pool>) -> Result<ServedModel, BoxError>,
}

impl ModelSource for EncoderFiles {
    fn bytes(&self) -> u64 {
        packed_bytes(&self.path)
    }

    fn files(&self) -> Option<ModelFiles> {
        self.facts.of(&self.path)
    }

    fn load(&self) -> Result<LoadedModel, BoxError> {
        let model = (self.open)(&self.path, self.pool.clone())?;
        Ok(LoadedModel { model, bytes: self.bytes() })
    }
}

/// An embedding model.
pub(super) fn embedder(path: &Utf8Path, pool: Arc<Pool>) -> Result<ServedModel, BoxError> {
    let embedder = LocalEmbedder::open(path, path.to_string(), pool)?;
    Ok(ServedModel::Embedder(Arc::new(embedder)))
}

/// A classifier.
pub(super) fn classifier(path: &Utf8Path, pool: Arc<Pool>) -> Result<ServedModel, BoxError> {
    let classifier = LocalClassifier::classifier(path, pool)?;
    Ok(ServedModel::Classifier(Arc::new(classifier)))
}

/// Bytes of a model's weights in memory, from its file or the files of its folder. What cannot be
/// read is 0: loading it says why.
fn packed_bytes(path: &Utf8Path) -> u64 {
    let files = weight_files(path).unwrap_or_default();
    let bytes: u64 = files.iter().map(|file| file.metadata().map_or(0, |file| file.len())).sum();
    bytes / 100 * PACKED_PERCENT
}

/// Packs adapters for one model's weights.
pub(super) struct Packer(pub(super) Arc<Decoder>);

impl AdapterReader for Packer {
    fn read(&self, path: &str) -> Result<Arc<Adapter>, BoxError> {
        let adapter = open_adapter(Utf8Path::new(path), self.0.config())?;
        Ok(Arc::new(self.0.pack_adapter(&adapter)?))
    }
}
