//! Requests through an engine, with the times of their tokens.

use crate::models::BoxError;
use catena_engine::{Completion, Engine, Event, Request, RequestId, Runner, SamplingParams};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// One finished request.
pub(super) struct Watched {
    /// From the submission of all requests to its first token.
    pub(super) first: Duration,
    /// From there to its end.
    pub(super) rest: Duration,
    pub(super) completion: Completion,
}

impl Watched {
    /// Tokens per second once the first is there.
    pub(super) fn speed(&self) -> f64 {
        (self.completion.usage.completion_tokens.saturating_sub(1)) as f64 / self.rest.as_secs_f64()
    }
}

/// Submits all requests at once and runs them to their end; in their order, with the whole time.
pub(super) fn watch<R: Runner>(
    engine: &mut Engine<R>,
    requests: Vec<Request>,
) -> Result<(Vec<Watched>, Duration), BoxError> {
    let start = Instant::now();
    let ids = requests.into_iter().map(|request| engine.add(request));
    let ids = ids.collect::<Result<Vec<RequestId>, _>>()?;
    let mut firsts: HashMap<RequestId, Duration> = HashMap::new();
    let mut done: HashMap<RequestId, Watched> = HashMap::new();
    while engine.has_work() {
        let events = engine.step()?;
        let now = start.elapsed();
        for (id, event) in events {
            match event {
                Event::Token(_) => {
                    firsts.entry(id).or_insert(now);
                }
                Event::Finished(completion) => {
                    let first = firsts.get(&id).copied().unwrap_or(now);
                    done.insert(id, Watched { first, rest: now.saturating_sub(first), completion });
                }
                Event::Failed(reason) => return Err(reason.into()),
            }
        }
    }
    let whole = start.elapsed();
    let watched: Option<Vec<_>> = ids.iter().map(|id| done.remove(id)).collect();
    Ok((watched.ok_or("a request never ended")?, whole))
}

/// Greedy sampling of exactly so many tokens.
pub(super) fn greedy(tokens: usize) -> SamplingParams {
    SamplingParams { ignore_eos: true, ..SamplingParams::greedy(tokens) }
}
