//! The files that a model's tensors are in, of either family.

use camino::Utf8Path;
use catena_text::{Tokenizer, limits};

use super::layout::Source;
use super::read::Stored;
use super::weight::{Weight, WeightData};
use crate::error::ModelError;
use crate::families::decoder_name;
use crate::files::read;
use crate::gguf::GgufFile;
use crate::safetensors::SafetensorsFile;
use crate::tensors::nearest_name;

/// Open files.
#[derive(Debug)]
pub(crate) enum Files {
    Gguf(GgufFile),
    Folder(SafetensorsFile),
}

/// Whether a model is a `.gguf` file; else it is a folder.
///
/// # Errors
/// If the path is neither, or nothing is there.
pub(crate) fn is_gguf(path: &Utf8Path) -> Result<bool, ModelError> {
    if path.is_dir() {
        Ok(false)
    } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        Ok(true)
    } else if path.exists() {
        Err(ModelError::NotAModel { path: path.to_owned() })
    } else {
        let source = std::io::ErrorKind::NotFound.into();
        Err(ModelError::Io { path: path.to_owned(), source })
    }
}

/// The tokenizer of a `.gguf` file or of a folder, of a decoder or of an encoder.
///
/// # Errors
/// If the path is neither, or the tokenizer's files are missing or broken.
pub fn open_tokenizer(path: &Utf8Path) -> Result<Tokenizer, ModelError> {
    if is_gguf(path)? {
        return Ok(Tokenizer::from_gguf(&GgufFile::open(path)?.vocab()?)?);
    }
    let limit = limits::MAX_TOKENIZER_JSON_BYTES as u64;
    let tokenizer = Tokenizer::from_json_bytes(&read(&path.join("tokenizer.json"), limit)?)?;
    let config = path.join("tokenizer_config.json");
    if !config.exists() {
        return Ok(tokenizer);
    }
    Ok(tokenizer.with_config_json(&read(&config, limit)?)?)
}

impl Files {
    /// Opens the safetensors of a folder, in one file or several.
    ///
    /// # Errors
    /// If a file is missing or broken.
    pub(crate) fn open_folder(folder: &Utf8Path) -> Result<Self, ModelError> {
        let index = folder.join("model.safetensors.index.json");
        let single = folder.join("model.safetensors");
        SafetensorsFile::open(if index.exists() { &index } else { &single }).map(Self::Folder)
    }

    /// Those of the decoder alone, under its names, of a folder of several parts.
    pub(crate) fn of_decoder(self) -> Self {
        match self {
            Self::Folder(file) => Self::Folder(file.renamed(decoder_name)),
            Self::Gguf(file) => Self::Gguf(file),
        }
    }

    /// The GGUF file, or the one or the index of the safetensors.
    pub(crate) fn path(&self) -> &Utf8Path {
        match self {
            Self::Gguf(file) => file.path(),
            Self::Folder(file) => file.path(),
        }
    }

    /// The names of all tensors.
    pub(crate) fn names(&self) -> Vec<&str> {
        match self {
            Self::Gguf(file) => file.tensors().iter().map(|tensor| tensor.name.as_str()).collect(),
            Self::Folder(file) => file.names().collect(),
        }
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] with the most similar name.
    pub(crate) fn shape(&self, name: &str) -> Result<&[usize], ModelError> {
        match self {
            Self::Folder(file) => Ok(file.tensor(name)?.shape),
            Self::Gguf(file) => match file.tensor(name) {
                Some(tensor) => Ok(&tensor.shape),
                None => Err(ModelError::MissingTensor {
                    name: name.to_owned(),
                    file: file.path().to_owned(),
                    nearest: nearest_name(name, self.names().into_iter()),
                }),
            },
        }
    }

    /// The tensor that stands at `source`, called `name`, in its stored form; as f32 where values
    /// are changed or a matrix is transposed.
    ///
    /// # Errors
    /// If its type is not one that we compute with.
    ///
    /// # Panics
    /// If there is no such tensor or its shape is not the one that `source` was made for: a
    /// caller's bug.
    pub(crate) fn weight(&self, source: &Source, name: &str) -> Result<Weight<'_>, ModelError> {
        let stored = Stored::of(self, source, name)?;
        let plain = source.offset == 0.0 && source.transposed_heads.is_none();
        let transposed = source.transposed && stored.shape.len() > 1;
        let data = if plain && !transposed {
            stored.rows(source, name)?
        } else {
            WeightData::F32(stored.changed(source, name)?.into())
        };
        Ok(Weight { shape: source.shape.clone(), data })
    }

    /// Takes a tensor's bytes out of the process's memory until they are used again.
    pub(crate) fn release(&self, name: &str) {
        match self {
            Self::Gguf(file) => file.release(name),
            Self::Folder(file) => file.release(name),
        }
    }
}
