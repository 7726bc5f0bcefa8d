//! What one key has used of its limits.

pub(crate) use super::bucket::Allowance;
use super::bucket::Bucket;
use crate::keys::KeyLimits;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wait proposed to a key that has too many requests at once.
const TRY_SOON: Duration = Duration::from_secs(1);

/// Counts of one key.
#[derive(Debug)]
pub(crate) struct Limiter(Mutex<State>);

#[derive(Debug)]
struct State {
    limits: KeyLimits,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    running: u32,
}

/// A limit that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// What of: `requests per minute`, `tokens per minute`, `requests at once`.
    pub what: &'static str,
    /// How many are allowed.
    pub limit: u32,
    /// When to ask again.
    pub retry_after: Duration,
}

/// A request that counts as running until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Limiter>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.state(|state| state.running -= 1);
    }
}

impl Limiter {
    pub(crate) fn new(limits: KeyLimits) -> Self {
        let state = State { limits, requests: None, tokens: None, running: 0 };
        let limiter = Self(Mutex::new(state));
        limiter.set(limits);
        limiter
    }

    /// Takes other limits; what was used stays used.
    pub(crate) fn set(&self, limits: KeyLimits) {
        let now = Instant::now();
        self.state(|state| {
            state.limits = limits;
            renew(&mut state.requests, limits.requests_per_minute, now);
            renew(&mut state.tokens, limits.tokens_per_minute, now);
        });
    }

    /// Begins a request.
    ///
    /// # Errors
    /// The limit that is used up; nothing is counted then.
    pub(crate) fn begin(self: &Arc<Self>, now: Instant) -> Result<Permit, Exhausted> {
        self.state(|state| {
            if let Some(limit) = state.limits.max_concurrent.filter(|&most| state.running >= most) {
                let (what, retry_after) = ("requests at once", TRY_SOON);
                return Err(Exhausted { what, limit, retry_after });
            }
            take(&mut state.requests, "requests per minute", 1, now)?;
            state.running += 1;
            Ok(())
        })?;
        Ok(Permit(self.clone()))
    }

    /// Sets `tokens` aside, the most that a request may use.
    ///
    /// # Errors
    /// The limit that is used up.
    pub(crate) fn reserve(&self, tokens: u64, now: Instant) -> Result<(), Exhausted> {
        self.state(|state| take(&mut state.tokens, "tokens per minute", tokens, now))
    }

    /// Gives back what was set aside beyond what was used, or takes what was used beyond it.
    pub(crate) fn settle(&self, reserved: u64, used: u64, now: Instant) {
        self.state(|state| {
            if let Some(bucket) = &mut state.tokens {
                bucket.settle(reserved, used, now);
            }
        });
    }

    /// What is left of requests and of tokens.
    pub(crate) fn allowances(&self, now: Instant) -> (Option<Allowance>, Option<Allowance>) {
        self.state(|state| {
            let left = |bucket: &mut Option<Bucket>| bucket.as_mut().map(|b| b.allowance(now));
            (left(&mut state.requests), left(&mut state.tokens))
        })
    }

    fn state<T>(&self, with: impl FnOnce(&mut State) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn renew(bucket: &mut Option<Bucket>, per_minute: Option<u32>, now: Instant) {
    match (bucket.as_mut(), per_minute) {
        (Some(known), Some(per_minute)) => known.resize(per_minute),
        (None, Some(per_minute)) => *bucket = Some(Bucket::new(per_minute, now)),
        (_, None) => *bucket = None,
    }
}

fn take(
    bucket: &mut Option<Bucket>,
    what: &'static str,
    amount: u64,
    now: Instant,
) -> Result<(), Exhausted> {
    let Some(bucket) = bucket else { return Ok(()) };
    bucket.take(amount, now).map_err(|retry_after| Exhausted {
        what,
        limit: bucket.allowance(now).limit,
        retry_after,
    })
}
