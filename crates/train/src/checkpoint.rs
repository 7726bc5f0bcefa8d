//! Checkpoints: one safetensors file, replaced atomically.

use crate::error::TrainError;
use camino::{Utf8Path, Utf8PathBuf};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::fs::File;
use std::io::Write;

/// Everything a run needs to go on: values, optimizer moments and position.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Optimizer steps done.
    pub step: u64,
    /// Identifies samples and configuration; a checkpoint of another run is refused.
    pub fingerprint: String,
    /// Trained values.
    pub values: Vec<f32>,
    /// AdamW's first moment.
    pub first_moment: Vec<f32>,
    /// AdamW's second moment.
    pub second_moment: Vec<f32>,
}

impl Checkpoint {
    /// File name inside a run's folder.
    pub const FILE_NAME: &'static str = "checkpoint.safetensors";

    /// Writes beside `path`, syncs, and renames: a reader sees the old file or the new one.
    ///
    /// # Errors
    /// [`TrainError::Io`]; the old file is then still in place.
    pub fn save(&self, path: &Utf8Path) -> Result<(), TrainError> {
        let bytes = self.to_bytes(path)?;
        let partial = Utf8PathBuf::from(format!("{path}.partial"));
        let io = |path: &Utf8Path, source| TrainError::Io { path: path.to_owned(), source };
        let mut file = File::create(&partial).map_err(|e| io(&partial, e))?;
        file.write_all(&bytes).map_err(|e| io(&partial, e))?;
        file.sync_all().map_err(|e| io(&partial, e))?;
        std::fs::rename(&partial, path).map_err(|e| io(path, e))
    }

    fn to_bytes(&self, path: &Utf8Path) -> Result<Vec<u8>, TrainError> {
        let metadata = HashMap::from([
            ("step".to_owned(), self.step.to_string()),
            ("fingerprint".to_owned(), self.fingerprint.clone()),
        ]);
        let raw: Vec<(&str, Vec<u8>)> = [
            ("values", &self.values),
            ("first_moment", &self.first_moment),
            ("second_moment", &self.second_moment),
        ]
        .into_iter()
        .map(|(name, v)| (name, v.iter().flat_map(|x| x.to_le_bytes()).collect()))
        .collect();
        let corrupt =
            |reason: String| TrainError::CorruptCheckpoint { path: path.to_owned(), reason };
        let mut views = Vec::new();
        for (name, bytes) in &raw {
            let view = TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)
                .map_err(|e| corrupt(e.to_string()))?;
            views.push((*name, view));
        }
        safetensors::serialize(views, Some(metadata)).map_err(|e| corrupt(e.to_string()))
    }

    /// Reads a checkpoint; `None` when there is no file.
    ///
    /// # Errors
    /// [`TrainError::CorruptCheckpoint`] or [`TrainError::Io`].
    pub fn load(path: &Utf8Path) -> Result<Option<Self>, TrainError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(TrainError::Io { path: path.to_owned(), source }),
        };
        let corrupt =
            |reason: String| TrainError::CorruptCheckpoint { path: path.to_owned(), reason };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| corrupt(e.to_string()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| corrupt(e.to_string()))?;
        let tensor = |name: &str| -> Result<Vec<f32>, TrainError> {
            let view = file.tensor(name).map_err(|e| corrupt(e.to_string()))?;
            if view.dtype() != Dtype::F32 {
                return Err(corrupt(format!("tensor `{name}` is {:?}, not F32", view.dtype())));
            }
            let (words, _) = view.data().as_chunks::<4>();
            Ok(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
        };
        let metadata = header.metadata().as_ref();
        let field = |name: &str| {
            metadata
                .and_then(|m| m.get(name).cloned())
                .ok_or_else(|| corrupt(format!("metadata `{name}` is missing")))
        };
        Ok(Some(Self {
            step: field("step")?.parse().map_err(|_| corrupt("`step` is not a number".into()))?,
            fingerprint: field("fingerprint")?,
            values: tensor("values")?,
            first_moment: tensor("first_moment")?,
            second_moment: tensor("second_moment")?,
        }))
    }
}
