//! The pairs, and adding them to a base weight.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::config::LoraAdapterConfig;
use super::peft::{PeftAdapter, write_folder};
use crate::checkpoint::Checkpoint;
use crate::error::ModelError;
use crate::tensors::nearest_name;

const PREFIX: &str = "base_model.model.";
const LORA_A: &str = ".lora_A.weight";
const LORA_B: &str = ".lora_B.weight";
const MAGNITUDE: &str = ".lora_magnitude_vector";

/// One tensor of an adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct AdapterTensor {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub data: Vec<f32>,
}

/// A LoRA adapter: its configuration and its tensors by PEFT's keys, such as
/// `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraAdapter {
    /// The configuration.
    pub config: LoraAdapterConfig,
    /// The tensors.
    pub tensors: BTreeMap<String, AdapterTensor>,
}

impl LoraAdapter {
    /// PEFT's keys of the pair of a base tensor: `(A, B)` of `model.….q_proj.weight`.
    pub fn keys_of(name: &str) -> (String, String) {
        let module = name.strip_suffix(".weight").unwrap_or(name);
        (format!("{PREFIX}{module}{LORA_A}"), format!("{PREFIX}{module}{LORA_B}"))
    }

    /// Reads an adapter folder.
    ///
    /// # Errors
    /// If a file is missing or broken, the adapter is of a kind that we do not apply, or its
    /// tensors are not whole pairs of the configured rank.
    pub fn read(folder: &Utf8Path) -> Result<Self, ModelError> {
        PeftAdapter::read(folder)?.into_lora(folder)
    }

    /// Writes an adapter folder that PEFT loads. The configuration is written last.
    ///
    /// # Errors
    /// From the file system.
    pub fn write(&self, folder: &Utf8Path) -> Result<(), ModelError> {
        write_folder(folder, &self.tensors, serde_json::to_value(&self.config))
    }

    /// The base tensors that the adapter changes, by Hugging Face's names, sorted.
    pub fn targets(&self) -> Vec<String> {
        let module = |key: &String| {
            let key = key.strip_prefix(PREFIX)?;
            if key.ends_with(LORA_B) {
                return None;
            }
            Some(match key.strip_suffix(LORA_A) {
                Some(module) => format!("{module}.weight"),
                None => key.to_owned(),
            })
        };
        self.tensors.keys().filter_map(module).collect()
    }

    /// Refuses an adapter that was made for another model.
    ///
    /// # Errors
    /// [`ModelError::AdapterTarget`] or [`ModelError::ShapeMismatch`].
    pub fn check_against(&self, checkpoint: &Checkpoint) -> Result<(), ModelError> {
        for name in self.targets() {
            let Ok(shape) = checkpoint.shape(&name) else {
                let nearest = nearest_name(&name, checkpoint.tensor_names());
                return Err(ModelError::AdapterTarget { name, nearest });
            };
            let (key_a, key_b) = Self::keys_of(&name);
            let expect = |key: String, expected: Vec<usize>| match self.tensors.get(&key) {
                Some(tensor) if tensor.shape != expected => {
                    let found = tensor.shape.clone();
                    Err(ModelError::ShapeMismatch { name: key, found, expected })
                }
                _ => Ok(()),
            };
            let rank = self.config.rank(name.strip_suffix(".weight").unwrap_or(&name));
            if let [out_features, in_features] = *shape {
                expect(key_a, vec![rank, in_features])?;
                expect(key_b, vec![out_features, rank])?;
            }
            expect(format!("{PREFIX}{name}"), shape.to_vec())?;
        }
        Ok(())
    }

    /// Merges the adapter into base tensor `name`: `W += scale * B A`, or the saved module itself.
    /// Returns whether it changed anything.
    ///
    /// # Shapes
    /// `values` `[out, in]` with the pair's sizes.
    ///
    /// # Panics
    /// If `values` has another size: [`LoraAdapter::check_against`] comes first.
    pub fn merge_into(&self, name: &str, values: &mut [f32]) -> bool {
        if let Some(saved) = self.tensors.get(&format!("{PREFIX}{name}")) {
            values.copy_from_slice(&saved.data);
            return true;
        }
        let (key_a, key_b) = Self::keys_of(name);
        let (Some(a), Some(b)) = (self.tensors.get(&key_a), self.tensors.get(&key_b)) else {
            return false;
        };
        let (rank, in_features) = (a.shape[0], a.shape[1]);
        assert_eq!(values.len(), b.shape[0] * in_features, "values of {name}");
        let scale = self.config.scale(name.strip_suffix(".weight").unwrap_or(name), rank);
        let mut delta = vec![0.0f64; in_features];
        let rows = values.chunks_exact_mut(in_features).zip(b.data.chunks_exact(rank));
        for (row, b_r) in rows {
            delta.fill(0.0);
            for (&b, a_in) in b_r.iter().zip(a.data.chunks_exact(in_features)) {
                let factor = scale * f64::from(b);
                for (delta, &a) in delta.iter_mut().zip(a_in) {
                    *delta += factor * f64::from(a);
                }
            }
            for (value, delta) in row.iter_mut().zip(&delta) {
                #[expect(clippy::cast_possible_truncation, reason = "summed wide, stored as f32")]
                let sum = (f64::from(*value) + delta) as f32;
                *value = sum;
            }
        }
        true
    }

    /// Every tensor is half of a pair of the configured rank, or a module saved whole.
    pub(super) fn check_pairs(&self) -> Result<(), ModelError> {
        for (name, tensor) in &self.tensors {
            let Some(key) = name.strip_prefix(PREFIX) else {
                return Err(ModelError::UnknownAdapterTensor { name: name.clone() });
            };
            let (module, other, rank_dim) = if let Some(module) = key.strip_suffix(LORA_A) {
                (module, LORA_B, 0)
            } else if let Some(module) = key.strip_suffix(LORA_B) {
                (module, LORA_A, 1)
            } else if self.is_saved_whole(key) || self.is_magnitude(key) {
                continue;
            } else {
                return Err(ModelError::UnknownAdapterTensor { name: name.clone() });
            };
            let partner = format!("{PREFIX}{module}{other}");
            if !self.tensors.contains_key(&partner) {
                return Err(ModelError::AdapterPair { name: name.clone(), partner });
            }
            let mut expected = tensor.shape.clone();
            expected.resize(2, 0);
            expected[rank_dim] = self.config.rank(module);
            if tensor.shape != expected {
                let (name, found) = (name.clone(), tensor.shape.clone());
                return Err(ModelError::ShapeMismatch { name, found, expected });
            }
        }
        Ok(())
    }

    fn is_saved_whole(&self, key: &str) -> bool {
        let module = key.strip_suffix(".weight").or_else(|| key.strip_suffix(".bias"));
        // As PEFT has it, a name may begin inside a part of the path.
        let mut saved = self.config.modules_to_save.iter().flatten();
        module.is_some_and(|module| saved.any(|name| module.ends_with(name.as_str())))
    }

    /// Whether a tensor is the magnitudes beside a pair.
    fn is_magnitude(&self, key: &str) -> bool {
        self.config.use_dora
            && key.strip_suffix(MAGNITUDE).is_some_and(|module| {
                self.tensors.contains_key(&format!("{PREFIX}{module}{LORA_A}"))
            })
    }
}
