//! What requests may have loaded while the server runs.

use super::Options;
use super::files::Running;
use super::kind::Kind;
use super::library::Folders;
use crate::failure::{Exit, Failure};
use crate::progress::for_stderr;
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::KvBudget;
use catena_pipeline::config::{ServedModelChoice, ServedModelTable};
use catena_protocol::Cancel;
use catena_serve::{App, ModelSource};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The part of the memory for models that one model's cache may take.
const CACHE_SHARE: u64 = 8;

/// The models and adapters of `[serve]`, as they were declared last.
pub(super) struct OnDemand {
    app: App,
    running: Running,
    /// Bytes that were there for models at the start.
    free: u64,
    /// The model that adapters are for.
    base: Option<String>,
    /// Names of what the server was started with.
    own: BTreeSet<String>,
    applied: Mutex<Applied>,
}

/// What was declared, by name.
#[derive(Clone, Default)]
struct Applied {
    models: BTreeMap<String, ServedModelChoice>,
    adapters: BTreeMap<String, String>,
}

/// A change that has been checked.
pub(super) struct Change {
    applied: Applied,
    /// Names that are no longer there.
    gone: Vec<String>,
    models: Vec<Declared>,
    /// Adapters with base and folder.
    adapters: Vec<(String, String, Utf8PathBuf)>,
    memory: u64,
}

/// A model that is new, or comes from elsewhere.
struct Declared {
    name: String,
    source: Arc<dyn ModelSource>,
    is_pinned: bool,
}

impl OnDemand {
    /// Declares the models and adapters of `[serve]` to `app`, which has those of its own already, and
    /// loads the pinned ones; `free` bytes are there for them, and `base` is the model that adapters
    /// are for.
    ///
    /// # Errors
    /// As [`OnDemand::change`]; a pinned model that cannot be loaded.
    pub(super) fn begin(
        app: &App,
        options: &Options,
        running: &Running,
        free: u64,
        base: Option<&str>,
    ) -> Result<Self, Failure> {
        let (running, base) = (running.clone(), base.map(str::to_owned));
        let own = app.model_names().into_iter().collect();
        let demand = Self { app: app.clone(), running, free, base, own, applied: Mutex::default() };
        let change = demand.change(options)?;
        let (pinned, models) = change.models.into_iter().partition(|model| model.is_pinned);
        let pinned: Vec<Declared> = pinned;
        for Declared { name, source, .. } in pinned {
            let goal = || format!("cannot load the model `{name}`");
            let loaded = source.load();
            let loaded = loaded.map_err(|error| Failure::new(Exit::Environment, goal(), error))?;
            app.declare(&name, source, Some(loaded), true);
        }
        demand.apply(Change { models, ..change });
        let serve = options.serve();
        let folder = |name: &str, key| match name {
            "" => Ok(None),
            name => existing(options.path(name), key).map(Some),
        };
        let models = folder(&serve.models_folder, "serve.models_folder")?;
        let adapters = folder(&serve.adapters_folder, "serve.adapters_folder")?;
        if models.is_some() || adapters.is_some() {
            let running = demand.running(options, demand.memory(options));
            let sources = Mutex::default();
            app.set_library(Arc::new(Folders { models, adapters, running, sources }));
        }
        Ok(demand)
    }

    /// What `options` would change, checked: nothing is changed yet.
    ///
    /// # Errors
    /// A path that is not there, a model that cannot be served, pinned ones that are too large, a name
    /// that is taken, an adapter without a model.
    pub(super) fn change(&self, options: &Options) -> Result<Change, Failure> {
        let serve = options.serve();
        let memory = self.memory(options);
        let running = self.running(options, memory);
        let before = self.applied().clone();
        let applied = Applied { models: serve.models.clone(), adapters: serve.adapters.clone() };
        let mut models = Vec::new();
        for (name, choice) in &serve.models {
            self.check_free(name, applied.adapters.contains_key(name))?;
            if before.models.get(name) != Some(choice) {
                models.push(declared(name, &choice.table(), options.folder(), &running)?);
            }
        }
        let pinned = models.iter().filter(|model| model.is_pinned);
        let bytes: u64 = pinned.map(|model| model.source.bytes()).sum();
        if bytes > memory {
            let cause = format!("they take {bytes} bytes, and models may take {memory}");
            return Err(Failure::new(
                Exit::Usage,
                "cannot keep the pinned models in memory",
                cause,
            )
            .hint("pin fewer, or raise serve.models_memory_bytes"));
        }
        let mut adapters = Vec::new();
        for (name, folder) in &serve.adapters {
            self.check_free(name, false)?;
            if before.adapters.get(name) == Some(folder) {
                continue;
            }
            let folder = existing(options.path(folder), "serve.adapters")?;
            let base = self.base.clone().ok_or_else(|| {
                let goal = format!("cannot serve the adapter `{name}`");
                Failure::new(Exit::Usage, goal, "there is no language model")
            })?;
            adapters.push((name.clone(), base, folder));
        }
        let is_there = |name: &&String| {
            applied.models.contains_key(*name) || applied.adapters.contains_key(*name)
        };
        let known = before.models.keys().chain(before.adapters.keys());
        let gone = known.filter(|name| !is_there(name)).cloned().collect();
        Ok(Change { applied, gone, models, adapters, memory })
    }

    /// The names that there are after `change`.
    pub(super) fn names_after(&self, change: &Change) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.app.model_names().into_iter().collect();
        names.retain(|name| !change.gone.contains(name));
        names.extend(change.applied.models.keys().cloned());
        names.extend(change.applied.adapters.keys().cloned());
        names
    }

    /// Changes what was checked, and says which models are to be loaded now. Requests that run go on as
    /// they began.
    pub(super) fn apply(&self, change: Change) -> Vec<String> {
        let Change { applied, gone, models, adapters, memory } = change;
        self.app.set_memory(memory);
        let mut wanted = Vec::new();
        for Declared { name, source, is_pinned } in models {
            self.app.redeclare(&name, source, is_pinned);
            wanted.extend(is_pinned.then_some(name));
        }
        for (name, base, folder) in adapters {
            self.app.redeclare_adapter(&name, &base, folder.as_str());
        }
        for name in gone {
            self.app.retire(&name);
        }
        *self.applied() = applied;
        wanted
    }

    fn applied(&self) -> std::sync::MutexGuard<'_, Applied> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn memory(&self, options: &Options) -> u64 {
        match options.serve().models_memory_bytes {
            0 => self.free / 5 * 4,
            bytes => bytes,
        }
    }

    fn running(&self, options: &Options, memory: u64) -> Running {
        let budget = match options.serve().cache_bytes {
            0 => KvBudget::Bytes(memory / CACHE_SHARE),
            bytes => KvBudget::Bytes(bytes),
        };
        Running { budget, ..self.running.clone() }
    }

    /// Refuses a name that the server was started with, or that `is_taken` otherwise.
    fn check_free(&self, name: &str, is_taken: bool) -> Result<(), Failure> {
        if !is_taken && !self.own.contains(name) {
            return Ok(());
        }
        let cause = "there is a model or an adapter of that name already";
        Err(Failure::new(Exit::Usage, format!("cannot serve `{name}`"), cause)
            .hint("give each a name of its own"))
    }
}

/// The model called `name`, found and looked at.
fn declared(
    name: &str,
    table: &ServedModelTable,
    folder: &Utf8Path,
    running: &Running,
) -> Result<Declared, Failure> {
    let (progress, cancel) = (for_stderr(), Cancel::new());
    let finder = Finder { project: folder, progress: progress.as_ref(), cancel: &cancel };
    let path = finder.model_path(&table.source)?;
    let kind = Kind::of(&path)?;
    let draft = match table.draft.as_str() {
        "" => None,
        draft if kind == Kind::Language => Some(finder.model_path(draft)?),
        _ => {
            let goal = format!("cannot serve the model `{name}`");
            let failure = Failure::new(Exit::Usage, goal, "it writes nothing, and has a draft");
            return Err(failure.hint("leave its draft out"));
        }
    };
    let source = kind.source(path, draft, running);
    Ok(Declared { name: name.to_owned(), source, is_pinned: table.pinned })
}

/// A path that is there.
fn existing(path: Utf8PathBuf, key: &str) -> Result<Utf8PathBuf, Failure> {
    if path.exists() {
        return Ok(path);
    }
    let cause = format!("there is no `{path}`");
    Err(Failure::new(Exit::Usage, format!("cannot use `{key}`"), cause)
        .hint("give a file or folder that is there; paths of a project begin at its folder"))
}
