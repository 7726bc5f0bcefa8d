//! What requests may have loaded while the server runs.

use super::Options;
use super::files::Running;
use super::kind::Kind;
use super::library::Folders;
use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use camino::Utf8PathBuf;
use catena_engine::KvBudget;
use catena_serve::App;
use std::sync::{Arc, Mutex};

/// The part of the memory for models that one model's cache may take.
const CACHE_SHARE: u64 = 8;

/// Declares the models and adapters of `[serve]`; `free` bytes are there for them, and `base` is the
/// model that adapters are for.
pub(super) fn on_demand(
    app: &App,
    options: &Options,
    running: &Running,
    free: u64,
    base: Option<&str>,
) -> Result<(), Failure> {
    let serve = options.serve();
    let memory = match serve.models_memory_bytes {
        0 => free / 5 * 4,
        bytes => bytes,
    };
    app.set_memory(memory);
    let budget = match serve.cache_bytes {
        0 => KvBudget::Bytes(memory / CACHE_SHARE),
        bytes => KvBudget::Bytes(bytes),
    };
    let running = Running { budget, ..running.clone() };
    for (name, path) in &serve.models {
        let path = existing(options.path(path), "serve.models")?;
        let kind = Kind::of(&path)?;
        app.declare(name, kind.source(path, None, &running), None, false);
    }
    for (name, folder) in &serve.adapters {
        let folder = existing(options.path(folder), "serve.adapters")?;
        let declared = base
            .ok_or("there is no language model".into())
            .and_then(|base| Ok(app.declare_adapter(name, base, folder.as_str())?));
        declared.map_err(|error: BoxError| {
            Failure::new(Exit::Usage, format!("cannot serve the adapter `{name}`"), error)
        })?;
    }
    let folder = |name: &str, key| match name {
        "" => Ok(None),
        name => existing(options.path(name), key).map(Some),
    };
    let models = folder(&serve.models_folder, "serve.models_folder")?;
    let adapters = folder(&serve.adapters_folder, "serve.adapters_folder")?;
    if models.is_some() || adapters.is_some() {
        app.set_library(Arc::new(Folders { models, adapters, running, sources: Mutex::default() }));
    }
    Ok(())
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
