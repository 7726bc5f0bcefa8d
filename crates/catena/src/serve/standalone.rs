//! Models served without a project.

use super::project::ASSUMED_MEMORY;
use super::{Listener, Options};
use crate::args::ServeArgs;
use crate::failure::{Exit, Failure};
use crate::machine;
use crate::models::{BoxError, LanguageModel, LocalEmbedder, Numerics, draft_failure};
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use axum::Router;
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::{EngineHandle, KvBudget};
use catena_kernels::Pool;
use catena_pipeline::config::ServeConfig;
use catena_protocol::{Cancel, Progress};
use catena_serve::{App, ServedModel};
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
    let serve = listener.options().serve().clone();
    let mut served = Vec::new();
    for (idx, model) in models.iter().enumerate() {
        let draft = draft.filter(|_| idx == 0);
        served.push((model.name.clone(), language(model, draft, &serve, models.len(), pool)?));
    }
    for model in embedders {
        let embedder = LocalEmbedder::open(&model.path, model.path.to_string(), pool.clone());
        let embedder = embedder.map_err(|error| cannot_load(&model.path, error))?;
        served.push((model.name.clone(), ServedModel::Embedder(Arc::new(embedder))));
    }
    let (settings, observers) = listener.app_parts();
    let app = App::with(served, settings, observers);
    let router: Router = catena_serve::router(app.clone());
    listener
        .serve(app, router)
        .map_err(|error| Failure::new(Exit::Environment, "cannot serve", error))
}

/// Loads a language model; `sharing` of them share the free memory.
fn language(
    named: &NamedModel,
    draft: Option<&Utf8Path>,
    serve: &ServeConfig,
    sharing: usize,
    pool: &Arc<Pool>,
) -> Result<ServedModel, Failure> {
    let load = || -> Result<_, BoxError> {
        let model = LanguageModel::open_base(&named.path)?;
        let numerics = Numerics::of(serve);
        let free = catena_pipeline::memory::available_bytes().unwrap_or(ASSUMED_MEMORY);
        let budget = KvBudget::Available(free / sharing as u64);
        let (engine, reason) = model.engine(pool.clone(), numerics, serve.max_sequences, budget)?;
        say(&format!("  {}: {reason}", named.name));
        Ok((model, engine, numerics, budget))
    };
    let (model, mut engine, numerics, budget) =
        load().map_err(|error| cannot_load(&named.path, error))?;
    if let Some(path) = draft {
        let write_ahead = || -> Result<_, BoxError> {
            let draft = LanguageModel::open_draft(path, &model)?;
            draft.write_ahead_for(engine, pool.clone(), numerics, budget)
        };
        engine = write_ahead().map_err(|error| draft_failure(path, error))?;
    }
    let engine = EngineHandle::spawn(engine, serve.max_waiting)
        .map_err(|error| cannot_load(&named.path, error.into()))?;
    Ok(ServedModel::Language(catena_serve::LanguageModel {
        engine,
        codec: model.codec,
        default_temperature: DEFAULT_TEMPERATURE,
        default_max_tokens: usize::MAX,
    }))
}

/// What OpenAI's API takes when a request says nothing.
const DEFAULT_TEMPERATURE: f32 = 1.0;

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
