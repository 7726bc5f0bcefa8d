//! What a server serves.

use crate::access::{self, Access, AuditLog, Outcome};
use crate::assistant::Assistant;
use crate::batches::{self, BatchStore};
use crate::blocking::Workers;
use crate::context;
use crate::error::ApiError;
use crate::files::FileStore;
use crate::limits::Admission;
use crate::metrics::Metrics;
use crate::responses::ResponseStore;
use crate::traces::Traces;
use camino::Utf8Path;
use catena_engine::{CALL_ID_CHARS, EngineHandle, PromptCodec};
use catena_knowledge::{Classifier, Embedder};
use catena_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;

/// Status in logs and metrics of a request whose client went away before its answer.
pub(crate) const CLIENT_GONE: u16 = 499;

/// A model that continues prompts.
#[derive(Clone)]
pub struct LanguageModel {
    /// The engine that runs it.
    pub engine: EngineHandle,
    /// Its tokenizer and chat template.
    pub codec: Arc<dyn PromptCodec>,
    /// Temperature of requests that give none.
    pub default_temperature: f32,
    /// Most tokens of requests that give no limit; less where the context ends earlier.
    pub default_max_tokens: usize,
}

/// One name under `/v1/models`.
#[derive(Clone)]
pub enum ServedModel {
    /// A bare model.
    Language(LanguageModel),
    /// A model that answers from documents.
    Assistant(Assistant),
    /// A model that turns texts into vectors.
    Embedder(Arc<dyn Embedder>),
    /// A model that scores texts and pairs of texts.
    Classifier(Arc<dyn Classifier>),
}

impl ServedModel {
    /// Tokens that it reads: of prompt and answer together, or of a text.
    pub(crate) fn max_tokens(&self) -> usize {
        match self {
            Self::Language(model) => model.engine.intake().context_tokens(),
            Self::Assistant(assistant) => assistant.model.engine.intake().context_tokens(),
            Self::Embedder(embedder) => embedder.max_tokens(),
            Self::Classifier(classifier) => classifier.max_tokens(),
        }
    }

    /// The bare language model.
    pub(crate) fn language(&self) -> Option<&LanguageModel> {
        match self {
            Self::Language(model) => Some(model),
            Self::Assistant(_) | Self::Embedder(_) | Self::Classifier(_) => None,
        }
    }

    /// The embedding model.
    pub(crate) fn embedder(&self) -> Option<&Arc<dyn Embedder>> {
        match self {
            Self::Embedder(model) => Some(model),
            Self::Assistant(_) | Self::Language(_) | Self::Classifier(_) => None,
        }
    }

    /// The classifier with several labels.
    pub(crate) fn classifier(&self) -> Option<&Arc<dyn Classifier>> {
        match self {
            Self::Classifier(model) if model.labels().len() > 1 => Some(model),
            Self::Assistant(_) | Self::Language(_) | Self::Embedder(_) | Self::Classifier(_) => {
                None
            }
        }
    }

    /// The cross-encoder: a classifier with one label.
    pub(crate) fn cross_encoder(&self) -> Option<&Arc<dyn Classifier>> {
        match self {
            Self::Classifier(model) if model.labels().len() == 1 => Some(model),
            Self::Assistant(_) | Self::Language(_) | Self::Embedder(_) | Self::Classifier(_) => {
                None
            }
        }
    }
}

/// Limits of one server.
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    /// Largest request body.
    pub max_body_bytes: usize,
    /// Most messages of a conversation.
    pub max_messages: usize,
    /// Most prompts of one completion request.
    pub max_prompts: usize,
    /// Most texts of one embedding request.
    pub max_inputs: usize,
    /// Requests that tokenize, retrieve or embed at once; the others wait their turn.
    pub workers: usize,
    /// Time in which a body must have come.
    pub body_timeout: Duration,
    /// Longest wait for the engine that is worth beginning: a request that would wait longer, at the
    /// engine's present pace, is refused at once.
    pub max_wait: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            max_body_bytes: 4 << 20,
            max_messages: 256,
            max_prompts: 16,
            max_inputs: 256,
            workers: 2,
            body_timeout: Duration::from_secs(30),
            max_wait: Duration::from_mins(1),
        }
    }
}

/// What a running server may be given anew: see [`App::reload`].
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Limits of requests.
    pub limits: ServeLimits,
    /// Who may ask.
    pub access: Access,
    /// Other names of models.
    pub aliases: BTreeMap<String, String>,
}

/// Where a server tells what became of requests, beside its metrics.
#[derive(Clone, Debug, Default)]
pub struct Observers {
    /// The audit log.
    pub audit: Option<AuditLog>,
    /// Where traces go.
    pub traces: Option<Traces>,
}

/// Everything the routes need. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    models: Vec<(String, ServedModel)>,
    settings: RwLock<Arc<Settings>>,
    observers: Observers,
    workers: Workers,
    metrics: Metrics,
    /// By the name that the engine is reported under.
    admissions: Mutex<BTreeMap<String, Arc<Admission>>>,
    responses: ResponseStore,
    kept: OnceLock<Kept>,
    created: u64,
    next_id: AtomicU64,
    id_salt: u64,
    draining: AtomicBool,
    /// Set once running answers are to end at once.
    cut_off: watch::Sender<bool>,
}

/// What is kept on disk.
struct Kept {
    files: Arc<FileStore>,
    batches: Arc<BatchStore>,
}

/// An app that may have ended.
pub(crate) struct WeakApp(Weak<Inner>);

impl WeakApp {
    /// The app, if it is still there.
    pub(crate) fn upgrade(&self) -> Option<App> {
        self.0.upgrade().map(App)
    }
}

impl App {
    /// A server of `models` by name, in the order they are listed, that lets everyone in.
    ///
    /// # Panics
    /// If two models have the same name: a caller's bug.
    pub fn new(models: Vec<(String, ServedModel)>, limits: ServeLimits) -> Self {
        let settings = Settings { limits, ..Settings::default() };
        Self::with(models, settings, Observers::default())
    }

    /// [`App::new`] with rules about who may ask, and with observers.
    ///
    /// # Panics
    /// If two models have the same name: a caller's bug.
    pub fn with(
        models: Vec<(String, ServedModel)>,
        settings: Settings,
        observers: Observers,
    ) -> Self {
        let names: BTreeSet<&str> = models.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), models.len(), "model names must differ");
        let metrics = Metrics::new(models.iter().map(|(name, _)| name.clone()));
        Self(Arc::new(Inner {
            models,
            workers: Workers::new(settings.limits.workers),
            settings: RwLock::new(Arc::new(settings)),
            observers,
            metrics,
            admissions: Mutex::default(),
            responses: ResponseStore::default(),
            kept: OnceLock::new(),
            created: unix_seconds(),
            next_id: AtomicU64::new(0),
            id_salt: RandomState::new().build_hasher().finish(),
            draining: AtomicBool::new(false),
            cut_off: watch::Sender::new(false),
        }))
    }

    /// The models by name.
    pub fn models(&self) -> &[(String, ServedModel)] {
        &self.0.models
    }

    /// Takes other settings. Requests that run keep those they began with; the number of workers
    /// stays as it was.
    pub fn reload(&self, mut settings: Settings) {
        let known = self.settings().access.keys.clone();
        if let (Some(known), Some(read)) = (known, &settings.access.keys) {
            // What keys have used of their limits stays used.
            known.replace(read.records());
            settings.access.keys = Some(known);
        }
        *self.0.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.0.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn limits(&self) -> ServeLimits {
        self.settings().limits
    }

    /// Tells everyone who observes what became of a request.
    pub(crate) fn tell(&self, outcome: &Outcome) {
        let (route, method) = (&outcome.route, outcome.method.as_str());
        let status = outcome.status.map_or(CLIENT_GONE, |status| status.as_u16());
        self.metrics().answered(route, method, status, outcome.took);
        access::log(outcome);
        if let Some(audit) = &self.0.observers.audit {
            audit.write(outcome);
        }
        if let Some(traces) = &self.0.observers.traces {
            traces.record(outcome);
        }
    }

    /// Has observers write what they hold. Waits; not for async threads.
    pub(crate) fn flush(&self) {
        if let Some(audit) = &self.0.observers.audit {
            audit.flush();
        }
    }

    pub(crate) fn audit_lines_lost(&self) -> u64 {
        self.0.observers.audit.as_ref().map_or(0, AuditLog::lost)
    }

    pub(crate) fn workers(&self) -> &Workers {
        &self.0.workers
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Counts texts that were turned into vectors.
    pub(crate) fn embedded(&self, model: &str, tokens: usize, took: Duration) {
        self.metrics().embedded(model, tokens, took);
        if let Some(request) = context::current() {
            request.charge(tokens as u64);
        }
    }

    /// Keeps the files, batches and responses of clients below `folder`, and goes on with batches that are not
    /// over. One server at a time may use a folder.
    ///
    /// # Errors
    /// If the folder cannot be made or read.
    ///
    /// # Panics
    /// If it keeps files already: a caller's bug.
    pub fn keep_files(&self, folder: &Utf8Path) -> Result<(), StoreError> {
        let failed =
            |source| StoreError::Io { action: "run batches of", path: folder.to_owned(), source };
        let (sender, waiting) = unbounded_channel();
        let kept = Kept {
            files: Arc::new(FileStore::open(&folder.join("files"))?),
            batches: Arc::new(BatchStore::open(&folder.join("batches"), sender)?),
        };
        assert!(self.0.kept.set(kept).is_ok(), "files are kept in one folder");
        self.0.responses.keep_in(&folder.join("responses"))?;
        batches::start(WeakApp(Arc::downgrade(&self.0)), waiting).map_err(failed)
    }

    /// The files of clients.
    ///
    /// # Errors
    /// [`ApiError::NoFiles`].
    pub(crate) fn files(&self) -> Result<&Arc<FileStore>, ApiError> {
        self.0.kept.get().map(|kept| &kept.files).ok_or(ApiError::NoFiles)
    }

    /// The batches of clients.
    ///
    /// # Errors
    /// [`ApiError::NoFiles`].
    pub(crate) fn batches(&self) -> Result<&Arc<BatchStore>, ApiError> {
        self.0.kept.get().map(|kept| &kept.batches).ok_or(ApiError::NoFiles)
    }

    /// Responses that are remembered.
    pub(crate) fn responses(&self) -> &ResponseStore {
        &self.0.responses
    }

    /// Unix seconds of the server's start.
    pub(crate) fn created(&self) -> u64 {
        self.0.created
    }

    /// Unix seconds now.
    pub(crate) fn now(&self) -> u64 {
        unix_seconds().max(self.0.created)
    }

    /// An identity for an answer: `prefix` and 24 hexadecimal digits, unique in this process.
    pub(crate) fn answer_id(&self, prefix: &str) -> String {
        let number = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        format!("{prefix}-{:016x}{number:08x}", self.0.id_salt)
    }

    /// An identity for a call of a tool, unique in this process; `short` has nine letters and digits,
    /// as some chat templates want.
    pub(crate) fn call_id(&self, short: bool) -> String {
        if !short {
            return self.answer_id("call").replace('-', "_");
        }
        let number = self.0.next_id.fetch_add(1, Ordering::Relaxed);
        let mut rest = self.0.id_salt.wrapping_add(number);
        let mut digit = || {
            let digit = u32::try_from(rest % 36).expect("less than 36");
            rest /= 36;
            char::from_digit(digit, 36).expect("a digit")
        };
        (0..CALL_ID_CHARS).map(|_| digit()).collect()
    }

    /// The model called `name`.
    ///
    /// # Errors
    /// [`ApiError::UnknownModel`]; [`ApiError::Draining`] once the server shuts down.
    pub(crate) fn model(&self, name: &str) -> Result<&ServedModel, ApiError> {
        if self.is_draining() {
            return Err(ApiError::Draining);
        }
        if let Some(request) = context::current() {
            request.use_model(name)?;
        }
        let settings = self.settings();
        let name = settings.aliases.get(name).map_or(name, String::as_str);
        let found = self.0.models.iter().find(|(known, _)| known == name);
        found.map(|(_, model)| model).ok_or_else(|| ApiError::UnknownModel {
            model: name.chars().take(200).collect(),
            known: self.0.models.iter().map(|(known, _)| known.clone()).collect(),
        })
    }

    /// The model called `name`, or the first that fits where a protocol names none, as `role` takes
    /// it; `needs` says what that is.
    ///
    /// # Errors
    /// As [`App::model`]; [`ApiError::WrongModel`], [`ApiError::NoModel`]; [`ApiError::Forbidden`].
    pub(crate) fn model_for<'a, T>(
        &'a self,
        name: Option<&str>,
        needs: &'static str,
        role: impl Fn(&'a ServedModel) -> Option<T>,
    ) -> Result<(String, T), ApiError> {
        if let Some(name) = name {
            let found = role(self.model(name)?);
            let wrong = || ApiError::WrongModel { model: name.to_owned(), needs };
            return Ok((name.to_owned(), found.ok_or_else(wrong)?));
        }
        if self.is_draining() {
            return Err(ApiError::Draining);
        }
        let first = |(name, model): &'a (String, ServedModel)| Some((name.clone(), role(model)?));
        let found = self.0.models.iter().find_map(first).ok_or(ApiError::NoModel { needs })?;
        if let Some(request) = context::current() {
            request.use_model(&found.0)?;
        }
        Ok(found)
    }

    /// From now on, new requests are refused and `/health` says so.
    pub fn begin_drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// From now on, running generations end with [`ApiError::Draining`], which their clients are
    /// told.
    pub fn cut_off(&self) {
        self.0.cut_off.send_replace(true);
    }

    pub(crate) fn when_cut_off(&self) -> watch::Receiver<bool> {
        self.0.cut_off.subscribe()
    }

    /// The pace of `engine`.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] if another request would wait too long.
    pub(crate) fn admit(&self, engine: &EngineHandle) -> Result<Arc<Admission>, ApiError> {
        let engines = self.engines();
        let name = engines.iter().find(|(_, known)| known.is_same(engine)).map_or("", |(n, _)| *n);
        let mut admissions = self.0.admissions.lock().unwrap_or_else(PoisonError::into_inner);
        let admission = admissions.entry(name.to_owned()).or_default().clone();
        drop(admissions);
        let limit = self.limits().max_wait;
        let wait = admission.expected_wait(engine.stats().waiting, Instant::now());
        match wait.filter(|wait| *wait > limit) {
            Some(wait) => Err(ApiError::Overloaded { wait, limit }),
            None => Ok(admission),
        }
    }

    /// The engines with the name they are reported under: that of the first model on each.
    pub(crate) fn engines(&self) -> Vec<(&str, &EngineHandle)> {
        let mut engines: Vec<(&str, &EngineHandle)> = Vec::new();
        for (name, model) in &self.0.models {
            let engine = match model {
                ServedModel::Language(model) => &model.engine,
                ServedModel::Assistant(assistant) => &assistant.model.engine,
                ServedModel::Embedder(_) | ServedModel::Classifier(_) => continue,
            };
            if !engines.iter().any(|(_, known)| known.is_same(engine)) {
                engines.push((name, engine));
            }
        }
        engines
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
