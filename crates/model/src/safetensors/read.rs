//! Reading one file or a sharded set.

use std::collections::{BTreeMap, HashMap};

use camino::{Utf8Path, Utf8PathBuf};
use half::{bf16, f16};
use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use crate::error::ModelError;
use crate::files::{Mapped, read_json};
use crate::tensors::nearest_name;

/// Bytes before the header: its length.
const LENGTH_BYTES: usize = 8;

/// The tensors of a file, or of all shards of an index, mapped.
#[derive(Debug)]
pub struct SafetensorsFile {
    path: Utf8PathBuf,
    shards: Vec<Shard>,
    /// Where each tensor is.
    by_name: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    shard_idx: usize,
    /// Its name in the shard, if it has another there.
    stored: Option<String>,
}

#[derive(Debug)]
struct Shard {
    mapped: Mapped,
    metadata: Metadata,
    data_start: usize,
}

/// One tensor in a file.
#[derive(Clone, Debug)]
pub struct TensorView<'a> {
    /// Its name.
    pub name: &'a str,
    /// Type of its values.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: &'a [usize],
    /// Its values, row-major, little-endian.
    pub bytes: &'a [u8],
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl SafetensorsFile {
    /// Opens a `.safetensors` file, or all shards that a `.safetensors.index.json` names.
    ///
    /// # Errors
    /// If a file is missing or breaks the format, or an index names a file outside its folder.
    pub fn open(path: &Utf8Path) -> Result<Self, ModelError> {
        if path.extension() == Some("json") {
            Self::open_sharded(path)
        } else {
            Self::open_one(path)
        }
    }

    fn open_one(path: &Utf8Path) -> Result<Self, ModelError> {
        let shard = Shard::open(path)?;
        let place = |name| (name, Place { shard_idx: 0, stored: None });
        let by_name = shard.metadata.offset_keys().into_iter().map(place).collect();
        Ok(Self { path: path.to_owned(), shards: vec![shard], by_name })
    }

    fn open_sharded(path: &Utf8Path) -> Result<Self, ModelError> {
        let index: ShardIndex = read_json(path)?;
        let folder = path.parent().unwrap_or_else(|| Utf8Path::new(""));
        let mut shards = Vec::new();
        let mut opened: HashMap<String, usize> = HashMap::new();
        let mut by_name = BTreeMap::new();
        for (name, shard) in index.weight_map {
            let plain = Utf8Path::new(&shard).file_name() == Some(shard.as_str());
            if !plain || shard.contains('\\') {
                return Err(ModelError::ShardName { path: path.to_owned(), shard });
            }
            let shard_idx = if let Some(&shard_idx) = opened.get(&shard) {
                shard_idx
            } else {
                shards.push(Shard::open(&folder.join(&shard))?);
                opened.insert(shard.clone(), shards.len() - 1);
                shards.len() - 1
            };
            if shards[shard_idx].metadata.info(&name).is_none() {
                return Err(ModelError::ShardTensor { path: path.to_owned(), name, shard });
            }
            by_name.insert(name, Place { shard_idx, stored: None });
        }
        Ok(Self { path: path.to_owned(), shards, by_name })
    }

    /// The same tensors under other names, without those that `rename` gives none.
    #[must_use]
    pub(crate) fn renamed(mut self, rename: impl Fn(&str) -> Option<String>) -> Self {
        let places = std::mem::take(&mut self.by_name).into_iter();
        let renamed = places.filter_map(|(name, place)| {
            let shown = rename(&name)?;
            let stored = if shown == name { place.stored } else { place.stored.or(Some(name)) };
            Some((shown, Place { shard_idx: place.shard_idx, stored }))
        });
        self.by_name = renamed.collect();
        self
    }

    /// The file or index.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// All tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Whether there is a tensor of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The free-form strings of the header (of the first shard).
    pub fn metadata(&self) -> Option<&HashMap<String, String>> {
        self.shards.first()?.metadata.metadata().as_ref()
    }

    /// One tensor.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] with the most similar name.
    pub fn tensor(&self, name: &str) -> Result<TensorView<'_>, ModelError> {
        let Some((name, place)) = self.by_name.get_key_value(name) else {
            return Err(ModelError::MissingTensor {
                name: name.to_owned(),
                file: self.path.clone(),
                nearest: nearest_name(name, self.names()),
            });
        };
        let shard = &self.shards[place.shard_idx];
        let stored = place.stored.as_ref().unwrap_or(name);
        let info = shard.metadata.info(stored).expect("the index was checked against the shard");
        let (start, end) = info.data_offsets;
        let data = &shard.mapped.bytes()[shard.data_start..];
        Ok(TensorView { name, dtype: info.dtype, shape: &info.shape, bytes: &data[start..end] })
    }

    /// Takes a tensor's bytes out of the process's memory until they are used again.
    pub(crate) fn release(&self, name: &str) {
        let Ok(view) = self.tensor(name) else { return };
        for shard in &self.shards {
            shard.mapped.release(view.bytes);
        }
    }
}

impl Shard {
    fn open(path: &Utf8Path) -> Result<Self, ModelError> {
        let mapped = Mapped::open(path)?;
        let (header_bytes, metadata) = SafeTensors::read_metadata(mapped.bytes())
            .map_err(|source| ModelError::Safetensors { path: path.to_owned(), source })?;
        Ok(Self { mapped, metadata, data_start: LENGTH_BYTES + header_bytes })
    }
}

impl TensorView<'_> {
    /// The values as f32.
    ///
    /// # Errors
    /// If they are not f32, f16 or bf16.
    pub fn to_f32(&self) -> Result<Vec<f32>, ModelError> {
        if self.dtype == Dtype::F32 {
            Ok(f32_values(self.bytes))
        } else if self.dtype == Dtype::F16 {
            Ok(f16_values(self.bytes))
        } else if self.dtype == Dtype::BF16 {
            Ok(bf16_values(self.bytes))
        } else {
            Err(ModelError::UnsupportedType {
                name: self.name.to_owned(),
                found: format!("{:?}", self.dtype),
                supported: "F32, F16, BF16",
            })
        }
    }
}

/// Little-endian f32 values.
pub(crate) fn f32_values(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
}

/// Little-endian f16 values, widened.
pub(crate) fn f16_values(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|&value| f16::from_le_bytes(value).to_f32()).collect()
}

/// Little-endian bf16 values, widened.
pub(crate) fn bf16_values(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|&value| bf16::from_le_bytes(value).to_f32()).collect()
}
