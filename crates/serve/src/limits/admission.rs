//! Whether a request that would wait has any hope.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Ends that the pace is measured over.
const WINDOW: usize = 32;
/// Ends from which there is a pace.
const ENOUGH: usize = 4;

/// The pace at which an engine ends requests.
#[derive(Debug, Default)]
pub(crate) struct Admission(Mutex<Pace>);

#[derive(Debug, Default)]
struct Pace {
    running: usize,
    /// When the engine began to be busy, or the end before the ones below.
    since: Option<Instant>,
    ends: VecDeque<Instant>,
}

impl Admission {
    /// Notes that a request begins. After a pause the pace is measured anew.
    pub(crate) fn began(&self, now: Instant) {
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pace.running == 0 {
            pace.since = Some(now);
            pace.ends.clear();
        }
        pace.running += 1;
    }

    /// Notes that a request ended; no time says that the engine never took it.
    pub(crate) fn ended(&self, now: Option<Instant>) {
        let mut pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pace.running = pace.running.saturating_sub(1);
        let Some(now) = now else { return };
        if pace.ends.len() == WINDOW {
            pace.since = pace.ends.pop_front();
        }
        pace.ends.push_back(now);
    }

    /// How long a request would wait behind `waiting` others; nothing while no pace is known. The
    /// time since the last end counts too: an engine that ends nothing is slow.
    pub(crate) fn expected_wait(&self, waiting: usize, now: Instant) -> Option<Duration> {
        let pace = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = pace.since.filter(|_| pace.ends.len() >= ENOUGH)?;
        let each = now.saturating_duration_since(since).as_secs_f64() / pace.ends.len() as f64;
        (waiting > 0).then(|| Duration::from_secs_f64(each * waiting as f64))
    }
}
