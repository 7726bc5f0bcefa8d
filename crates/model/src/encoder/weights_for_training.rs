//! An encoder's files as training takes them.

use super::families::{HeadNames, Names};
use super::tensors::Loader;
use super::{EncoderConfig, EncoderTask};
use crate::linear::LoadOptions;
use crate::training::WeightSource;
use crate::{ModelError, Weight};
use camino::Utf8Path;
use catena_kernels::Pool;
use std::sync::Arc;

/// An encoder's configuration and tensors, not yet packed.
pub struct EncoderWeights(Loader);

impl EncoderWeights {
    /// Opens a folder with `config.json` and `model.safetensors` or its shards.
    ///
    /// # Errors
    /// As [`super::Encoder::load`]; a GGUF file, whose names are not those that training saves.
    pub fn open(path: &Utf8Path, pool: Arc<Pool>) -> Result<Self, ModelError> {
        let loader = Loader::open(path, pool, LoadOptions::default())?;
        if loader.gguf().is_some() {
            return Err(ModelError::NotAModel { path: path.to_owned() });
        }
        Ok(Self(loader))
    }

    /// The architecture.
    pub fn config(&self) -> &EncoderConfig {
        &self.0.config
    }

    /// The folder.
    pub fn path(&self) -> &Utf8Path {
        self.0.path()
    }

    /// All tensors of the files, with their shapes.
    ///
    /// # Errors
    /// As [`super::Encoder::load`].
    pub fn tensors(&self) -> Result<Vec<(String, Vec<usize>)>, ModelError> {
        self.0.tensors()
    }

    /// The name under which a trained tensor is saved with the head of a task: that of a whole
    /// model, also where the files hold a trunk alone.
    pub fn saved_name(&self, name: &str, task: EncoderTask) -> String {
        let of_head = self.head(task).is_some_and(|head| {
            let parts = [head.dense, head.norm, Some(head.out)];
            parts.into_iter().flatten().any(|part| name.starts_with(part))
        });
        let bare = self.trunk("").is_empty() && task != EncoderTask::Hidden;
        if bare && !of_head { format!("{}{name}", self.names().trunk) } else { name.to_owned() }
    }

    pub(crate) fn names(&self) -> &'static Names {
        self.0.names
    }

    /// The name of a tensor of the trunk.
    pub(crate) fn trunk(&self, name: &str) -> String {
        self.0.trunk(name)
    }

    /// Whether there is a weight of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    /// What a task's head is called, if the family has one.
    pub(crate) fn head(&self, task: EncoderTask) -> Option<HeadNames> {
        match task {
            EncoderTask::Hidden => None,
            EncoderTask::SequenceClassification => self.names().sequence_head,
            EncoderTask::TokenClassification => self.names().token_head,
        }
    }

    /// The name in the file of a tensor of a model with a head: a trunk alone lacks the first part.
    fn in_file<'n>(&self, name: &'n str) -> &'n str {
        if self.trunk("").is_empty() {
            name.strip_prefix(self.names().trunk).unwrap_or(name)
        } else {
            name
        }
    }
}

impl WeightSource for EncoderWeights {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        self.0.whole(self.in_file(name), shape)
    }

    fn release(&self, name: &str) {
        self.0.release(self.in_file(name));
    }
}
