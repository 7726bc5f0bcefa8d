//! The composed server: the API and the studio on one loopback port.

use crate::failure::{Exit, Failure};
use crate::models::{BoxError, LanguageModel, Numerics};
use crate::progress::say;
use crate::runs::ProjectRuns;
use crate::stages::{HELDOUT_FILE, Inputs, gguf_file};
use camino::Utf8PathBuf;
use catena_data::{read_clean_documents, read_records};
use catena_engine::{DEFAULT_MAX_WAITING, EngineHandle, KvBudget};
use catena_knowledge::{Embedder, Index, Method};
use catena_pipeline::Finished;
use catena_protocol::{Cancel, Document, RunReport};
use catena_serve::{App, Assistant, IndexRetriever, ServeLimits, ServedModel};
use catena_studio::{Language, StudioInfo, StudioState};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long running answers may take after the server was asked to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How often a foreground server looks whether it should stop.
const POLL: Duration = Duration::from_millis(100);
/// Free memory where the system does not tell.
const ASSUMED_MEMORY: u64 = 2 << 30;
/// Questions the studio offers on its empty chat page.
const EXAMPLE_QUESTIONS: usize = 4;

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    example_questions: Vec<String>,
    stop: watch::Sender<bool>,
    thread: JoinHandle<std::io::Result<()>>,
}

impl Server {
    /// Loads the run's results and listens on `port` of the loopback address.
    pub(crate) fn start(
        inputs: &Inputs,
        finished: &Finished,
        report: &RunReport,
        port: u16,
    ) -> Result<Self, Failure> {
        let goal = format!("cannot serve on port {port}");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // Listening first: a taken port is said before models are loaded.
        let listener = std::net::TcpListener::bind(address).map_err(|error| {
            Failure::new(Exit::Environment, &goal, error)
                .hint("another program may use the port: give `--port 0` or another number")
        })?;
        let start = || -> Result<Self, BoxError> {
            let address = listener.local_addr()?;
            listener.set_nonblocking(true)?;
            let examples = example_questions(finished)?;
            let app = app(inputs, finished)?;
            let router = catena_serve::router(app.clone())
                .merge(catena_studio::router(studio(inputs, finished, report, &app, &examples)?));
            let (stop, stopped) = watch::channel(false);
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_name("http")
                .enable_all()
                .build()?;
            let thread = std::thread::Builder::new()
                .name("server".to_owned())
                .spawn(move || runtime.block_on(listen(listener, app, router, stopped)))?;
            Ok(Self { address, example_questions: examples, stop, thread })
        };
        start().map_err(|error| Failure::new(Exit::Environment, goal, error))
    }

    /// Address of the studio and the API.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Held-out questions, to show what can be asked.
    pub(crate) fn example_questions(&self) -> &[String] {
        &self.example_questions
    }

    /// Serves until `cancel` is set, then lets running answers end.
    pub(crate) fn wait(self, cancel: &Cancel) -> Result<(), Failure> {
        while !cancel.is_cancelled() && !self.thread.is_finished() {
            std::thread::sleep(POLL);
        }
        self.stop()
    }

    /// Stops listening and lets running answers end.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        // The receiver is gone only when the server has ended by itself.
        let _ = self.stop.send(true);
        let ended = self.thread.join().expect("the server thread catches its handlers' panics");
        ended.map_err(|error| Failure::new(Exit::Environment, "the server stopped", error))
    }
}

async fn listen(
    listener: std::net::TcpListener,
    app: App,
    router: axum::Router,
    mut stopped: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let shutdown = async move {
        // An error means that the sender is gone, which stops the server as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    catena_serve::serve(listener, app, router, shutdown, DRAIN).await.map(|_| ())
}

/// The assistant, the bare model and the embedder by name.
fn app(inputs: &Inputs, finished: &Finished) -> Result<App, BoxError> {
    let config = &inputs.config;
    let path = gguf_file(&finished.outputs["quantize"], &config.quantize.serve);
    let model = LanguageModel::open(&path)?;
    let numerics = Numerics::of(&config.serve);
    let free = catena_pipeline::memory::available_bytes().unwrap_or(ASSUMED_MEMORY);
    let budget = KvBudget::Available(free);
    let (mut engine, reason) =
        model.engine(inputs.pool.clone(), numerics, config.serve.max_sequences, budget)?;
    say(&format!("  {reason}"));
    if let Some(draft) = draft_model(inputs, finished) {
        let draft = LanguageModel::open_draft(&draft, &model)?;
        let budget = KvBudget::Available(free / 2);
        engine = draft.write_ahead_for(engine, inputs.pool.clone(), numerics, budget)?;
    }
    let engine = EngineHandle::spawn(engine, DEFAULT_MAX_WAITING)?;
    let language = catena_serve::LanguageModel {
        engine,
        codec: model.codec,
        default_temperature: 0.0,
        default_max_tokens: config.serve.max_new_tokens,
    };
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
    let name = &config.project.name;
    let mut models = vec![
        (name.clone(), ServedModel::Assistant(assistant)),
        (format!("{name}-model"), ServedModel::Language(language)),
        (format!("{name}-embedder"), ServedModel::Embedder(embedder)),
    ];
    let classifiers =
        [("reranker", &inputs.served.reranker), ("classifier", &inputs.served.classifier)];
    for (role, classifier) in classifiers {
        if let Some(classifier) = classifier.clone() {
            models.push((format!("{name}-{role}"), ServedModel::Classifier(classifier)));
        }
    }
    Ok(App::new(models, ServeLimits::default()))
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
        models: app.models().iter().map(|(name, _)| name.clone()).collect(),
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
        Some(project) => state.with_runs(ProjectRuns(project.to_owned())),
        None => state,
    })
}

/// Questions of held-out records, one per document.
fn example_questions(finished: &Finished) -> Result<Vec<String>, BoxError> {
    let records = read_records(&finished.outputs["synth"].join(HELDOUT_FILE))?;
    Ok(records.into_iter().take(EXAMPLE_QUESTIONS).map(|record| record.question).collect())
}
