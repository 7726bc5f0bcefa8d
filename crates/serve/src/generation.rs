//! Requests on their way through the engine, as seen from async code.

use crate::app::App;
use crate::context::{self, RequestUsage, Reservation, Sampling};
use crate::cut_off::Listening;
use crate::error::ApiError;
use crate::limits::Admission;
use crate::metrics::ModelMetrics;
use crate::models::LanguageModel;
use catena_engine::{Constraint, EngineError, Event, Request, RequestGuard};
use catena_protocol::{FinishReason, Usage};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Tokens of prompts that are submitted on the spot.
const BRIEF_TOKENS: usize = 4096;
/// Most messages that are taken out of the channel at once.
const AT_ONCE: usize = 64;

/// What a generation hears of.
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and none is kept long")]
enum Message {
    /// What the engine says of a choice.
    Event(usize, Event),
    /// The server ends.
    CutOff,
}

/// One or more engine requests that answer one HTTP request. Each gives one or more choices, counted
/// through over all of them. Dropping it cancels what still runs: that is how a client that goes away
/// frees its place.
pub(crate) struct Generation {
    metrics: ModelMetrics,
    /// Stays in memory until this has ended, whatever happens to its name.
    _language: LanguageModel,
    /// Bounded by the requests' own token limits.
    messages: UnboundedReceiver<Message>,
    /// Messages that came together, the next one last.
    ready: Vec<Message>,
    started: Instant,
    /// When each choice gave its last token.
    last_token: Vec<Option<Instant>>,
    /// Choices that have not ended.
    open: usize,
    /// Cancel the requests when they are dropped.
    guards: Vec<RequestGuard>,
    /// Tokens set aside within the limits of the key that asks.
    reservation: Option<Reservation>,
    pace: Pace,
    _cut_off: Listening,
}

/// Counts a generation in the pace of its engine, if the engine took it.
struct Pace {
    admission: Arc<Admission>,
    taken: bool,
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.admission.ended(self.taken.then(Instant::now));
    }
}

impl Generation {
    /// Submits `requests` to the engine of `language`, with its adapter; `started` is when the HTTP request arrived.
    ///
    /// # Errors
    /// The engine's refusals. None of the requests runs then.
    pub(crate) async fn start(
        app: &App,
        model: &str,
        language: &LanguageModel,
        mut requests: Vec<Request>,
        started: Instant,
    ) -> Result<Self, ApiError> {
        // Before anything is made for as many answers as are asked for.
        requests.iter().try_for_each(|request| request.params.validate())?;
        let admission = app.admit(&language.engine)?;
        for request in &mut requests {
            request.scope.adapter = language.adapter_id();
        }
        let reservation = reserve(&mut requests)?;
        note_sampling(&requests);
        admission.began(Instant::now());
        let metrics = app.metrics().of(&app.meant(model));
        for Request { params, .. } in &requests {
            metrics.began(params.n, params.max_new_tokens);
        }
        metrics.set_running(true);
        let open = requests.iter().map(|request| request.params.n).sum();
        let (sender, messages) = unbounded_channel();
        // A client may go away while its requests are submitted; they count as aborted then too.
        let mut generation = Self {
            metrics,
            _language: language.clone(),
            messages,
            ready: Vec::new(),
            started,
            last_token: vec![None; open],
            open,
            guards: Vec::new(),
            reservation,
            pace: Pace { admission, taken: true },
            _cut_off: listen(app, &sender),
        };
        let engine = language.engine.clone();
        let is_brief = requests.iter().all(|request| request.constraint.is_none())
            && requests.iter().map(|request| request.prompt_tokens.len()).sum::<usize>()
                <= BRIEF_TOKENS;
        let submit = move || {
            let mut guards = Vec::with_capacity(requests.len());
            let mut first = 0;
            for request in requests {
                let sender = sender.clone();
                let count = request.params.n;
                let sink =
                    move |event| sender.send(Message::Event(first + sample(&event), event)).is_ok();
                guards.push(engine.submit_with(request, sink)?);
                first += count;
            }
            Ok::<_, ApiError>(guards)
        };
        // Compiling constraints and counting the tokens of long prompts computes. Else the way to a
        // thread that may compute, and back, would take longer than the work.
        let submitted = if is_brief { submit() } else { app.workers().run(submit).await };
        match submitted {
            Ok(guards) => generation.guards = guards,
            Err(error) => {
                generation.open = 0;
                generation.pace.taken = false;
                if let Some(reservation) = &mut generation.reservation {
                    reservation.give_back();
                }
                return Err(error);
            }
        }
        Ok(generation)
    }

    /// The next event with its choice; nothing once all have finished.
    ///
    /// # Errors
    /// If the engine failed a request or stopped; nothing follows.
    pub(crate) async fn next(&mut self) -> Option<Result<(usize, Event), ApiError>> {
        if self.open == 0 {
            return None;
        }
        if self.ready.is_empty() {
            self.messages.recv_many(&mut self.ready, AT_ONCE).await;
            self.ready.reverse();
        }
        match self.ready.pop() {
            Some(Message::Event(idx, event)) => Some(self.take(idx, event)),
            Some(Message::CutOff) => Some(Err(self.fail(ApiError::Draining))),
            None => Some(Err(self.fail(EngineError::Stopped.into()))),
        }
    }

    /// Whether [`Generation::next`] has nothing to wait for.
    pub(crate) fn is_ready(&self) -> bool {
        self.open == 0 || !self.ready.is_empty()
    }

    /// Changes what is known about the use of its request.
    pub(crate) fn note(&self, change: impl FnOnce(&mut RequestUsage)) {
        if let Some(reservation) = &self.reservation {
            reservation.note(change);
        }
    }

    /// Counts an event.
    fn take(&mut self, idx: usize, event: Event) -> Result<(usize, Event), ApiError> {
        match &event {
            Event::Token(_) => self.count_token(idx),
            Event::Failed(reason) => {
                let reason = reason.clone();
                return Err(self.fail(EngineError::Failed { reason }.into()));
            }
            Event::Finished(completion) => {
                self.open -= 1;
                let (reason, mut usage) = (completion.finish_reason, completion.usage);
                if completion.sample > 0 {
                    // The samples of a request share its prompt.
                    usage = Usage::new(0, usage.completion_tokens);
                } else {
                    let cached_tokens = completion.cached_tokens as u64;
                    self.note(|usage| usage.cached_tokens += cached_tokens);
                }
                if let Some(reservation) = &mut self.reservation {
                    reservation.finished(finish_reason(reason), usage.completion_tokens);
                }
                self.metrics.finished(reason, usage, self.started.elapsed());
                // Nobody but a stopping engine cancels a request that we still listen to.
                if reason == FinishReason::Cancelled {
                    self.open = 0;
                    return Err(self.told(ApiError::Draining));
                }
                self.metrics.timed(completion.timing);
            }
        }
        Ok((idx, event))
    }

    fn count_token(&mut self, idx: usize) {
        let now = Instant::now();
        if let Some(reservation) = &mut self.reservation {
            reservation.count_token(now);
        }
        match self.last_token[idx].replace(now) {
            None => self.metrics.first_token(now - self.started),
            Some(last) => self.metrics.next_token(now - last),
        }
    }

    fn fail(&mut self, error: ApiError) -> ApiError {
        self.open = 0;
        self.metrics.failed();
        self.told(error)
    }

    /// Notes the error that ends the answer, whose status may have been told long before.
    fn told(&self, error: ApiError) -> ApiError {
        let code = error.told().code;
        self.note(|usage| usage.error = Some(code));
        error
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.metrics.set_running(false);
        for _ in 0..self.open {
            let (reason, usage) = (FinishReason::Cancelled, Usage::default());
            self.metrics.finished(reason, usage, self.started.elapsed());
        }
    }
}

/// Sends the message of the cut-off, as long as the engine may send others.
fn listen(app: &App, sender: &UnboundedSender<Message>) -> Listening {
    let sender = sender.downgrade();
    app.when_cut_off().listen(move || {
        if let Some(sender) = sender.upgrade() {
            // Nobody waits any more.
            let _ = sender.send(Message::CutOff);
        }
    })
}

/// Notes how tokens are chosen: the requests of one client differ in nothing that is told.
fn note_sampling(requests: &[Request]) {
    let Some(Request { params, constraint, .. }) = requests.first() else { return };
    let sampling = Sampling {
        n: params.n,
        max_tokens: params.max_new_tokens,
        temperature: params.temperature,
        top_p: params.top_p,
        top_k: params.top_k,
        frequency_penalty: params.frequency_penalty,
        presence_penalty: params.presence_penalty,
        seed: params.seed,
        is_json: matches!(constraint, Some(Constraint::JsonObject | Constraint::JsonSchema(_))),
    };
    context::note(|usage| usage.sampling = Some(sampling));
}

/// Sets aside what `requests` may use, and has them run on the account of the key that asks.
///
/// # Errors
/// [`ApiError::RateLimited`].
fn reserve(requests: &mut [Request]) -> Result<Option<Reservation>, ApiError> {
    let prompt_tokens: usize = requests.iter().map(|request| request.prompt_tokens.len()).sum();
    let most = |request: &Request| request.params.max_new_tokens.saturating_mul(request.params.n);
    let new_tokens = requests.iter().map(most).fold(0, usize::saturating_add);
    let reservation = Reservation::take(prompt_tokens as u64, new_tokens as u64)?;
    if let Some(tenant) = reservation.as_ref().and_then(Reservation::tenant) {
        for request in requests {
            request.scope.tenant.get_or_insert_with(|| tenant.clone());
        }
    }
    Ok(reservation)
}

/// Which of its request's samples an event belongs to.
fn sample(event: &Event) -> usize {
    match event {
        Event::Token(token) => token.sample,
        Event::Finished(completion) => completion.sample,
        Event::Failed(_) => 0,
    }
}

/// `finish_reason` on the wire.
pub(crate) fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::Cancelled => "abort",
    }
}
