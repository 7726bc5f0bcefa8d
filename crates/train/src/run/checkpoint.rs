//! Checkpoints: one safetensors file, replaced atomically.

use super::fingerprint::Fingerprints;
use crate::error::TrainError;
use crate::optimizer::{Optimizer, StateData, StateTensor};
use crate::trainable::Trainable;
use camino::{Utf8Path, Utf8PathBuf};
use catena_model::ModelError;
use catena_model::safetensors::{Dtype, SafetensorsFile, TensorSpec, f32_bytes, write_safetensors};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Version of the file.
const VERSION: u32 = 3;
/// The oldest version that is still read: it knows no pending evaluation, no parts and no
/// arithmetic.
const OLDEST_VERSION: u32 = 2;
/// Name of the bits of losses in the file's metadata.
const LOSS_BITS: &str = "loss_bits";
/// What the optimizer's tensors are called in the file, before their own names.
const OPTIMIZER: &str = "optimizer:";

/// Where a run is, beside values and optimizer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Version of the file.
    pub version: u32,
    /// Optimizer steps done.
    pub step: u64,
    /// Identifies samples, configuration and base model; a checkpoint of another run is refused.
    pub fingerprint: String,
    /// The same part by part, to say what differs; older checkpoints have none.
    #[serde(default)]
    pub parts: Option<Fingerprints>,
    /// What the machine computed with, if it is known.
    #[serde(default)]
    pub arithmetic: String,
    /// The best evaluation so far.
    pub best: Option<Best>,
    /// Evaluations since the best one.
    pub evaluations_since_best: u32,
    /// Whether the evaluation after the last step is still to be made.
    #[serde(default)]
    pub evaluation_pending: bool,
    /// The loss, smoothed, and its lowest value.
    pub smoothed_loss: Option<(f64, f64)>,
}

impl Position {
    /// The bits of the best, the smoothed and the lowest loss: a number of JSON that is read again
    /// may miss the last one.
    fn loss_bits(&self) -> [Option<u64>; 3] {
        let best = self.best.map(|best| best.loss.to_bits());
        let smoothed = self.smoothed_loss.map(|(smoothed, _)| smoothed.to_bits());
        let lowest = self.smoothed_loss.map(|(_, lowest)| lowest.to_bits());
        [best, smoothed, lowest]
    }

    fn set_loss_bits(&mut self, [best, smoothed, lowest]: [Option<u64>; 3]) {
        if let (Some(own), Some(bits)) = (&mut self.best, best) {
            own.loss = f64::from_bits(bits);
        }
        if let (Some(smoothed), Some(lowest)) = (smoothed, lowest) {
            self.smoothed_loss = Some((f64::from_bits(smoothed), f64::from_bits(lowest)));
        }
    }
}

/// The best evaluation of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Steps done then.
    pub step: u64,
    /// Its loss.
    pub loss: f64,
}

/// A checkpoint that was opened.
#[derive(Debug)]
pub struct Checkpoint {
    /// Where the run was.
    pub position: Position,
    file: SafetensorsFile,
}

impl Checkpoint {
    /// File name inside a run's folder.
    pub const FILE_NAME: &'static str = "checkpoint.safetensors";
    /// The values of the best evaluation.
    pub const BEST_FILE_NAME: &'static str = "best.safetensors";

    /// Writes beside `path`, syncs, and renames: a reader sees the old file or the new one. The
    /// values are written from where they are; nothing is copied.
    ///
    /// # Errors
    /// From the file system; the old file is then still in place.
    pub fn save(
        path: &Utf8Path,
        position: &Position,
        model: &dyn Trainable,
        optimizer: Option<&dyn Optimizer>,
    ) -> Result<(), TrainError> {
        let mut specs = Vec::new();
        let mut data = Vec::new();
        for param in model.params() {
            specs.push(TensorSpec {
                name: param.name.clone(),
                dtype: Dtype::F32,
                shape: param.shape.clone(),
            });
            data.push(f32_bytes(&model.values()[param.range.clone()]));
        }
        for tensor in optimizer.map(<dyn Optimizer>::state).unwrap_or_default() {
            let (dtype, bytes) = match tensor.data {
                StateData::F32(values) => (Dtype::F32, f32_bytes(values)),
                StateData::U8(values) => (Dtype::U8, Cow::Borrowed(values)),
            };
            let (name, shape) = (format!("{OPTIMIZER}{}", tensor.name), tensor.shape.to_vec());
            specs.push(TensorSpec { name, dtype, shape });
            data.push(bytes);
        }
        let position = Position { version: VERSION, ..position.clone() };
        let json = serde_json::to_string(&position).expect("plain values serialize");
        let bits = serde_json::to_string(&position.loss_bits()).expect("plain values serialize");
        let metadata = [("position", json.as_str()), (LOSS_BITS, bits.as_str())];
        let mut data = data.into_iter();
        write_safetensors(path, &specs, &metadata, |_| {
            Ok(data.next().expect("as many values as tensors"))
        })?;
        Ok(())
    }

    /// Opens a checkpoint; `None` when there is no file.
    ///
    /// # Errors
    /// [`TrainError::CorruptCheckpoint`], or from the file system.
    pub fn load(path: &Utf8Path) -> Result<Option<Self>, TrainError> {
        if !path.exists() {
            return Ok(None);
        }
        let corrupt =
            |reason: String| TrainError::CorruptCheckpoint { path: path.to_owned(), reason };
        let file = SafetensorsFile::open(path).map_err(|error| {
            if matches!(error, ModelError::Io { .. }) {
                return error.into();
            }
            corrupt(error.to_string())
        })?;
        let json = file
            .metadata()
            .and_then(|metadata| metadata.get("position"))
            .ok_or_else(|| corrupt("metadata `position` is missing".to_owned()))?;
        let mut position: Position =
            serde_json::from_str(json).map_err(|error| corrupt(error.to_string()))?;
        if !(OLDEST_VERSION..=VERSION).contains(&position.version) {
            let found = position.version;
            return Err(corrupt(format!(
                "it is of version {found}, this can read {OLDEST_VERSION} to {VERSION}"
            )));
        }
        if let Some(json) = file.metadata().and_then(|metadata| metadata.get(LOSS_BITS)) {
            let bits = serde_json::from_str(json).map_err(|error| corrupt(error.to_string()))?;
            position.set_loss_bits(bits);
        }
        Ok(Some(Self { position, file }))
    }

    fn corrupt(&self, reason: &dyn ToString) -> TrainError {
        let path: Utf8PathBuf = self.file.path().to_owned();
        TrainError::CorruptCheckpoint { path, reason: reason.to_string() }
    }

    /// Puts the values in place; nothing is changed if one does not fit.
    ///
    /// # Errors
    /// [`TrainError::CheckpointMismatch`] if a tensor is missing or has another shape.
    pub fn restore_values(&self, model: &mut dyn Trainable) -> Result<(), TrainError> {
        let params = model.params().to_vec();
        let mut saved = Vec::with_capacity(params.len());
        for param in &params {
            let mismatch = |found: String| TrainError::CheckpointMismatch {
                what: "trained tensors",
                found,
                expected: format!("`{}` {:?}", param.name, param.shape),
            };
            if !self.file.contains(&param.name) {
                return Err(mismatch("none of that name".to_owned()));
            }
            let view = self.file.tensor(&param.name).map_err(|error| self.corrupt(&error))?;
            if view.dtype != Dtype::F32 || view.shape != param.shape {
                return Err(mismatch(format!("{:?} {:?}", view.dtype, view.shape)));
            }
            saved.push(view.bytes);
        }
        for (param, bytes) in params.into_iter().zip(saved) {
            let values = &mut model.values_mut()[param.range];
            for (value, word) in values.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *value = f32::from_le_bytes(*word);
            }
        }
        Ok(())
    }

    /// Puts the optimizer's state in place.
    ///
    /// # Errors
    /// What the optimizer says about the state.
    pub fn restore_optimizer(&self, optimizer: &mut dyn Optimizer) -> Result<(), TrainError> {
        let mut tensors = Vec::new();
        for name in self.file.names().filter(|name| name.starts_with(OPTIMIZER)) {
            let view = self.file.tensor(name).map_err(|error| self.corrupt(&error))?;
            let floats: Vec<f32> = if view.dtype == Dtype::F32 {
                let words = view.bytes.as_chunks::<4>().0;
                words.iter().map(|word| f32::from_le_bytes(*word)).collect()
            } else if view.dtype == Dtype::U8 {
                Vec::new()
            } else {
                return Err(self.corrupt(&format!("tensor `{name}` is {:?}", view.dtype)));
            };
            tensors.push((view, floats));
        }
        let saved: Vec<StateTensor<'_>> = tensors
            .iter()
            .map(|(view, floats)| StateTensor {
                name: Cow::Borrowed(&view.name[OPTIMIZER.len()..]),
                shape: Cow::Borrowed(view.shape),
                data: if view.dtype == Dtype::U8 {
                    StateData::U8(view.bytes)
                } else {
                    StateData::F32(floats)
                },
            })
            .collect();
        optimizer.restore(self.position.step, &saved)
    }
}
