//! How long the parts of a request take. No output depends on it.

use std::time::{Duration, Instant};

/// How long the parts of a sample of a request took, as vLLM divides them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// From its arrival until it was first given blocks, or until it was cancelled without them.
    pub queue: Duration,
    /// From then to its first token; to its end if it made none.
    pub prefill: Duration,
    /// From its first token to its last.
    pub decode: Duration,
}

impl Timing {
    /// From when it was first given blocks to its last token.
    pub fn inference(&self) -> Duration {
        self.prefill + self.decode
    }
}

/// The points in time that a [`Timing`] is told from: one reading of the clock when a request passed its
/// checks, one when a sequence of it is admitted, and one in each step for all that it runs.
#[derive(Clone, Debug)]
pub(crate) struct Timer {
    arrived: Instant,
    admitted: Option<Instant>,
    first_token: Option<Instant>,
    last_token: Option<Instant>,
}

impl Timer {
    pub(crate) fn start() -> Self {
        Self { arrived: Instant::now(), admitted: None, first_token: None, last_token: None }
    }

    /// Notes that it was given blocks; the first time counts.
    pub(crate) fn admit(&mut self) {
        self.admitted.get_or_insert_with(Instant::now);
    }

    /// Notes that tokens came at `now`.
    pub(crate) fn tokens(&mut self, now: Instant) {
        self.first_token.get_or_insert(now);
        self.last_token = Some(now);
    }

    /// The times of a sequence that ends.
    pub(crate) fn stop(&self) -> Timing {
        let Some(admitted) = self.admitted else {
            return Timing { queue: self.arrived.elapsed(), ..Timing::default() };
        };
        let decoded = self.first_token.zip(self.last_token);
        Timing {
            queue: admitted - self.arrived,
            prefill: self.first_token.unwrap_or_else(Instant::now) - admitted,
            decode: decoded.map_or(Duration::ZERO, |(first, last)| last - first),
        }
    }
}
