//! What a server serves.

use crate::access::{self, Access, AuditLog, Outcome};
use crate::background::Background;
use crate::batches::{self, BatchStore};
use crate::blocking::{Queue, Workers};
use crate::context;
use crate::cut_off::CutOff;
use crate::error::ApiError;
use crate::files::FileStore;
use crate::limits::Admission;
use crate::metrics::{Metrics, MetricsPush};
use crate::models::{Library, LoadedModel, ModelSource, Registry, ServedModel};
use crate::responses::ResponseStore;
use crate::traces::Traces;
use camino::Utf8Path;
use catena_engine::{CALL_ID_CHARS, EngineHandle};
use catena_store::StoreError;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::iter;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc::unbounded_channel;

/// Status in logs and metrics of a request whose client went away before its answer.
pub(crate) const CLIENT_GONE: u16 = 499;
/// Most aliases that requests make.
const MAX_ALIASES: usize = 1000;

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
    /// Requests that tokenize or retrieve at once, and as many that turn texts into vectors or scores;
    /// the others wait their turn.
    pub workers: usize,
    /// Most requests that wait for either; more are refused.
    pub max_queued: usize,
    /// Time in which a body must have come.
    pub body_timeout: Duration,
    /// Longest wait that is worth beginning: a request that would wait longer for the engine, at its
    /// present pace, is refused at once, and one that waits longer for a worker or a model is refused
    /// then.
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
            max_queued: 272,
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
    /// How the server ends.
    pub shutdown: Shutdown,
}

/// How a server ends.
#[derive(Clone, Copy, Debug)]
pub struct Shutdown {
    /// Time for which it goes on listening before that, and answers that it is not ready and takes no
    /// work: load balancers need a while to look elsewhere.
    pub delay: Duration,
    /// Time that running answers, those in the background too, have to end once it listens no more.
    pub drain: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { delay: Duration::ZERO, drain: Duration::from_secs(20) }
    }
}

/// Where a server tells what became of requests, beside its metrics.
#[derive(Clone, Debug, Default)]
pub struct Observers {
    /// The audit log.
    pub audit: Option<AuditLog>,
    /// Where traces go.
    pub traces: Option<Traces>,
    /// Where metrics are pushed to.
    pub metrics: Option<MetricsPush>,
}

/// Everything the routes need. Clones share it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    models: Arc<Registry>,
    settings: RwLock<Arc<Settings>>,
    observers: Observers,
    workers: Workers,
    metrics: Metrics,
    /// By the name that the engine is reported under.
    admissions: Mutex<BTreeMap<String, Arc<Admission>>>,
    responses: ResponseStore,
    background: Background,
    kept: OnceLock<Kept>,
    created: u64,
    next_id: AtomicU64,
    id_salt: u64,
    draining: AtomicBool,
    /// Tells running answers to end at once.
    cut_off: CutOff,
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
        let push = observers.metrics.clone();
        let app = Self(Arc::new(Inner {
            models: Arc::new(Registry::new(models)),
            workers: Workers::new(settings.limits.workers),
            settings: RwLock::new(Arc::new(settings)),
            observers,
            metrics,
            admissions: Mutex::default(),
            responses: ResponseStore::default(),
            background: Background::default(),
            kept: OnceLock::new(),
            created: unix_seconds(),
            next_id: AtomicU64::new(0),
            id_salt: RandomState::new().build_hasher().finish(),
            draining: AtomicBool::new(false),
            cut_off: CutOff::default(),
        }));
        if let Some(push) = push {
            push.watch(app.downgrade());
        }
        app
    }

    fn downgrade(&self) -> WeakApp {
        WeakApp(Arc::downgrade(&self.0))
    }

    /// The names of the models. Looks at the library; not for async threads.
    pub fn model_names(&self) -> Vec<String> {
        self.registry().list_now().into_iter().map(|listed| listed.name).collect()
    }

    /// Adds a model that may come and go; `loaded` if it is in memory already. It stays there while
    /// it is `pinned`.
    pub fn declare(
        &self,
        name: &str,
        source: Arc<dyn ModelSource>,
        loaded: Option<LoadedModel>,
        pinned: bool,
    ) {
        self.registry().declare(name, source, loaded, pinned);
        // Zeros from the start.
        self.metrics().of(name);
    }

    /// Adds an adapter in `folder` beside the model `base`; requests choose it by its name.
    ///
    /// # Errors
    /// [`ApiError::ModelExists`], [`ApiError::InvalidField`] if there are too many.
    pub fn declare_adapter(&self, name: &str, base: &str, folder: &str) -> Result<(), ApiError> {
        self.registry().declare_adapter(name, base.to_owned(), folder.to_owned())
    }

    /// Has `name`, one of the models that the app was made with, come from `source` once its engine has
    /// stopped, if it has one; what its files say is the source's to tell from now on. Models that shared an
    /// engine should be given one again.
    pub fn revive_with(&self, name: &str, source: Arc<dyn ModelSource>) {
        self.registry().revive_with(name, source);
    }

    /// Has `name`, which was declared or is new, come from `source` from now on. Requests go on with
    /// what they began with.
    pub fn redeclare(&self, name: &str, source: Arc<dyn ModelSource>, pinned: bool) {
        self.registry().replace(name, source, pinned);
        self.metrics().of(name);
    }

    /// [`App::redeclare`] for an adapter in `folder` beside the model `base`.
    pub fn redeclare_adapter(&self, name: &str, base: &str, folder: &str) {
        self.registry().replace_adapter(name, base.to_owned(), folder.to_owned());
    }

    /// Has the model called `name` in memory.
    ///
    /// # Errors
    /// That there is none of the name, that its files cannot be used, or that there is no room for it.
    pub async fn load(&self, name: &str) -> Result<(), ApiError> {
        self.registry().get(name, self.limits().max_wait).await.map(|_| ())
    }

    /// Forgets a model or an adapter that was declared. Requests that run with it end first.
    pub fn retire(&self, name: &str) {
        self.registry().remove(name);
    }

    /// Most bytes of models that may come and go.
    pub fn set_memory(&self, bytes: u64) {
        self.registry().set_budget(bytes);
    }

    /// Lets requests name what is in `library`.
    ///
    /// # Panics
    /// If there is one already: a caller's bug.
    pub fn set_library(&self, library: Arc<dyn Library>) {
        self.registry().set_library(library);
    }

    pub(crate) fn registry(&self) -> &Arc<Registry> {
        &self.0.models
    }

    /// Has `alias` mean `model` once that is in memory, and says what it meant before. Requests that
    /// run go on as they began.
    ///
    /// # Errors
    /// As [`Registry::get`]; [`ApiError::ModelExists`] if `alias` is a model's own name,
    /// [`ApiError::InvalidField`] if there are too many.
    pub(crate) async fn swap(&self, alias: &str, model: &str) -> Result<Option<String>, ApiError> {
        if self.registry().knows(alias) {
            return Err(ApiError::ModelExists { model: alias.to_owned() });
        }
        let model = &self.meant(model);
        self.registry().get(model, self.limits().max_wait).await?;
        let mut settings = self.0.settings.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Settings::clone(&settings);
        if changed.aliases.len() >= MAX_ALIASES && !changed.aliases.contains_key(alias) {
            let reason =
                format!("there are {MAX_ALIASES} already; give one of them another meaning");
            return Err(ApiError::InvalidField { field: "alias", reason });
        }
        let before = changed.aliases.insert(alias.to_owned(), model.clone());
        *settings = Arc::new(changed);
        Ok(before.filter(|before| before != model))
    }

    /// The name of the first bare language model: what an adapter is for if nobody says.
    ///
    /// # Errors
    /// [`ApiError::NoModel`].
    pub(crate) async fn first_language_model(&self) -> Result<String, ApiError> {
        self.bring_back().await;
        let loaded = self.registry().loaded().into_iter();
        let mut bare = loaded.filter(|(_, model)| {
            model.language().is_some_and(|language| language.adapter.is_none())
        });
        let needs = "a bare language model";
        bare.next().map(|(name, _)| name).ok_or(ApiError::NoModel { needs })
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
        let (route, method) = (&outcome.route, outcome.known_method().unwrap_or("(other)"));
        let status = outcome.status.map_or(CLIENT_GONE, |status| status.as_u16());
        self.metrics().answered(route, method, status, outcome.took);
        self.metrics().gen_ai().ended(outcome);
        if let Some(code) = outcome.usage.error {
            self.metrics().refused(code);
        }
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
        if let Some(traces) = &self.0.observers.traces {
            traces.flush();
        }
        if let Some(metrics) = &self.0.observers.metrics {
            metrics.flush();
        }
    }

    pub(crate) fn trace_spans_lost(&self) -> u64 {
        self.0.observers.traces.as_ref().map_or(0, Traces::lost)
    }

    pub(crate) fn metric_pushes_lost(&self) -> u64 {
        self.0.observers.metrics.as_ref().map_or(0, MetricsPush::lost)
    }

    pub(crate) fn audit_lines_lost(&self) -> u64 {
        self.0.observers.audit.as_ref().map_or(0, AuditLog::lost)
    }

    /// For work that is done in a moment.
    pub(crate) fn workers(&self) -> Queue<'_> {
        self.0.workers.short.within(self.limits())
    }

    /// For work that runs a model over texts.
    pub(crate) fn long_workers(&self) -> Queue<'_> {
        self.0.workers.long.within(self.limits())
    }

    /// Requests that wait for workers, by the kind of their work.
    pub(crate) fn waiting_for_workers(&self) -> [(&'static str, usize); 2] {
        let Workers { short, long } = &self.0.workers;
        [("short", short.waiting()), ("long", long.waiting())]
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Counts texts that were turned into vectors or scores by the model called `name`.
    pub(crate) fn embedded(&self, name: &str, tokens: usize, took: Duration) {
        self.metrics().of(&self.meant(name)).embedded(tokens, took);
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
        batches::start(self.downgrade(), waiting).map_err(failed)
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

    /// What runs with nobody on the line.
    pub(crate) fn background(&self) -> &Background {
        &self.0.background
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

    /// The model's own name that `name` means: a model may have others, which are aliases. Metrics are told
    /// by it, traces by both, and answers by the name that was asked for.
    pub(crate) fn meant(&self, name: &str) -> String {
        self.settings().aliases.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    /// Whether `name` is that of a model that was declared, or means one. Looks at no disk.
    pub(crate) fn declares(&self, name: &str) -> bool {
        self.registry().declares(name) || self.settings().aliases.contains_key(name)
    }

    /// The model called `name`, loaded if need be.
    ///
    /// # Errors
    /// As [`Registry::get`], with reasons that are fit for clients; [`ApiError::Forbidden`];
    /// [`ApiError::Draining`] once the server shuts down.
    pub(crate) async fn model(&self, name: &str) -> Result<ServedModel, ApiError> {
        if self.is_draining() {
            return Err(ApiError::Draining);
        }
        if let Some(request) = context::current() {
            request.use_model(name)?;
        }
        let found = self.in_memory(&self.meant(name)).await;
        found.map_err(|error| self.as_asked(name, error))
    }

    /// The error with the name that was asked for in the place of the one that was meant.
    pub(crate) fn as_asked(&self, name: &str, error: ApiError) -> ApiError {
        let model: String = name.chars().take(200).collect();
        if let ApiError::NotLoadable { reason, .. } = error {
            return ApiError::NotLoadable { model, reason };
        }
        let ApiError::UnknownModel { mut known, .. } = error else { return error };
        let settings = self.settings();
        let others = settings.aliases.keys().filter(|other| context::may_use(other));
        known.extend(others.cloned());
        ApiError::UnknownModel { model, known }
    }

    /// The names under which the request of this task may use the model called `name`: its own and its
    /// aliases, as far as its key is for them.
    pub(crate) fn usable_names(&self, name: &str) -> Vec<String> {
        let settings = self.settings();
        let others = settings.aliases.iter().filter(|(_, meant)| *meant == name);
        let names = iter::once(name).chain(others.map(|(other, _)| other.as_str()));
        names.filter(|name| context::may_use(name)).map(str::to_owned).collect()
    }

    /// [`Registry::get`], with reasons that are fit for clients. Notes that the model serves the request.
    async fn in_memory(&self, name: &str) -> Result<ServedModel, ApiError> {
        let found = self.registry().get(name, self.limits().max_wait).await;
        let model = found.map_err(|error| {
            // What is wrong with files is for those who run the server.
            let ApiError::NotLoadable { model, .. } = error else { return error };
            ApiError::NotLoadable { model, reason: "the server's log says why".to_owned() }
        })?;
        context::note(|usage| usage.served_model = Some(name.to_owned()));
        Ok(model)
    }

    /// The model called `name`, or the first in memory that fits where a protocol names none, as
    /// `role` takes it; `needs` says what that is.
    ///
    /// # Errors
    /// As [`App::model`]; [`ApiError::WrongModel`], [`ApiError::NoModel`]; [`ApiError::Forbidden`].
    pub(crate) async fn model_for<T>(
        &self,
        name: Option<&str>,
        needs: &'static str,
        role: impl Fn(&ServedModel) -> Option<T>,
    ) -> Result<(String, T), ApiError> {
        if let Some(name) = name {
            let found = role(&self.model(name).await?);
            let wrong = || ApiError::WrongModel { model: name.to_owned(), needs };
            return Ok((name.to_owned(), found.ok_or_else(wrong)?));
        }
        if self.is_draining() {
            return Err(ApiError::Draining);
        }
        self.bring_back().await;
        let first = |(name, model): (String, ServedModel)| role(&model).map(|_| name);
        let name = self.registry().loaded().into_iter().find_map(first);
        let name = name.ok_or(ApiError::NoModel { needs })?;
        if let Some(request) = context::current() {
            request.use_model(&name)?;
        }
        // Its engine may have stopped.
        let found = role(&self.in_memory(&name).await?);
        Ok((name, found.ok_or(ApiError::NoModel { needs })?))
    }

    /// Loads again what belongs in memory and lost its engine: a request without a name may mean
    /// it. What cannot be loaded is told by the request that names it.
    async fn bring_back(&self) {
        for name in self.registry().away() {
            let _ = self.registry().get(&name, self.limits().max_wait).await;
        }
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
        self.0.cut_off.tell_all();
    }

    /// Whom [`App::cut_off`] tells.
    pub(crate) fn when_cut_off(&self) -> &CutOff {
        &self.0.cut_off
    }

    /// The pace of `engine`.
    ///
    /// # Errors
    /// [`ApiError::Overloaded`] if another request would wait too long.
    pub(crate) fn admit(&self, engine: &EngineHandle) -> Result<Arc<Admission>, ApiError> {
        let engines = self.engines();
        let name = engines.iter().find(|(_, known)| known.is_same(engine));
        let name = name.map_or("", |(name, _)| name);
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
    pub(crate) fn engines(&self) -> Vec<(String, EngineHandle)> {
        let mut engines: Vec<(String, EngineHandle)> = Vec::new();
        for (name, model) in self.registry().loaded() {
            if let Some(engine) = model.engine()
                && !engines.iter().any(|(_, known)| known.is_same(engine))
            {
                engines.push((name, engine.clone()));
            }
        }
        engines
    }
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
