//! A project's server: the API and the studio on one port.

use super::files::{Defaults, Running};
use super::kind::Kind;
use super::on_demand::OnDemand;
use super::own::{OwnAssistant, OwnModel};
use super::{Listener, Options, Server};
use crate::args::ServeArgs;
use crate::documents::read_clean_documents;
use crate::explain::pipeline_failure;
use crate::failure::{Exit, Failure};
use crate::merged::gguf_file;
use crate::models::{BoxError, Numerics};
use crate::progress::{for_stderr, say};
use crate::project::Project;
use crate::report;
use crate::runs::ProjectRuns;
use crate::sets::ProjectSets;
use crate::stages::{HELDOUT_FILE, Inputs};
use camino::Utf8PathBuf;
use catena_data::read_records;
use catena_engine::KvBudget;
use catena_knowledge::{Embedder, Index, Method};
use catena_pipeline::{Action, Finished};
use catena_protocol::{Cancel, Document, RunReport};
use catena_serve::{App, Assistant, IndexRetriever, ServedModel};
use catena_studio::{Language, StudioInfo, StudioState};
use std::collections::HashMap;
use std::sync::Arc;

/// Free memory where the system does not tell.
pub(super) const ASSUMED_MEMORY: u64 = 2 << 30;
/// Questions the studio offers on its empty chat page.
const EXAMPLE_QUESTIONS: usize = 4;

/// A project that is served: the API and the studio on one port.
pub(crate) struct ProjectServer {
    server: Server,
    example_questions: Vec<String>,
}

/// Runs `catena serve` for a project whose stages are up to date.
pub(super) fn run(
    args: &ServeArgs,
    threads: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let progress = for_stderr();
    let Project { inputs, pipeline } =
        Project::open(&args.project, threads, progress.as_ref(), cancel)?;
    let goal = "cannot serve the project";
    let planned = pipeline.plan().map_err(|error| pipeline_failure(goal, error))?;
    if let Some(stage) = planned.iter().find(|stage| stage.action != Action::Cached) {
        let cause = format!("its stage `{}` is not up to date", stage.name);
        return Err(Failure::new(Exit::Usage, goal, cause)
            .hint("`catena up` brings every stage up to date, then serves"));
    }
    // Every stage is up to date: this reads their results and runs nothing.
    let finished = pipeline
        .run(progress.as_ref(), cancel, &mut |_, _| {})
        .map_err(|error| pipeline_failure(goal, error))?;
    drop(pipeline);
    let report =
        report::assemble(&inputs.config.project.name, &finished, &args.project.join(".catena"))?;
    let overrides = args.listen.overrides();
    let options = Options::of_project(&args.project, &inputs.config.serve, move |serve| {
        overrides(serve);
    })?;
    let server = ProjectServer::start(&inputs, &finished, &report, options)?;
    say(&format!("  studio and API: {}  (Ctrl-C stops)", server.address()));
    server.wait(cancel)
}

impl ProjectServer {
    /// Loads the run's results and serves them.
    pub(crate) fn start(
        inputs: &Inputs,
        finished: &Finished,
        report: &RunReport,
        options: Options,
    ) -> Result<Self, Failure> {
        // Listening first: a taken port is said before models are loaded.
        let listener = Listener::open(options)?;
        let start = move || -> Result<Self, BoxError> {
            let example_questions = example_questions(finished)?;
            let (app, on_demand) = app(inputs, finished, &listener)?;
            let studio = studio(inputs, finished, report, &app, &example_questions)?;
            let router = catena_serve::router(app.clone()).merge(catena_studio::router(studio));
            Ok(Self { server: listener.serve(app, router, Some(on_demand))?, example_questions })
        };
        start().map_err(|error| Failure::of(Exit::Environment, "cannot serve the project", error))
    }

    /// Address of the studio and the API.
    pub(crate) fn address(&self) -> String {
        self.server.address()
    }

    /// Held-out questions, to show what can be asked.
    pub(crate) fn example_questions(&self) -> &[String] {
        &self.example_questions
    }

    /// Serves until `cancel` is set, then lets running answers end.
    pub(crate) fn wait(self, cancel: &Cancel) -> Result<(), Failure> {
        self.server.wait(cancel)
    }

    /// Stops listening and lets running answers end.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        self.server.stop()
    }
}

/// The assistant, the bare model and the embedder by name.
fn app(
    inputs: &Inputs,
    finished: &Finished,
    listener: &Listener,
) -> Result<(App, OnDemand), BoxError> {
    let config = &inputs.config;
    let serve = listener.options().serve();
    let free = catena_pipeline::memory::available_bytes().unwrap_or(ASSUMED_MEMORY);
    let running = Running {
        pool: inputs.pool.clone(),
        numerics: Numerics::of(&config.serve),
        max_sequences: serve.max_sequences,
        max_waiting: serve.max_waiting,
        budget: listener.options().cache_budget(free),
        defaults: Defaults::of_project(config.serve.max_new_tokens),
    };
    let own = Arc::new(OwnModel::new(
        gguf_file(&finished.outputs["quantize"], &config.quantize.serve),
        draft_model(inputs, finished),
        KvBudget::Available(free / 2),
        running.clone(),
    ));
    let language = own.language()?;
    let embedder: Arc<dyn Embedder> = inputs.embedder()?;
    let retriever = IndexRetriever {
        index: Arc::new(Index::open(&finished.outputs["index"])?),
        embedder: embedder.clone(),
        method: Method::Hybrid,
    };
    let assistant = Assistant {
        model: language.clone(),
        retriever: Arc::new(retriever),
        num_passages: config.serve.passages,
    };
    let again = OwnAssistant {
        model: own.clone(),
        retriever: assistant.retriever.clone(),
        num_passages: assistant.num_passages,
    };
    let name = &config.project.name;
    let base = format!("{name}-model");
    let mut models = vec![
        (name.clone(), ServedModel::Assistant(assistant)),
        (base.clone(), ServedModel::Language(language)),
        (format!("{name}-embedder"), ServedModel::Embedder(embedder)),
    ];
    let embedder = (format!("{name}-embedder"), Kind::Embedder, inputs.embedder.path.clone());
    let mut others = vec![embedder];
    let classifiers =
        [("reranker", &inputs.served.reranker), ("classifier", &inputs.served.classifier)];
    for (role, classifier) in classifiers {
        if let Some(classifier) = classifier.clone() {
            let name = format!("{name}-{role}");
            others.push((name.clone(), Kind::Classifier, classifier.path().to_owned()));
            models.push((name, ServedModel::Classifier(classifier)));
        }
    }
    let (settings, observers) = listener.app_parts();
    let app = App::with(models, settings, observers);
    app.revive_with(name, Arc::new(again));
    app.revive_with(&base, own);
    for (name, kind, path) in others {
        app.revive_with(&name, kind.source(path, None, &running));
    }
    let on_demand = OnDemand::begin(&app, listener.options(), &running, free, Some(&base))?;
    Ok((app, on_demand))
}

/// Where the model is that writes ahead, if one is wanted.
fn draft_model(inputs: &Inputs, finished: &Finished) -> Option<Utf8PathBuf> {
    let config = &inputs.config;
    if config.quantize.formats.contains(&config.serve.draft) {
        return Some(gguf_file(&finished.outputs["quantize"], &config.serve.draft));
    }
    inputs.served.draft.clone()
}

fn studio(
    inputs: &Inputs,
    finished: &Finished,
    report: &RunReport,
    app: &App,
    examples: &[String],
) -> Result<StudioState, BoxError> {
    let documents: HashMap<String, Document> = read_clean_documents(&finished.outputs["data"])?
        .into_iter()
        .map(|document| (document.id.clone(), document))
        .collect();
    let info = StudioInfo {
        project: inputs.config.project.name.clone(),
        models: app.model_names(),
        language: Some(match inputs.config.project.language.as_str() {
            "zh" => Language::Zh,
            _ => Language::En,
        }),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        example_questions: examples.to_vec(),
    };
    let state = StudioState::new(info, Some(report.clone()), documents);
    // The stage's folder is `.catena/stages/train/FINGERPRINT` below the project's.
    let project = finished.outputs["train"].ancestors().nth(4);
    Ok(match project {
        Some(project) => {
            let sets = ProjectSets(project.to_owned());
            state.with_runs(ProjectRuns(project.to_owned())).with_sets(sets)
        }
        None => state,
    })
}

/// Questions of held-out records, one per document.
fn example_questions(finished: &Finished) -> Result<Vec<String>, BoxError> {
    let records = read_records(&finished.outputs["synth"].join(HELDOUT_FILE))?;
    Ok(records.into_iter().take(EXAMPLE_QUESTIONS).map(|record| record.question).collect())
}
