//! The keys of a `config.json`.

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::ModelConfig;
use crate::error::ModelError;
use crate::families::{Family, decoder_keys};
use crate::files::read_json;

impl ModelConfig {
    /// Reads a `config.json`, without weights beside it.
    ///
    /// # Errors
    /// If it is not one, describes an impossible shape, or names a family that is not one of ours.
    pub fn read(path: &Utf8Path) -> Result<Self, ModelError> {
        let keys = JsonKeys::read(path)?;
        Self::of_keys(decoder_keys(&keys)?.as_ref().unwrap_or(&keys))
    }

    /// As [`Self::read`] for keys at hand; `path` is where errors place them.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_json(keys: Map<String, Value>, path: &Utf8Path) -> Result<Self, ModelError> {
        Self::of_keys(&JsonKeys::of(path, keys))
    }

    pub(crate) fn of_keys(keys: &JsonKeys) -> Result<Self, ModelError> {
        let (family, model_type) = Family::of_json(keys)?;
        (family.from_json)(keys, model_type)?.validate(keys.path())
    }
}

/// Typed access to the object of a `config.json`; keys that nobody asks for are passed over.
#[derive(Debug)]
pub(crate) struct JsonKeys {
    path: Utf8PathBuf,
    values: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(u32),
    Many(Vec<u32>),
}

impl JsonKeys {
    /// # Errors
    /// If the file is not a JSON object.
    pub(crate) fn read(path: &Utf8Path) -> Result<Self, ModelError> {
        Ok(Self { path: path.to_owned(), values: read_json(path)? })
    }

    /// The keys of a `config.json` that is about to be written to `path`.
    pub(crate) fn of(path: &Utf8Path, values: Map<String, Value>) -> Self {
        Self { path: path.to_owned(), values }
    }

    /// The file.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The keys of an object within; `None` if there is none of that name.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>, ModelError> {
        let values: Option<Map<String, Value>> = self.get(key)?;
        Ok(values.map(|values| Self { path: self.path.clone(), values }))
    }

    /// The keys of an object within that must be there.
    ///
    /// # Errors
    /// If it is missing, null or no object.
    pub(crate) fn required_object(&self, key: &str) -> Result<Self, ModelError> {
        let missing = || ModelError::MissingKey { file: self.path.clone(), key: key.to_owned() };
        self.object(key)?.ok_or_else(missing)
    }

    /// These keys and those of `others` that are missing or null here.
    #[must_use]
    pub(crate) fn with_missing(
        mut self,
        others: impl IntoIterator<Item = (String, Value)>,
    ) -> Self {
        for (key, value) in others {
            if !self.has(&key) {
                self.values.insert(key, value);
            }
        }
        self
    }

    /// All keys and values.
    pub(crate) fn into_values(self) -> Map<String, Value> {
        self.values
    }

    /// A value as it is, if it is there and not null.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Whether there is a value that is not null.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// A value; `None` if it is missing or null.
    ///
    /// # Errors
    /// If it is of another type.
    pub(crate) fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ModelError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let json = |source| ModelError::Json { path: self.path.clone(), source };
        T::deserialize(value).map(Some).map_err(json)
    }

    /// A value, or `default` if it is missing or null.
    ///
    /// # Errors
    /// If it is of another type.
    pub(crate) fn or<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T, ModelError> {
        Ok(self.get(key)?.unwrap_or(default))
    }

    /// A value that must be there.
    ///
    /// # Errors
    /// If it is missing, null or of another type.
    pub(crate) fn required<T: DeserializeOwned>(&self, key: &str) -> Result<T, ModelError> {
        let missing = || ModelError::MissingKey { file: self.path.clone(), key: key.to_owned() };
        self.get(key)?.ok_or_else(missing)
    }

    /// Token ids: one, or an array of them.
    ///
    /// # Errors
    /// If they are neither.
    pub(crate) fn tokens(&self, key: &str) -> Result<Vec<u32>, ModelError> {
        Ok(match self.get(key)? {
            None => Vec::new(),
            Some(OneOrMany::One(id)) => vec![id],
            Some(OneOrMany::Many(ids)) => ids,
        })
    }

    /// The refusal of the value of `key`.
    pub(crate) fn refuse(&self, key: &'static str, reason: &'static str) -> ModelError {
        let value = self.values.get(key).unwrap_or(&Value::Null);
        let value = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        ModelError::InvalidConfig { key, value, reason, file: self.path.clone() }
    }
}
