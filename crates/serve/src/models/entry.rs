//! One name and what stands behind it.

use super::served::ServedModel;
use super::source::{LoadedModel, ModelFiles, ModelSource};
use crate::error::ApiError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

/// How a model comes into memory.
#[derive(Clone)]
pub(crate) enum Kind {
    /// It was there from the start and stays.
    Fixed,
    /// From files.
    Source(Arc<dyn ModelSource>),
    /// An adapter beside the model called `base`.
    Adapter { base: String, folder: String },
}

/// Whether a model is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Loaded,
    Loading,
    Unloaded,
}

impl State {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Loading => "loading",
            Self::Unloaded => "unloaded",
        }
    }
}

/// A model in memory.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) model: ServedModel,
    pub(super) bytes: u64,
}

/// A name in the table. It stays while models come and go behind it.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Where a fixed one comes from once its engine has stopped, if it can be had again.
    revival: OnceLock<Arc<dyn ModelSource>>,
    loaded: RwLock<Option<Loaded>>,
    is_loading: AtomicBool,
    /// Loads that have ended.
    attempts: AtomicU64,
    /// Why the last one failed, if it did because of the model's files.
    failure: Mutex<Option<String>>,
    is_pinned: AtomicBool,
    /// Counts requests of the whole table: the larger the later.
    last_use: AtomicU64,
}

/// An entry as it is told.
pub(crate) struct Listed {
    pub(crate) name: String,
    /// The name of the model that it is an adapter for.
    pub(crate) base: Option<String>,
    pub(crate) state: State,
    pub(crate) is_pinned: bool,
    /// What is in memory.
    pub(crate) model: Option<ServedModel>,
    loaded_bytes: u64,
    /// Where it would come from.
    source: Option<Arc<dyn ModelSource>>,
    /// What knows its files.
    origin: Option<Arc<dyn ModelSource>>,
}

impl Listed {
    /// Bytes that it occupies, or will as far as can be said. May look at files; not for async
    /// threads.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.source {
            Some(source) if self.model.is_none() => source.bytes(),
            Some(_) | None => self.loaded_bytes,
        }
    }

    /// Bytes in memory; 0 if it is not there, or if nobody counted them.
    pub(crate) fn bytes_in_memory(&self) -> u64 {
        self.loaded_bytes
    }

    /// What its own files say of it. Looks at them; not for async threads.
    pub(crate) fn files(&self) -> Option<ModelFiles> {
        self.origin.as_ref()?.files()
    }
}

/// A load that has not ended.
pub(super) struct Attempt<'a> {
    entry: &'a Entry,
    failure: Option<String>,
}

impl Attempt<'_> {
    /// Tells those who waited for it why it failed, if the model's files are why.
    pub(super) fn end(mut self, error: Option<&ApiError>) {
        if let Some(ApiError::NotLoadable { reason, .. }) = error {
            self.failure = Some(reason.clone());
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let Entry { failure, attempts, is_loading, .. } = self.entry;
        *failure.lock().unwrap_or_else(PoisonError::into_inner) = self.failure.take();
        attempts.fetch_add(1, Ordering::AcqRel);
        is_loading.store(false, Ordering::Release);
    }
}

impl Entry {
    pub(super) fn new(name: String, kind: Kind, model: Option<LoadedModel>, pinned: bool) -> Self {
        let loaded = model.map(|LoadedModel { model, bytes }| Loaded { model, bytes });
        Self {
            name,
            kind,
            revival: OnceLock::new(),
            loaded: RwLock::new(loaded),
            is_loading: AtomicBool::new(false),
            attempts: AtomicU64::new(0),
            failure: Mutex::default(),
            is_pinned: AtomicBool::new(pinned),
            last_use: AtomicU64::new(0),
        }
    }

    pub(super) fn model(&self) -> Option<ServedModel> {
        self.read().map(|loaded| loaded.model)
    }

    /// The model, unless its engine has stopped and another can be had.
    pub(super) fn working(&self) -> Option<ServedModel> {
        self.model().filter(|model| !self.can_return() || !model.has_stopped())
    }

    /// Whether it could be loaded if it were not in memory.
    pub(super) fn can_return(&self) -> bool {
        !matches!(self.kind, Kind::Fixed) || self.revival.get().is_some()
    }

    pub(super) fn revival(&self) -> Option<&Arc<dyn ModelSource>> {
        self.revival.get()
    }

    /// Has a fixed one come from `source` once its engine has stopped.
    pub(super) fn revive_with(&self, source: Arc<dyn ModelSource>) {
        // The first one stays.
        let _ = self.revival.set(source);
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> u64 {
        self.loaded
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map_or(0, |one| one.bytes)
    }

    pub(super) fn put(&self, loaded: Loaded) -> Option<Loaded> {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).replace(loaded)
    }

    pub(super) fn take(&self) -> Option<Loaded> {
        self.loaded.write().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether a request runs with it.
    pub(super) fn is_in_use(&self) -> bool {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.as_ref().is_some_and(|one| one.model.is_in_use())
    }

    /// Loads that have ended so far.
    pub(super) fn attempts(&self) -> u64 {
        self.attempts.load(Ordering::Acquire)
    }

    /// Why the last load failed, if it ended after the first `seen`.
    pub(super) fn failure_after(&self, seen: u64) -> Option<String> {
        if self.attempts() == seen {
            return None;
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The entry is being loaded until the attempt ends, in whichever way.
    pub(super) fn begin_loading(&self) -> Attempt<'_> {
        self.is_loading.store(true, Ordering::Release);
        Attempt { entry: self, failure: None }
    }

    pub(super) fn is_pinned(&self) -> bool {
        self.is_pinned.load(Ordering::Acquire)
    }

    pub(super) fn pin(&self, pinned: bool) {
        self.is_pinned.store(pinned, Ordering::Release);
    }

    pub(super) fn used(&self, at: u64) {
        self.last_use.store(at, Ordering::Relaxed);
    }

    pub(super) fn last_use(&self) -> u64 {
        self.last_use.load(Ordering::Relaxed)
    }

    /// The model that it is an adapter for.
    pub(super) fn base(&self) -> Option<&str> {
        match &self.kind {
            Kind::Adapter { base, .. } => Some(base),
            Kind::Fixed | Kind::Source(_) => None,
        }
    }

    /// What is known of it without a look at its files.
    pub(super) fn listed(&self) -> Listed {
        let loaded = self.read();
        let state = if loaded.is_some() {
            State::Loaded
        } else if self.is_loading.load(Ordering::Acquire) {
            State::Loading
        } else {
            State::Unloaded
        };
        let source = match &self.kind {
            Kind::Source(source) => Some(source.clone()),
            Kind::Fixed | Kind::Adapter { .. } => None,
        };
        let origin = source.clone().or_else(|| self.revival().cloned());
        Listed {
            name: self.name.clone(),
            base: self.base().map(str::to_owned),
            state,
            is_pinned: self.is_pinned(),
            loaded_bytes: loaded.as_ref().map_or(0, |loaded| loaded.bytes),
            model: loaded.map(|loaded| loaded.model),
            source,
            origin,
        }
    }

    fn read(&self) -> Option<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
