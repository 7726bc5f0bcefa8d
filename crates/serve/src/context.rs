//! What is known about the request that a handler answers.
//!
//! The guard before the routes makes it; whoever resolves a model or runs a generation finds it
//! through the task. Work that outlives the request (a batch in the background) takes it along with
//! [`scope`]; without one nobody is asked for a key.

use crate::error::ApiError;
use crate::keys::{KEY_ID_LEN, Key, Keyring};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

tokio::task_local! {
    static CURRENT: Arc<RequestContext>;
}

/// One HTTP request.
#[derive(Debug)]
pub(crate) struct RequestContext {
    /// Its identity, the client's own if it sent one.
    pub(crate) id: String,
    /// Who asks; nobody in particular where no keys are needed.
    pub(crate) key: Option<Arc<Key>>,
    usage: Mutex<RequestUsage>,
}

/// What a request asked for and took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RequestUsage {
    /// The model it named.
    pub(crate) model: Option<String>,
    /// Tokens read.
    pub(crate) prompt_tokens: u64,
    /// Tokens written.
    pub(crate) completion_tokens: u64,
    /// The model that was meant.
    pub(crate) served_model: Option<String>,
    /// How it wanted tokens to be chosen.
    pub(crate) sampling: Option<Sampling>,
    /// What its answer is called.
    pub(crate) answer_id: Option<String>,
    /// Why its generations ended, in the order of their ends.
    pub(crate) finish_reasons: Vec<&'static str>,
    /// When the first token came.
    pub(crate) first_token: Option<Instant>,
    /// When the last one came.
    pub(crate) last_token: Option<Instant>,
    /// Tokens that were handed over between the two, both included.
    pub(crate) seen_tokens: u64,
    /// Tokens read that had been computed before.
    pub(crate) cached_tokens: u64,
    /// Tokens written that were thoughts.
    pub(crate) reasoning_tokens: u64,
    /// Whether its answer comes as a stream.
    pub(crate) is_stream: bool,
    /// Whether it gave no seed, so that one was drawn for it.
    pub(crate) has_drawn_seed: bool,
    /// Numbers of each vector that it asked for.
    pub(crate) dimensions: Option<usize>,
    /// The code of the error that answers it, or that ends its stream.
    pub(crate) error: Option<&'static str>,
}

/// How a request wants tokens to be chosen, as far as traces tell it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampling {
    /// Answers to one prompt.
    pub(crate) n: usize,
    pub(crate) max_tokens: usize,
    pub(crate) temperature: f32,
    pub(crate) top_p: f32,
    pub(crate) top_k: Option<usize>,
    pub(crate) frequency_penalty: f32,
    pub(crate) presence_penalty: f32,
    pub(crate) seed: u64,
    /// Whether the answer is to be JSON.
    pub(crate) is_json: bool,
}

impl RequestUsage {
    /// Why the first of its generations ended.
    pub(crate) fn finish_reason(&self) -> Option<&'static str> {
        self.finish_reasons.first().copied()
    }
}

/// Notes that the answer to the request of this task is called `id`.
pub(crate) fn answered_as(id: String) -> String {
    note(|usage| usage.answer_id = Some(id.clone()));
    id
}

/// Changes what is known about the use of the request of this task.
pub(crate) fn note(change: impl FnOnce(&mut RequestUsage)) {
    if let Some(request) = current() {
        request.note(change);
    }
}

/// Notes that the answer to the request of this task comes as a stream.
pub(crate) fn note_stream() {
    note(|usage| usage.is_stream = true);
}

/// The request that this task answers.
pub(crate) fn current() -> Option<Arc<RequestContext>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// The name of the request that this task answers, or that this thread computes for: what is said of
/// a fault carries it.
pub fn request_id() -> Option<String> {
    CURRENT.try_with(|request| request.id.clone()).ok()
}

/// Marks what the request of this task leaves behind as its key's: `id` with the key's identity behind it.
pub(crate) fn owned(id: &str) -> String {
    match current().and_then(|request| request.key.clone()) {
        Some(key) => format!("{id}_{}", key.record.id),
        None => id.to_owned(),
    }
}

/// The identity that another thing of the owner of `id` gets.
pub(crate) fn owned_as(id: &str, owner_of: &str) -> String {
    match owner(owner_of) {
        Some(owner) => format!("{id}_{owner}"),
        None => id.to_owned(),
    }
}

/// The key whose request left `id` behind.
///
/// # Errors
/// [`ApiError::Unauthorized`] if it is gone or has expired at `now`, in Unix seconds.
pub(crate) fn owner_key(
    ring: Option<&Keyring>,
    id: &str,
    now: u64,
) -> Result<Option<Arc<Key>>, ApiError> {
    let Some((ring, owner)) = ring.zip(owner(id)) else { return Ok(None) };
    match ring.by_id(owner) {
        Some(key) if !key.record.has_expired(now) => Ok(Some(key)),
        _ => Err(ApiError::Unauthorized { reason: "the API key that asked for it is gone" }),
    }
}

/// Refuses the path if the key of this task's request is not for it.
///
/// # Errors
/// [`ApiError::Forbidden`].
pub(crate) fn check_route(path: &str) -> Result<(), ApiError> {
    match current().and_then(|request| request.key.clone()) {
        Some(key) if !key.record.allows_route(path) => {
            Err(ApiError::Forbidden { what: "the path", name: path.chars().take(200).collect() })
        }
        _ => Ok(()),
    }
}

/// Whether the request of this task may see what is called `id`: what its key made, or everything where
/// no keys are needed.
pub(crate) fn may_see(id: &str) -> bool {
    match current().and_then(|request| request.key.clone()) {
        Some(key) => owner(id) == Some(key.record.id.as_str()),
        None => true,
    }
}

/// Refuses the model called `name` if the key of this task's request is for others.
///
/// # Errors
/// [`ApiError::Forbidden`].
pub(crate) fn check_model(name: &str) -> Result<(), ApiError> {
    current().map_or(Ok(()), |request| request.check_model(name))
}

/// Whether the request of this task may use the model called `name`.
pub(crate) fn may_use(name: &str) -> bool {
    current().is_none_or(|request| request.may_use(name))
}

/// The key's identity in `id`.
fn owner(id: &str) -> Option<&str> {
    let (_, owner) = id.rsplit_once('_')?;
    (owner.len() == KEY_ID_LEN).then_some(owner)
}

/// Runs `work` as part of the request.
pub(crate) async fn scope<T>(context: Arc<RequestContext>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(context, work).await
}

/// Runs `work` on this thread as part of the request.
pub(crate) fn within<T>(context: Arc<RequestContext>, work: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(context, work)
}

/// `work` as part of the request of this task, on whichever thread it runs.
pub(crate) fn carried_work<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let request = current();
    move || match request {
        Some(request) => within(request, work),
        None => work(),
    }
}

/// `work` as part of the request of this task, in whichever task it runs.
pub(crate) fn carried<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let request = current();
    async move {
        match request {
            Some(request) => scope(request, work).await,
            None => work.await,
        }
    }
}

impl RequestContext {
    pub(crate) fn new(id: String, key: Option<Arc<Key>>) -> Self {
        Self { id, key, usage: Mutex::default() }
    }

    /// Whether its key is for the model called `name`.
    fn may_use(&self, name: &str) -> bool {
        self.key.as_ref().is_none_or(|key| key.record.allows_model(name))
    }

    /// Refuses the model called `name` if its key is for others.
    fn check_model(&self, name: &str) -> Result<(), ApiError> {
        if self.may_use(name) {
            return Ok(());
        }
        Err(ApiError::Forbidden { what: "the model", name: name.chars().take(200).collect() })
    }

    /// Notes that the request names `model`.
    ///
    /// # Errors
    /// [`ApiError::Forbidden`] if its key is for other models.
    pub(crate) fn use_model(&self, model: &str) -> Result<(), ApiError> {
        self.check_model(model)?;
        self.note(|usage| usage.model = Some(model.to_owned()));
        Ok(())
    }

    /// Changes what is known about its use.
    pub(crate) fn note(&self, change: impl FnOnce(&mut RequestUsage)) {
        change(&mut self.usage.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What it used so far.
    pub(crate) fn usage(&self) -> RequestUsage {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Reads `tokens` of texts on the account of the request of this task: what fails costs nothing.
///
/// # Errors
/// [`ApiError::RateLimited`] before anything is read; those of `read`.
pub(crate) fn charged<T>(
    tokens: usize,
    read: impl FnOnce() -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let mut reservation = Reservation::take(tokens as u64, 0)?;
    let done = read();
    if let (Err(_), Some(reservation)) = (&done, &mut reservation) {
        reservation.give_back();
    }
    done
}

/// Tokens set aside for a generation of a request; what it did not use comes back when this drops.
#[derive(Debug)]
pub(crate) struct Reservation {
    context: Arc<RequestContext>,
    reserved: u64,
    prompt_tokens: u64,
    /// Tokens that were handed over.
    seen_tokens: u64,
    /// When the last of them was.
    last_token: Option<Instant>,
    /// Tokens of what has ended, the ending tokens included.
    ended_tokens: u64,
}

impl Reservation {
    /// Sets aside `prompt_tokens` and at most `new_tokens` for the request of this task.
    ///
    /// # Errors
    /// [`ApiError::RateLimited`].
    pub(crate) fn take(prompt_tokens: u64, new_tokens: u64) -> Result<Option<Self>, ApiError> {
        let Some(context) = current() else { return Ok(None) };
        let reserved = prompt_tokens.saturating_add(new_tokens);
        if let Some(key) = &context.key {
            key.limiter.reserve(reserved, Instant::now()).map_err(ApiError::RateLimited)?;
        }
        Ok(Some(Self {
            context,
            reserved,
            prompt_tokens,
            seen_tokens: 0,
            last_token: None,
            ended_tokens: 0,
        }))
    }

    /// Who asks; the engine shares out its work by it, and keeps prefixes apart.
    pub(crate) fn tenant(&self) -> Option<Arc<str>> {
        self.context.key.as_ref().map(|key| Arc::from(key.record.id.as_str()))
    }

    /// Counts nothing: what was asked for was not begun, or failed.
    pub(crate) fn give_back(&mut self) {
        self.prompt_tokens = 0;
    }

    /// Changes what is known about the use of its request.
    pub(crate) fn note(&self, change: impl FnOnce(&mut RequestUsage)) {
        self.context.note(change);
    }

    /// Counts a generated token.
    pub(crate) fn count_token(&mut self, now: Instant) {
        self.seen_tokens += 1;
        self.last_token = Some(now);
        if self.seen_tokens == 1 {
            self.context.note(|usage| {
                usage.first_token.get_or_insert(now);
            });
        }
    }

    /// Notes that a generation ended, why, and with how many tokens.
    pub(crate) fn finished(&mut self, reason: &'static str, tokens: usize) {
        self.ended_tokens += tokens as u64;
        self.note(|usage| usage.finish_reasons.push(reason));
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // What was cut off has no end that counts it.
        let completion_tokens = self.seen_tokens.max(self.ended_tokens);
        self.note(|usage| {
            usage.prompt_tokens += self.prompt_tokens;
            usage.completion_tokens += completion_tokens;
            usage.seen_tokens += self.seen_tokens;
            usage.last_token = usage.last_token.max(self.last_token);
        });
        if let Some(key) = &self.context.key {
            let used = self.prompt_tokens + completion_tokens;
            key.limiter.settle(self.reserved, used, Instant::now());
        }
    }
}
