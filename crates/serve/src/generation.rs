//! Requests on their way through the engine, as seen from async code.

use crate::app::App;
use crate::connection;
use crate::context::{self, Reservation, Sampling};
use crate::error::ApiError;
use crate::limits::Admission;
use crate::models::LanguageModel;
use catena_engine::{EngineError, Event, Request, RequestGuard};
use catena_protocol::{FinishReason, Usage};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

/// Tokens of prompts that are submitted on the spot.
const BRIEF_TOKENS: usize = 4096;

/// One or more engine requests that answer one HTTP request. Each gives one or more choices, counted
/// through over all of them. Dropping it cancels what still runs: that is how a client that goes away
/// frees its place.
pub(crate) struct Generation {
    app: App,
    model: String,
    /// Stays in memory until this has ended, whatever happens to its name.
    _language: LanguageModel,
    /// Bounded by the requests' own token limits.
    events: UnboundedReceiver<(usize, Event)>,
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
    cut_off: watch::Receiver<bool>,
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
        for Request { params, .. } in &requests {
            app.metrics().began(model, params.n, params.max_new_tokens);
        }
        app.metrics().set_running(model, true);
        let open = requests.iter().map(|request| request.params.n).sum();
        let (sender, events) = unbounded_channel();
        // A client may go away while its requests are submitted; they count as aborted then too.
        let mut generation = Self {
            app: app.clone(),
            model: model.to_owned(),
            _language: language.clone(),
            events,
            started,
            last_token: vec![None; open],
            open,
            guards: Vec::new(),
            reservation,
            pace: Pace { admission, taken: true },
            cut_off: app.when_cut_off(),
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
                let sink = move |event| sender.send((first + sample(&event), event)).is_ok();
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
        let received = tokio::select! {
            biased;
            received = self.events.recv() => received,
            () = connection::turned_true(&mut self.cut_off) => {
                return Some(Err(self.fail(ApiError::Draining)));
            }
        };
        let Some((idx, event)) = received else {
            return Some(Err(self.fail(EngineError::Stopped.into())));
        };
        match &event {
            Event::Token(_) => self.count_token(idx),
            Event::Failed(reason) => {
                let reason = reason.clone();
                return Some(Err(self.fail(EngineError::Failed { reason }.into())));
            }
            Event::Finished(completion) => {
                self.open -= 1;
                let (reason, mut usage) = (completion.finish_reason, completion.usage);
                if completion.sample > 0 {
                    // The samples of a request share its prompt.
                    usage = Usage::new(0, usage.completion_tokens);
                }
                if let Some(reservation) = &mut self.reservation {
                    reservation.finished(finish_reason(reason), usage.completion_tokens);
                }
                self.app.metrics().finished(&self.model, reason, usage, self.started.elapsed());
                // Nobody but a stopping engine cancels a request that we still listen to.
                if reason == FinishReason::Cancelled {
                    self.open = 0;
                    return Some(Err(ApiError::Draining));
                }
                self.app.metrics().timed(&self.model, completion.timing);
            }
        }
        Some(Ok((idx, event)))
    }

    fn count_token(&mut self, idx: usize) {
        let now = Instant::now();
        if let Some(reservation) = &mut self.reservation {
            reservation.count_token(now);
        }
        let metrics = self.app.metrics();
        match self.last_token[idx].replace(now) {
            None => metrics.first_token(&self.model, now - self.started),
            Some(last) => metrics.next_token(&self.model, now - last),
        }
    }

    fn fail(&mut self, error: ApiError) -> ApiError {
        self.open = 0;
        self.app.metrics().failed(&self.model);
        error
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.app.metrics().set_running(&self.model, false);
        for _ in 0..self.open {
            let (reason, usage) = (FinishReason::Cancelled, Usage::default());
            self.app.metrics().finished(&self.model, reason, usage, self.started.elapsed());
        }
    }
}

/// Notes how tokens are chosen: the requests of one client differ in nothing that is told.
fn note_sampling(requests: &[Request]) {
    let (Some(request), Some(Request { params, .. })) = (context::current(), requests.first())
    else {
        return;
    };
    let sampling = Sampling {
        max_tokens: params.max_new_tokens,
        temperature: params.temperature,
        top_p: params.top_p,
        seed: params.seed,
    };
    request.note(|usage| usage.sampling = Some(sampling));
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
