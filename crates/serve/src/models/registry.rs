//! The table of models.

use super::entry::{Entry, Kind, Listed, Loaded};
use super::served::ServedModel;
use super::source::{Library, LoadedModel, ModelFiles, ModelSource};
use crate::blocking::brief;
use crate::context;
use crate::error::ApiError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// Wait proposed to those whose turn did not come in time.
const RETRY: Duration = Duration::from_secs(1);

/// Most adapters that are declared.
const MAX_ADAPTERS: usize = 10_000;

/// The right to load and unload, for as long as it is held.
pub(super) type Turn = OwnedMutexGuard<()>;

/// All names, in the order they are listed.
pub(crate) struct Registry {
    entries: RwLock<Vec<Arc<Entry>>>,
    /// Most bytes of models that may come and go; `u64::MAX` if nobody set a bound.
    budget: AtomicU64,
    library: OnceLock<Arc<dyn Library>>,
    uses: AtomicU64,
    /// Models are loaded and unloaded one at a time.
    changing: Arc<Mutex<()>>,
}

impl Registry {
    /// A table of models that are there and stay.
    pub(crate) fn new(models: Vec<(String, ServedModel)>) -> Self {
        let fixed = |(name, model)| {
            let model = LoadedModel { model, bytes: 0 };
            Arc::new(Entry::new(name, Kind::Fixed, Some(model), true))
        };
        Self {
            entries: RwLock::new(models.into_iter().map(fixed).collect()),
            budget: AtomicU64::new(u64::MAX),
            library: OnceLock::new(),
            uses: AtomicU64::new(0),
            changing: Arc::default(),
        }
    }

    pub(crate) fn set_budget(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Release);
    }

    pub(crate) fn budget(&self) -> Option<u64> {
        Some(self.budget.load(Ordering::Acquire)).filter(|bytes| *bytes != u64::MAX)
    }

    /// Bytes of the models in memory that may come and go.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.all().iter().map(|entry| entry.bytes()).sum()
    }

    pub(crate) fn set_library(&self, library: Arc<dyn Library>) {
        assert!(self.library.set(library).is_ok(), "a server has one library");
    }

    /// The folder of the adapter that a client's `path` names: one in the server's folder of adapters,
    /// so that nobody finds out what else is on the disk.
    ///
    /// # Errors
    /// [`ApiError::InvalidField`].
    pub(crate) fn adapter_folder(&self, path: &str) -> Result<String, ApiError> {
        let library = self.library();
        library.and_then(|library| library.adapter(path)).ok_or_else(|| {
            let reason = match library {
                Some(_) => "no adapter of that name is in the server's folder of adapters",
                None => "the server was started without a folder of adapters (`--adapters-folder`)",
            };
            ApiError::InvalidField { field: "lora_path", reason: reason.to_owned() }
        })
    }

    fn library(&self) -> Option<&Arc<dyn Library>> {
        self.library.get()
    }

    /// Adds a model from files; `loaded` if it is in memory already. Does nothing to a name that is
    /// there.
    pub(crate) fn declare(
        &self,
        name: &str,
        source: Arc<dyn ModelSource>,
        loaded: Option<LoadedModel>,
        pinned: bool,
    ) {
        self.add(Entry::new(name.to_owned(), Kind::Source(source), loaded, pinned));
    }

    /// Adds an adapter beside `base`, read from `folder` when it is asked for.
    ///
    /// # Errors
    /// [`ApiError::ModelExists`], [`ApiError::InvalidField`] if there are too many.
    pub(crate) fn declare_adapter(
        &self,
        name: &str,
        base: String,
        folder: String,
    ) -> Result<(), ApiError> {
        let kind = Kind::Adapter { base, folder };
        let is_adapter = |entry: &&Arc<Entry>| matches!(entry.kind, Kind::Adapter { .. });
        if self.all().iter().filter(is_adapter).count() >= MAX_ADAPTERS {
            let reason = format!("there are {MAX_ADAPTERS} adapters already; unload some");
            return Err(ApiError::InvalidField { field: "lora_name", reason });
        }
        if self.add(Entry::new(name.to_owned(), kind, None, false)) {
            return Ok(());
        }
        Err(ApiError::ModelExists { model: name.to_owned() })
    }

    /// Has `name` come from `source` from now on. Requests go on with what they began with.
    pub(crate) fn replace(&self, name: &str, source: Arc<dyn ModelSource>, pinned: bool) {
        let entry = Entry::new(name.to_owned(), Kind::Source(source), None, pinned);
        self.put(entry);
        self.forget_adapters(name);
    }

    /// The same of an adapter beside `base`.
    pub(crate) fn replace_adapter(&self, name: &str, base: String, folder: String) {
        self.put(Entry::new(name.to_owned(), Kind::Adapter { base, folder }, None, false));
    }

    fn put(&self, entry: Entry) {
        let entry = Arc::new(entry);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let place = entries.iter_mut().find(|known| known.name == entry.name);
        let before = if let Some(known) = place {
            Some(std::mem::replace(known, entry))
        } else {
            entries.push(entry);
            None
        };
        drop(entries);
        release(before.and_then(|before| before.take()));
    }

    /// Takes `name` out of the table, and its adapters out of memory. Requests that run with it end
    /// first.
    pub(crate) fn remove(&self, name: &str) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let place = entries.iter().position(|known| known.name == name);
        let removed = place.map(|place| entries.remove(place));
        drop(entries);
        release(removed.and_then(|removed| removed.take()));
        self.forget_adapters(name);
    }

    fn add(&self, entry: Entry) -> bool {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.iter().any(|known| known.name == entry.name) {
            return false;
        }
        entries.push(Arc::new(entry));
        true
    }

    /// The names that were declared, or asked for, with what is known of them.
    pub(crate) fn declared(&self) -> Vec<Listed> {
        self.all().iter().map(|entry| entry.listed()).collect()
    }

    /// Every name with what is known of it, those of the library too.
    ///
    /// # Errors
    /// [`ApiError::Internal`] if looking at the library panicked.
    pub(crate) async fn list(self: &Arc<Self>) -> Result<Vec<Listed>, ApiError> {
        if self.library().is_none() {
            return Ok(self.declared());
        }
        let registry = self.clone();
        brief(move || Ok(registry.list_now())).await
    }

    /// [`Registry::list`] on this thread, which waits for the disk: not for async ones.
    pub(crate) fn list_now(&self) -> Vec<Listed> {
        let mut list = self.declared();
        for name in self.library().map(|library| library.names()).unwrap_or_default() {
            if !list.iter().any(|listed| listed.name == name)
                && let Some(source) = self.library().and_then(|library| library.model(&name))
            {
                list.push(Entry::new(name, Kind::Source(source), None, false).listed());
            }
        }
        list
    }

    /// What the files of a model say of it; of an adapter, those of the model that it is for. Looks at
    /// files; not for async threads.
    pub(crate) fn files(&self, listed: &Listed) -> Option<ModelFiles> {
        match &listed.base {
            Some(base) => self.known(base)?.listed().files(),
            None => listed.files(),
        }
    }

    /// Models that belong in memory and are not there, because their engine stopped.
    pub(crate) fn away(&self) -> Vec<String> {
        let all = self.all();
        let away = |entry: &&Arc<Entry>| matches!(entry.kind, Kind::Fixed) && !entry.is_loaded();
        all.iter().filter(away).map(|entry| entry.name.clone()).collect()
    }

    /// The models in memory, with their names.
    pub(crate) fn loaded(&self) -> Vec<(String, ServedModel)> {
        let all = self.all();
        all.iter().filter_map(|entry| Some((entry.name.clone(), entry.model()?))).collect()
    }

    /// Whether `name` was declared, or asked for before.
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.known(name).is_some()
    }

    /// Whether a request may name `name`.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.find_now(name).is_some()
    }

    /// What is known of the model called `name`.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`].
    pub(crate) async fn listed(self: &Arc<Self>, name: &str) -> Result<Listed, ApiError> {
        Ok(self.find(name).await?.listed())
    }

    /// Whether the model called `name` can be taken out of memory.
    pub(crate) fn may_leave(&self, name: &str) -> bool {
        self.find_now(name).is_some_and(|entry| !matches!(entry.kind, Kind::Fixed))
    }

    /// Takes the model called `name` out of memory; requests that run with it end first, new ones
    /// load it again.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`], [`ApiError::ModelStays`], [`ApiError::Overloaded`] if others are
    /// loaded for longer than `patience`.
    pub(crate) async fn unload(
        self: &Arc<Self>,
        name: &str,
        patience: Duration,
    ) -> Result<(), ApiError> {
        let entry = self.find(name).await?;
        let _turn = self.turn(patience).await?;
        if matches!(entry.kind, Kind::Fixed) {
            return Err(ApiError::ModelStays { model: name.to_owned() });
        }
        self.forget_adapters(name);
        release(entry.take());
        Ok(())
    }

    /// Takes the adapter called `name` out of the table.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`] if it is no adapter, [`ApiError::Overloaded`] as
    /// [`Registry::unload`].
    pub(crate) async fn remove_adapter(
        self: &Arc<Self>,
        name: &str,
        patience: Duration,
    ) -> Result<(), ApiError> {
        let entry = self.find(name).await?;
        if entry.base().is_none() {
            return Err(self.unknown(name).await);
        }
        let _turn = self.turn(patience).await?;
        self.remove(name);
        Ok(())
    }

    /// Has the model called `name`, which was there from the start, come from `source` once its engine
    /// has stopped.
    pub(crate) fn revive_with(&self, name: &str, source: Arc<dyn ModelSource>) {
        if let Some(entry) = self.known(name) {
            entry.revive_with(source);
        }
    }

    /// Whether the model called `name`, which is in memory, could be loaded again.
    pub(crate) fn can_return(&self, name: &str) -> bool {
        self.known(name).is_some_and(|entry| entry.can_return())
    }

    /// Waits for its turn to load or unload.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] if it takes longer than `patience`.
    pub(super) async fn turn(&self, patience: Duration) -> Result<Turn, ApiError> {
        let turn = tokio::time::timeout(patience, self.changing.clone().lock_owned());
        let late = |_| ApiError::Overloaded { wait: patience + RETRY, limit: patience };
        turn.await.map_err(late)
    }

    /// Lets a model stay in memory, or no longer.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`]; [`ApiError::ModelStays`] for one that cannot leave.
    pub(crate) async fn pin(self: &Arc<Self>, name: &str, pinned: bool) -> Result<(), ApiError> {
        let entry = self.find(name).await?;
        if matches!(entry.kind, Kind::Fixed) && !pinned {
            return Err(ApiError::ModelStays { model: name.to_owned() });
        }
        entry.pin(pinned);
        Ok(())
    }

    pub(crate) async fn unknown(self: &Arc<Self>, name: &str) -> ApiError {
        let known = match self.list().await {
            Ok(list) => {
                let names = list.into_iter().map(|listed| listed.name);
                names.filter(|name| context::may_use(name)).collect()
            }
            Err(error) => return error,
        };
        ApiError::UnknownModel { model: name.chars().take(200).collect(), known }
    }

    /// Notes that a request names `entry`.
    pub(super) fn note_use(&self, entry: &Entry) {
        entry.used(self.uses.fetch_add(1, Ordering::Relaxed) + 1);
    }

    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self, name: &str) -> Option<Arc<Entry>> {
        self.all().into_iter().find(|entry| entry.name == name)
    }

    /// The entry of a name; one of the library gets its entry by being asked for.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`].
    pub(super) async fn find(self: &Arc<Self>, name: &str) -> Result<Arc<Entry>, ApiError> {
        if let Some(entry) = self.known(name) {
            return Ok(entry);
        }
        let found = match self.library() {
            Some(_) => {
                let (registry, name) = (self.clone(), name.to_owned());
                brief(move || Ok(registry.find_now(&name))).await?
            }
            None => None,
        };
        match found {
            Some(entry) => Ok(entry),
            None => Err(self.unknown(name).await),
        }
    }

    /// [`Registry::find`] on this thread, which looks whether the library has such a file.
    fn find_now(&self, name: &str) -> Option<Arc<Entry>> {
        self.known(name).or_else(|| {
            let source = self.library()?.model(name)?;
            self.declare(name, source, None, false);
            self.known(name)
        })
    }

    /// Takes the adapters of a model out of memory: the next one that is asked for is loaded into the
    /// model's next engine.
    pub(super) fn forget_adapters(&self, base: &str) {
        for entry in self.all().iter().filter(|entry| entry.base() == Some(base)) {
            release(entry.take());
        }
    }
}

/// Frees what was in memory, off the async threads: an engine ends its thread first.
pub(super) fn release(loaded: Option<Loaded>) {
    let Some(loaded) = loaded else { return };
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(loaded))),
        Err(_) => drop(loaded),
    }
}
