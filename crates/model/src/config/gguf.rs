//! The architecture keys of a GGUF file.

use camino::Utf8Path;

use crate::error::ModelError;
use crate::gguf::{GgmlType, GgufFile, MetaArray, MetaValue, typed};
use crate::safetensors::f32_values;

/// What the keys of a GGUF file are read from: a file, or one that is about to be written.
pub(crate) trait KeySource {
    /// The file, for errors.
    fn path(&self) -> &Utf8Path;
    /// The value of a whole key.
    fn metadata(&self, key: &str) -> Option<&MetaValue>;
    /// Whether there is a tensor of that name.
    fn has_tensor(&self, name: &str) -> bool;
    /// The values of a small f32 tensor, if there is one.
    ///
    /// # Errors
    /// If it is of another type.
    fn floats(&self, name: &str) -> Result<Option<Vec<f32>>, ModelError>;
}

impl KeySource for GgufFile {
    fn path(&self) -> &Utf8Path {
        self.path()
    }

    fn metadata(&self, key: &str) -> Option<&MetaValue> {
        self.metadata(key)
    }

    fn has_tensor(&self, name: &str) -> bool {
        self.tensor(name).is_some()
    }

    fn floats(&self, name: &str) -> Result<Option<Vec<f32>>, ModelError> {
        let Some(tensor) = self.tensor(name) else { return Ok(None) };
        if tensor.ggml_type != GgmlType::F32 {
            let (name, found) = (name.to_owned(), tensor.ggml_type.to_string());
            return Err(ModelError::UnsupportedType { name, found, supported: "F32" });
        }
        Ok(self.tensor_bytes(name).map(f32_values))
    }
}

/// Reads keys under the architecture's prefix.
pub(crate) struct GgufKeys<'a> {
    source: &'a dyn KeySource,
    architecture: &'a str,
}

impl<'a> GgufKeys<'a> {
    /// # Errors
    /// If the file names no architecture.
    pub(crate) fn new(source: &'a dyn KeySource) -> Result<Self, ModelError> {
        let key = "general.architecture";
        let (path, value) = (source.path(), source.metadata(key));
        let Some(architecture) = typed(path, value, key, "a string", MetaValue::as_str)? else {
            let file = path.to_owned();
            return Err(ModelError::MissingKey { file, key: key.to_owned() });
        };
        Ok(Self { source, architecture })
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &'static str,
        read: impl FnOnce(&'a MetaValue) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        typed(self.path(), self.source.metadata(key), key, expected, read)
    }

    /// The architecture's name.
    pub(crate) fn architecture(&self) -> &'a str {
        self.architecture
    }

    /// The file.
    pub(crate) fn path(&self) -> &'a Utf8Path {
        self.source.path()
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    /// A count that may be missing.
    ///
    /// # Errors
    /// If it is no count.
    pub(crate) fn optional(&self, key: &str) -> Result<Option<usize>, ModelError> {
        self.typed(&self.key(key), "a count", |value| usize::try_from(value.as_u64()?).ok())
    }

    /// A count that must be there.
    ///
    /// # Errors
    /// If it is missing or no count.
    pub(crate) fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.optional(key)?.ok_or_else(|| self.missing(key))
    }

    /// A floating-point number that may be missing.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn float(&self, key: &str) -> Result<Option<f32>, ModelError> {
        self.typed(&self.key(key), "a floating-point number", MetaValue::as_f32)
    }

    /// A truth value that may be missing.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        self.typed(&self.key(key), "a truth value", MetaValue::as_bool)
    }

    /// A text that may be missing.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>, ModelError> {
        self.typed(&self.key(key), "a string", MetaValue::as_str)
    }

    /// A list of texts that may be missing.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<&'a [String]>, ModelError> {
        self.typed(&self.key(key), "an array of strings", |value| {
            let MetaArray::String(texts) = value.as_array()? else { return None };
            Some(texts.as_slice())
        })
    }

    /// A count for each layer: one for all, or an array of them.
    ///
    /// # Errors
    /// If it is missing, or neither.
    pub(crate) fn same_in_all_layers(&self, key: &'static str) -> Result<usize, ModelError> {
        let name = self.key(key);
        let array = self.source.metadata(&name).and_then(MetaValue::as_array);
        let Some(array) = array else { return self.size(key) };
        let counts = counts(array);
        match counts.as_slice() {
            [first, rest @ ..] if rest.iter().all(|count| count == first) => Ok(*first),
            _ => {
                Err(self.refuse(key, format!("{counts:?}"), "supported is the same in all layers"))
            }
        }
    }

    /// Whether each layer has a window: by an array of truth values, or every layer but one of each
    /// `period`, the first where `dense_first`, else the last.
    ///
    /// # Errors
    /// If the key is neither an array nor a count.
    pub(crate) fn window_pattern(
        &self,
        layers: usize,
        period: usize,
        dense_first: bool,
    ) -> Result<Vec<bool>, ModelError> {
        let key = "attention.sliding_window_pattern";
        let name = self.key(key);
        if let Some(MetaArray::Bool(pattern)) =
            self.source.metadata(&name).and_then(MetaValue::as_array)
        {
            return Ok(pattern.clone());
        }
        let period = self.optional(key)?.unwrap_or(period);
        let shift = usize::from(!dense_first);
        Ok((0..layers).map(|layer| period == 0 || (layer + shift) % period != 0).collect())
    }

    /// The error for a key that is not there.
    pub(crate) fn missing(&self, key: &str) -> ModelError {
        self.missing_as(&self.key(key))
    }

    /// The same for a key that is not the architecture's.
    fn missing_as(&self, key: &str) -> ModelError {
        ModelError::MissingKey { file: self.path().to_owned(), key: key.to_owned() }
    }

    /// The refusal of the value of `key`.
    pub(crate) fn refuse(
        &self,
        key: &'static str,
        value: String,
        reason: &'static str,
    ) -> ModelError {
        ModelError::InvalidConfig { key, value, reason, file: self.path().to_owned() }
    }

    /// A special token of the vocabulary.
    ///
    /// # Errors
    /// If it is no token id.
    pub(crate) fn token(&self, which: &str) -> Result<Option<u32>, ModelError> {
        let key = format!("tokenizer.ggml.{which}_token_id");
        self.typed(&key, "a token id", |value| u32::try_from(value.as_u64()?).ok())
    }

    /// Tokens of the vocabulary whose texts `is_one` takes, in order of id.
    pub(crate) fn tokens_where(&self, is_one: impl Fn(&str) -> bool) -> Vec<u32> {
        let tokens = self.source.metadata("tokenizer.ggml.tokens").and_then(MetaValue::as_array);
        let Some(MetaArray::String(tokens)) = tokens else { return Vec::new() };
        let ids = tokens.iter().zip(0..);
        ids.filter(|(text, _)| is_one(text.as_str())).map(|(_, id)| id).collect()
    }

    /// The kind of vocabulary.
    ///
    /// # Errors
    /// If the file does not say, or not by a text.
    pub(crate) fn vocabulary(&self) -> Result<&'a str, ModelError> {
        let key = "tokenizer.ggml.model";
        self.typed(key, "a string", MetaValue::as_str)?.ok_or_else(|| self.missing_as(key))
    }

    /// Kinds of texts that an encoder tells apart.
    ///
    /// # Errors
    /// If the file does not say, or not by a count.
    pub(crate) fn token_type_count(&self) -> Result<usize, ModelError> {
        let key = "tokenizer.ggml.token_type_count";
        let count = |value: &MetaValue| usize::try_from(value.as_u64()?).ok();
        self.typed(key, "a count", count)?.ok_or_else(|| self.missing_as(key))
    }

    /// Whether there is a tensor of that name.
    pub(crate) fn has_tensor(&self, name: &str) -> bool {
        self.source.has_tensor(name)
    }

    /// The values of a small f32 tensor, if there is one.
    ///
    /// # Errors
    /// If it is of another type.
    pub(crate) fn floats(&self, name: &str) -> Result<Option<Vec<f32>>, ModelError> {
        self.source.floats(name)
    }

    /// Rows of the embedding, by key or by counting the vocabulary.
    ///
    /// # Errors
    /// If there is neither.
    pub(crate) fn vocab_size(&self) -> Result<usize, ModelError> {
        if let Some(vocab_size) = self.optional("vocab_size")? {
            return Ok(vocab_size);
        }
        let tokens = self.source.metadata("tokenizer.ggml.tokens").and_then(MetaValue::as_array);
        if let Some(MetaArray::String(tokens)) = tokens {
            return Ok(tokens.len());
        }
        Err(self.missing("vocab_size"))
    }
}

fn counts(array: &MetaArray) -> Vec<usize> {
    let from = |value: i64| usize::try_from(value).unwrap_or(0);
    if let MetaArray::I32(values) = array {
        values.iter().map(|&value| from(value.into())).collect()
    } else if let MetaArray::U32(values) = array {
        values.iter().map(|&value| from(value.into())).collect()
    } else {
        Vec::new()
    }
}
