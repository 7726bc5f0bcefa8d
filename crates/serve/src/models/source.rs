//! What a server is told about models that it may load.

use super::served::ServedModel;
use catena_engine::Adapter;
use std::error::Error;
use std::sync::Arc;

/// Why a model cannot be had.
pub type LoadError = Box<dyn Error + Send + Sync>;

/// A model that is in memory now.
pub struct LoadedModel {
    /// What it does.
    pub model: ServedModel,
    /// Bytes that it occupies: weights and cache.
    pub bytes: u64,
}

/// A model that can be brought into memory, as often as needed. Called off the async threads.
pub trait ModelSource: Send + Sync {
    /// Bytes that it will occupy, as far as can be said before.
    fn bytes(&self) -> u64;

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
/// folders find nothing: what clients may ask for is what stands there, and not any file. Neither a
/// list nor a search may read a file: what is in it is for [`ModelSource`].
pub trait Library: Send + Sync {
    /// Names of the models in it, sorted.
    fn names(&self) -> Vec<String>;

    /// The model called `name`.
    fn model(&self, name: &str) -> Option<Arc<dyn ModelSource>>;

    /// The folder or file of the adapter that `path` names.
    fn adapter(&self, path: &str) -> Option<String>;
}
