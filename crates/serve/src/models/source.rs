//! What a server is told about models that it may load.

use super::served::ServedModel;
use catena_engine::Adapter;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Why a model cannot be had.
pub type LoadError = Box<dyn Error + Send + Sync>;

/// A model that is in memory now.
pub struct LoadedModel {
    /// What it does.
    pub model: ServedModel,
    /// Bytes that it occupies: weights and cache.
    pub bytes: u64,
}

/// What the files of a model say of it. What they do not say is empty, or 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelFiles {
    /// Their bytes on disk.
    pub bytes: u64,
    /// 64 hexadecimal digits, the same for as long as the files hold the same.
    pub digest: String,
    /// When they were changed last, since 1970.
    pub modified: Duration,
    /// Their form: `gguf` or `safetensors`.
    pub format: String,
    /// The architecture, by the files' own name for it.
    pub family: String,
    /// Numbers that were learned.
    pub parameters: u64,
    /// How most of them are stored, such as `Q4_K_M`.
    pub quantization: String,
    /// Width of a token's vector.
    pub embedding_length: u64,
}

/// A model that can be brought into memory, as often as needed. Called off the async threads.
pub trait ModelSource: Send + Sync {
    /// Bytes that it will occupy, as far as can be said before.
    fn bytes(&self) -> u64;

    /// What its files say of it; nothing if it has none, or if they cannot be read. Lists ask this of
    /// every model, so that it should read little, and nothing twice.
    fn files(&self) -> Option<ModelFiles> {
        None
    }

    /// Loads it.
    ///
    /// # Errors
    /// Whatever is wrong with its files.
    fn load(&self) -> Result<LoadedModel, LoadError>;
}

/// Reads adapters and packs them for one model. Called off the async threads.
pub trait AdapterReader: Send + Sync {
    /// Reads the adapter at `path`: a folder in PEFT's form or a GGUF file.
    ///
    /// # Errors
    /// Whatever is wrong with its files, or that it is for another model.
    fn read(&self, path: &str) -> Result<Arc<Adapter>, LoadError>;
}

/// Where models and adapters come from that were not named at the start. Names that lead out of its
/// folders find nothing: what clients may ask for is what stands there, and not any file. Neither
/// [`Library::names`] nor a search may read a file: what is in it is for [`ModelSource`].
pub trait Library: Send + Sync {
    /// Names of the models in it, sorted.
    fn names(&self) -> Vec<String>;

    /// The model called `name`.
    fn model(&self, name: &str) -> Option<Arc<dyn ModelSource>>;

    /// The folder or file of the adapter that `path` names.
    fn adapter(&self, path: &str) -> Option<String>;
}
