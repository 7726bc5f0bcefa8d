//! Models served without a project.

use super::files::{EmbedderFiles, LanguageFiles, Running};
use super::on_demand::on_demand;
use super::project::ASSUMED_MEMORY;
use super::{Listener, Options};
use crate::args::ServeArgs;
use crate::failure::{Exit, Failure};
use crate::machine;
use crate::models::{BoxError, Numerics};
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use axum::Router;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_protocol::{Cancel, Progress};
use catena_serve::{App, ModelSource};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A model on disk and the name it is served under.
pub(super) struct NamedModel {
    pub(super) name: String,
    pub(super) path: Utf8PathBuf,
}

/// Runs `catena serve MODEL...`.
pub(super) fn run(
    args: &ServeArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let progress = for_stderr();
    let find = |texts: &[String]| named_models(texts, progress.as_ref(), cancel);
    let (models, embedders) = (find(&args.models)?, find(&args.embedder)?);
    check_names(models.iter().chain(&embedders))?;
    let draft = args.draft.as_ref().map(std::slice::from_ref).map(find).transpose()?;
    let draft = draft.and_then(|mut found| found.pop()).map(|draft| draft.path);
    let listener = Listener::open(Options::of_flags(&args.listen)?)?;
    let server = start(listener, &models, &embedders, draft.as_deref(), &machine::pool(threads))?;
    say(&format!("  API: {}/v1  (Ctrl-C stops)", server.address()));
    server.wait(cancel)
}

fn start(
    listener: Listener,
    models: &[NamedModel],
    embedders: &[NamedModel],
    draft: Option<&Utf8Path>,
    pool: &Arc<Pool>,
) -> Result<super::Server, Failure> {
    let options = listener.options().clone();
    let serve = options.serve();
    let free = catena_pipeline::memory::available_bytes().unwrap_or(ASSUMED_MEMORY);
    let running = Running {
        pool: pool.clone(),
        numerics: Numerics::of(serve),
        max_sequences: serve.max_sequences,
        max_waiting: serve.max_waiting,
        budget: options.cache_budget(free / models.len().max(1) as u64),
    };
    let (settings, observers) = listener.app_parts();
    let app = App::with(Vec::new(), settings, observers);
    for (idx, NamedModel { name, path }) in models.iter().enumerate() {
        let draft = draft.filter(|_| idx == 0).map(Utf8Path::to_owned);
        let files = LanguageFiles { path: path.clone(), draft, running: running.clone() };
        let (loaded, reason) = files.open().map_err(|error| cannot_load(path, error))?;
        say(&format!("  {name}: {reason}"));
        app.declare(name, Arc::new(files), Some(loaded), true);
    }
    for NamedModel { name, path } in embedders {
        let files = EmbedderFiles { path: path.clone(), pool: pool.clone() };
        let loaded = files.load().map_err(|error| cannot_load(path, error))?;
        app.declare(name, Arc::new(files), Some(loaded), true);
    }
    let base = models.first().map(|model| model.name.as_str());
    on_demand(&app, &options, &running, free, base)?;
    let router: Router = catena_serve::router(app.clone());
    listener
        .serve(app, router)
        .map_err(|error| Failure::new(Exit::Environment, "cannot serve", error))
}

fn cannot_load(path: &Utf8Path, error: BoxError) -> Failure {
    Failure::new(Exit::Environment, format!("cannot load the model `{path}`"), error)
}

/// Finds `MODEL` or `NAME=MODEL`; a model without a name has that of its file or folder.
fn named_models(
    texts: &[String],
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<NamedModel>, Failure> {
    let finder = Finder { project: Utf8Path::new(""), progress, cancel };
    let named = |text: &String| {
        let (name, source) = match text.split_once('=') {
            Some((name, source)) => (Some(name), source),
            None => (None, text.as_str()),
        };
        let path = finder.model_path(source)?;
        let own = || Utf8Path::new(source).file_name().unwrap_or(source).trim_end_matches(".gguf");
        Ok(NamedModel { name: name.unwrap_or_else(own).to_owned(), path })
    };
    texts.iter().map(named).collect()
}

fn check_names<'a>(models: impl Iterator<Item = &'a NamedModel>) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    for NamedModel { name, .. } in models {
        if name.is_empty() || !names.insert(name) {
            let cause = format!("the name `{name}` is empty or given twice");
            return Err(Failure::new(Exit::Usage, "cannot serve these models", cause)
                .hint("give each a name of its own: NAME=MODEL"));
        }
    }
    Ok(())
}
