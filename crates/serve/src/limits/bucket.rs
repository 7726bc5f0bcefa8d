//! A budget for each minute that refills evenly.

use std::time::{Duration, Instant};

const MINUTE: f64 = 60.0;

/// A token bucket: it holds what a minute allows and refills at that rate.
#[derive(Debug)]
pub(super) struct Bucket {
    per_minute: f64,
    /// May be below zero: what was used and not known before is paid back first.
    level: f64,
    at: Instant,
}

/// What is left of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// What a minute allows.
    pub(crate) limit: u32,
    /// What may be used now.
    pub(crate) remaining: u32,
    /// Until all of `limit` may be used again.
    pub(crate) reset: Duration,
}

impl Bucket {
    pub(super) fn new(per_minute: u32, now: Instant) -> Self {
        Self { per_minute: f64::from(per_minute), level: f64::from(per_minute), at: now }
    }

    /// Takes another budget; what was used stays used.
    pub(super) fn resize(&mut self, per_minute: u32) {
        let used = self.per_minute - self.level;
        self.per_minute = f64::from(per_minute);
        self.level = self.per_minute - used;
    }

    /// Takes `amount`, or all of a minute if that is less.
    ///
    /// # Errors
    /// How long to wait until there is enough.
    pub(super) fn take(&mut self, amount: u64, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        let amount = (amount as f64).min(self.per_minute);
        let missing = amount - self.level;
        if missing > 0.0 || self.per_minute <= 0.0 {
            return Err(self.time_for(missing));
        }
        self.level -= amount;
        Ok(())
    }

    /// Corrects what was taken by what was used.
    pub(super) fn settle(&mut self, taken: u64, used: u64, now: Instant) {
        self.refill(now);
        let taken = (taken as f64).min(self.per_minute);
        self.level = (self.level + taken - used as f64).min(self.per_minute);
    }

    pub(super) fn allowance(&mut self, now: Instant) -> Allowance {
        self.refill(now);
        Allowance {
            limit: whole(self.per_minute),
            remaining: whole(self.level),
            reset: self.time_for(self.per_minute - self.level),
        }
    }

    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + seconds * self.per_minute / MINUTE).min(self.per_minute);
        self.at = self.at.max(now);
    }

    /// A day at most, also where a budget of nothing never refills.
    fn time_for(&self, amount: f64) -> Duration {
        const MOST: f64 = 86_400.0;
        let seconds = amount.max(0.0) * MINUTE / self.per_minute;
        Duration::from_secs_f64(if seconds.is_finite() { seconds.min(MOST) } else { MOST })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a level is at most what a minute allows, a u32, and the cast makes 0 of less"
)]
fn whole(level: f64) -> u32 {
    level as u32
}
