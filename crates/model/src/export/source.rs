//! What is written: a checkpoint with an adapter merged in or tensors replaced.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::adapter::{Merge, PeftAdapter};
use crate::checkpoint::{Checkpoint, Weight};
use crate::config::ModelConfig;
use crate::error::ModelError;

/// A checkpoint and what is changed in it on the way out.
#[derive(Debug)]
pub struct ExportSource<'a> {
    checkpoint: &'a Checkpoint,
    adapter: Option<Merge<'a>>,
    replaced: Option<&'a BTreeMap<String, Vec<f32>>>,
}

impl<'a> ExportSource<'a> {
    /// The checkpoint as it is.
    pub fn new(checkpoint: &'a Checkpoint) -> Self {
        Self { checkpoint, adapter: None, replaced: None }
    }

    /// Merges `adapter` into the weights.
    ///
    /// # Errors
    /// A prefix, which is in no weight ([`ModelError::PrefixNotMerged`]); an adapter that was made for
    /// another model.
    pub fn with_adapter(mut self, adapter: &'a PeftAdapter) -> Result<Self, ModelError> {
        self.adapter = Some(Merge::new(self.checkpoint, adapter)?);
        Ok(self)
    }

    /// Takes the values of some tensors, by Hugging Face's names, from `tensors` (before an
    /// adapter is merged).
    ///
    /// # Errors
    /// If a name or a size is not the checkpoint's.
    pub fn with_tensors(
        mut self,
        tensors: &'a BTreeMap<String, Vec<f32>>,
    ) -> Result<Self, ModelError> {
        for (name, values) in tensors {
            let shape = self.checkpoint.shape(name)?;
            if shape.iter().product::<usize>() != values.len() {
                let (name, expected) = (name.clone(), shape.to_vec());
                let found = vec![values.len()];
                return Err(ModelError::ShapeMismatch { name, found, expected });
            }
        }
        self.replaced = Some(tensors);
        Ok(self)
    }

    /// The checkpoint below.
    pub fn checkpoint(&self) -> &'a Checkpoint {
        self.checkpoint
    }

    /// A tensor's values after all changes.
    ///
    /// # Errors
    /// As [`Checkpoint::weight`].
    pub fn values(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let replaced = self.replaced.and_then(|tensors| tensors.get(name));
        let mut values = match replaced {
            Some(values) => values.clone(),
            None => self.checkpoint.dequantize(name)?,
        };
        if let Some(adapter) = &self.adapter {
            adapter.apply(name, &mut values);
        }
        Ok(values)
    }

    /// A tensor in its stored form, if nothing changes it.
    pub(super) fn unchanged(&self, name: &str) -> Result<Option<Weight<'a>>, ModelError> {
        let replaced = self.replaced.is_some_and(|tensors| tensors.contains_key(name));
        let adapted = self.adapter.as_ref().is_some_and(|adapter| adapter.changes(name));
        if replaced || adapted { Ok(None) } else { self.checkpoint.weight(name).map(Some) }
    }
}

/// The refusal to describe a model in a kind of file that it was not read from.
pub(super) fn not_written(config: &ModelConfig, what: &'static str, path: &Utf8Path) -> ModelError {
    ModelError::NotConverted { model_type: config.model_type, what, file: path.to_owned() }
}
