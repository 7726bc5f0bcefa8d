//! The file that keys are kept in.

use super::record::{KeyLimits, KeyRecord};
use super::secret;
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::Cancel;
use catena_store::{Digest, FileLock, StoreError, write_atomic};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::{fs, io};

/// Version of the format that is written.
const VERSION: u32 = 1;
/// Largest file that is read.
const MAX_BYTES: u64 = 16 << 20;
/// Most keys of one file.
const MAX_KEYS: usize = 10_000;
/// Longest name, and most characters of a pattern.
const MAX_NAME: usize = 128;
/// Most patterns of one list.
const MAX_PATTERNS: usize = 256;

/// Error of the file of keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    // --- fix the input
    /// A name or pattern cannot be taken.
    #[error("`{text}` is no {what}: 1 to {MAX_NAME} visible ASCII characters")]
    BadName {
        /// What it was to be.
        what: &'static str,
        /// What was given.
        text: String,
    },
    /// No key has this identity.
    #[error("`{path}` has no key `{id}`")]
    UnknownKey {
        /// The identity asked for.
        id: String,
        /// The file.
        path: Utf8PathBuf,
    },
    /// The file holds as many keys as it may.
    #[error("`{path}` holds {MAX_KEYS} keys, the most there may be")]
    TooManyKeys {
        /// The file.
        path: Utf8PathBuf,
    },
    /// The file is not one of ours, or damaged.
    #[error("`{path}` cannot be read as keys: {reason}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong.
        reason: String,
    },
    // --- fix the machine
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// What a new key may do.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// Whom it is for.
    pub name: String,
    /// Unix seconds from which it is refused.
    pub expires: Option<u64>,
    /// Models it may ask for; all if empty.
    pub models: Vec<String>,
    /// Paths it may ask for; all if empty.
    pub routes: Vec<String>,
    /// Whether it may load and unload models and adapters.
    pub admin: bool,
    /// How much it may ask for.
    pub limits: KeyLimits,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u32,
    keys: Vec<KeyRecord>,
}

/// A file of keys. Every change is written beside it and renamed, under a lock.
#[derive(Clone, Debug)]
pub struct KeyFile(Utf8PathBuf);

impl KeyFile {
    /// The file at `path`, which need not exist.
    pub fn at(path: impl Into<Utf8PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Utf8Path {
        &self.0
    }

    /// The keys; `None` if there is no file.
    ///
    /// # Errors
    /// [`KeysError::Read`], [`KeysError::Damaged`].
    pub fn read(&self) -> Result<Option<Vec<KeyRecord>>, KeysError> {
        let path = &self.0;
        let read = |source| KeysError::Read { path: path.clone(), source };
        let damaged = |reason: String| KeysError::Damaged { path: path.clone(), reason };
        let size = match fs::metadata(path) {
            Ok(meta) => meta.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(read(error)),
        };
        if size > MAX_BYTES {
            return Err(damaged(format!("it has {size} bytes, at most {MAX_BYTES} are read")));
        }
        let text = fs::read_to_string(path).map_err(read)?;
        let contents: Contents =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if contents.version > VERSION {
            let found = contents.version;
            return Err(damaged(format!("it has version {found}, this program reads {VERSION}")));
        }
        if contents.keys.len() > MAX_KEYS {
            return Err(KeysError::TooManyKeys { path: path.clone() });
        }
        let ids: BTreeSet<&str> = contents.keys.iter().map(|key| key.id.as_str()).collect();
        if ids.len() != contents.keys.len() {
            return Err(damaged("an identity stands there twice".to_owned()));
        }
        Ok(Some(contents.keys))
    }

    /// Adds a key made at `now`, in Unix seconds; hands back what is kept and the key's text, which
    /// is kept nowhere.
    ///
    /// # Errors
    /// [`KeysError::BadName`], [`KeysError::TooManyKeys`], and those of reading and writing.
    pub fn create(&self, new: NewKey, now: u64) -> Result<(KeyRecord, String), KeysError> {
        check("name", &new.name)?;
        for (what, patterns) in [("model", &new.models), ("route", &new.routes)] {
            patterns.iter().try_for_each(|pattern| check(what, pattern))?;
            if patterns.len() > MAX_PATTERNS {
                let text = format!("{} patterns", patterns.len());
                return Err(KeysError::BadName { what, text });
            }
        }
        let _lock = self.lock()?;
        let mut keys = self.read()?.unwrap_or_default();
        if keys.len() >= MAX_KEYS {
            return Err(KeysError::TooManyKeys { path: self.0.clone() });
        }
        let (id, text) = loop {
            let (id, text) = secret::generate()?;
            if keys.iter().all(|key| key.id != id) {
                break (id, text);
            }
        };
        let record = KeyRecord {
            id,
            name: new.name,
            digest: Digest::of(text.as_bytes()),
            created: now,
            expires: new.expires,
            models: new.models,
            routes: new.routes,
            admin: new.admin,
            limits: new.limits,
        };
        keys.push(record.clone());
        self.write(keys)?;
        Ok((record, text))
    }

    /// Removes a key. The file stays when its last key goes: a server then refuses everyone.
    ///
    /// # Errors
    /// [`KeysError::UnknownKey`], and those of reading and writing.
    pub fn revoke(&self, id: &str) -> Result<KeyRecord, KeysError> {
        let _lock = self.lock()?;
        let mut keys = self.read()?.unwrap_or_default();
        let Some(idx) = keys.iter().position(|key| key.id == id) else {
            return Err(KeysError::UnknownKey {
                id: id.chars().take(MAX_NAME).collect(),
                path: self.0.clone(),
            });
        };
        let record = keys.remove(idx);
        self.write(keys)?;
        Ok(record)
    }

    fn lock(&self) -> Result<FileLock, StoreError> {
        let path = Utf8PathBuf::from(format!("{}.lock", self.0));
        FileLock::acquire(&path, &Cancel::new(), |_| {})
    }

    /// The file can be read by its owner alone: that is how [`write_atomic`] makes files.
    fn write(&self, keys: Vec<KeyRecord>) -> Result<(), KeysError> {
        let contents = Contents { version: VERSION, keys };
        let mut text = serde_json::to_string_pretty(&contents).expect("keys are plain data");
        text.push('\n');
        Ok(write_atomic(&self.0, text.as_bytes())?)
    }
}

fn check(what: &'static str, text: &str) -> Result<(), KeysError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if text.trim().is_empty() || text.len() > MAX_NAME || !plain {
        let text = text.chars().take(MAX_NAME).collect();
        return Err(KeysError::BadName { what, text });
    }
    Ok(())
}
