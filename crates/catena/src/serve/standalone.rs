//! Models served without a project.

use super::files::{Defaults, Running};
use super::kind::{Kind, cannot_load};
use super::on_demand::OnDemand;
use super::project::ASSUMED_MEMORY;
use super::{Listener, Options};
use crate::args::ServeArgs;
use crate::failure::{Exit, Failure};
use crate::machine;
use crate::models::Numerics;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use axum::Router;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Pool;
use catena_protocol::{Cancel, Progress};
use catena_serve::App;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A model on disk and the name it is served under.
pub(super) struct NamedModel {
    pub(super) name: String,
    pub(super) path: Utf8PathBuf,
    kind: Kind,
}

/// Runs `catena serve MODEL...`.
pub(super) fn run(
    args: &ServeArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let progress = for_stderr();
    let find =
        |texts: &[String], kind: Option<Kind>| named_models(texts, kind, progress.as_ref(), cancel);
    let mut models = find(&args.models, None)?;
    models.extend(find(&args.embedder, Some(Kind::Embedder))?);
    models.extend(find(&args.classifier, Some(Kind::Classifier))?);
    check_names(&models)?;
    let draft = args.draft.as_ref().map(std::slice::from_ref);
    let draft = draft.map(|draft| find(draft, Some(Kind::Language))).transpose()?;
    let draft = draft.and_then(|mut found| found.pop()).map(|draft| draft.path);
    let listener = Listener::open(Options::of_flags(&args.listen)?)?;
    let server = start(listener, &models, draft, &machine::pool(threads))?;
    say(&format!("  API: {}/v1  (Ctrl-C stops)", server.address()));
    server.wait(cancel)
}

fn start(
    listener: Listener,
    models: &[NamedModel],
    mut draft: Option<Utf8PathBuf>,
    pool: &Arc<Pool>,
) -> Result<super::Server, Failure> {
    let options = listener.options().clone();
    let serve = options.serve();
    let free = catena_pipeline::memory::available_bytes().unwrap_or(ASSUMED_MEMORY);
    let languages = models.iter().filter(|model| model.kind == Kind::Language);
    let sharing = languages.clone().count().max(1) as u64;
    let running = Running {
        pool: pool.clone(),
        numerics: Numerics::of(serve),
        max_sequences: serve.max_sequences,
        max_waiting: serve.max_waiting,
        budget: options.cache_budget(free / sharing),
        defaults: Defaults::OPENAI,
    };
    let (settings, observers) = listener.app_parts();
    let app = App::with(Vec::new(), settings, observers);
    for NamedModel { name, path, kind } in models {
        // The first language model is the one that is written ahead for.
        let draft = if *kind == Kind::Language { draft.take() } else { None };
        let source = kind.source(path.clone(), draft, &running);
        let loaded = source.load().map_err(|error| cannot_load(path, error))?;
        app.declare(name, source, Some(loaded), true);
    }
    let base = languages.map(|model| model.name.as_str()).next();
    let on_demand = OnDemand::begin(&app, &options, &running, free, base)?;
    let router: Router = catena_serve::alone(app.clone());
    listener
        .serve(app, router, Some(on_demand))
        .map_err(|error| Failure::of(Exit::Environment, "cannot serve", error))
}

/// Finds `MODEL` or `NAME=MODEL`; a model without a name has that of its file or folder, and its files
/// say what it is unless `kind` does.
fn named_models(
    texts: &[String],
    kind: Option<Kind>,
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
        let kind = kind.map_or_else(|| Kind::of(&path), Ok)?;
        Ok(NamedModel { name: name.unwrap_or_else(own).to_owned(), path, kind })
    };
    texts.iter().map(named).collect()
}

fn check_names(models: &[NamedModel]) -> Result<(), Failure> {
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
