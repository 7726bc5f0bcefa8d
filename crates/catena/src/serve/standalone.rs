//! Models served without a project.

use super::project::ASSUMED_MEMORY;
use super::{Listener, Options};
use crate::args::ServeArgs;
use crate::classifier::LocalClassifier;
use crate::failure::{Exit, Failure};
use crate::machine;
use crate::models::{BoxError, LanguageModel, LocalEmbedder, Numerics, draft_failure};
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use axum::Router;
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::{EngineHandle, KvBudget};
use catena_kernels::Pool;
use catena_model::ModelError;
use catena_model::encoder::{EncoderConfig, EncoderTask};
use catena_pipeline::config::ServeConfig;
use catena_protocol::{Cancel, Progress};
use catena_serve::{App, ServedModel};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A model on disk and the name it is served under.
pub(super) struct NamedModel {
    pub(super) name: String,
    pub(super) path: Utf8PathBuf,
    kind: Kind,
}

/// What a model does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It writes.
    Language,
    /// It turns texts into vectors.
    Embedder,
    /// It scores texts, or a query and a passage.
    Classifier,
}

/// A model that no route of the server takes.
#[derive(Debug, thiserror::Error)]
#[error("it is a `{architecture}`, which labels tokens; nothing that is served here asks for that")]
struct TokenLabels {
    architecture: String,
}

impl Kind {
    /// What the files at `path` say. What is no encoder is taken for a language model, whose loader
    /// says what is wrong with it.
    fn of(path: &Utf8Path) -> Result<Self, Failure> {
        match EncoderConfig::open(path) {
            Ok(config) => match config.head.task {
                EncoderTask::Hidden => Ok(Self::Embedder),
                EncoderTask::SequenceClassification => Ok(Self::Classifier),
                EncoderTask::TokenClassification => {
                    let architecture = config.head.architecture;
                    let failure = cannot_load(path, Box::new(TokenLabels { architecture }));
                    Err(failure.hint("`--embedder` serves its trunk as one that gives vectors"))
                }
            },
            Err(ModelError::UnsupportedArchitecture { .. } | ModelError::Io { .. }) => {
                Ok(Self::Language)
            }
            Err(error) => Err(cannot_load(path, error.into())),
        }
    }
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
    let server = start(listener, &models, draft.as_deref(), &machine::pool(threads))?;
    say(&format!("  API: {}/v1  (Ctrl-C stops)", server.address()));
    server.wait(cancel)
}

fn start(
    listener: Listener,
    models: &[NamedModel],
    mut draft: Option<&Utf8Path>,
    pool: &Arc<Pool>,
) -> Result<super::Server, Failure> {
    let serve = listener.options().serve().clone();
    let sharing = models.iter().filter(|model| model.kind == Kind::Language).count();
    let mut served = Vec::new();
    for model in models {
        let loaded = match model.kind {
            // The first language model is the one that is written ahead for.
            Kind::Language => language(model, draft.take(), &serve, sharing, pool)?,
            Kind::Embedder => {
                let identity = model.path.to_string();
                let embedder = LocalEmbedder::open(&model.path, identity, pool.clone());
                let embedder = embedder.map_err(|error| cannot_load(&model.path, error))?;
                ServedModel::Embedder(Arc::new(embedder))
            }
            Kind::Classifier => {
                let classifier = LocalClassifier::classifier(&model.path, pool.clone())?;
                ServedModel::Classifier(Arc::new(classifier))
            }
        };
        served.push((model.name.clone(), loaded));
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
