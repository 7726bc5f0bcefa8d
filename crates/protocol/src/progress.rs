//! How long work reports itself and how it is asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Receives the progress of one piece of work. The binary draws bars or prints lines; tests and
/// libraries pass [`NoProgress`].
pub trait Progress: Send + Sync {
    /// Work called `what` begins: `total` units of `unit`, or unknown.
    fn begin(&self, what: &str, total: Option<u64>, unit: &str);
    /// `done` units in all are done since `begin`.
    fn update(&self, done: u64);
    /// A remark beside the bar, such as a running loss.
    fn note(&self, text: &str);
    /// The work begun last has ended.
    fn end(&self);
}

/// Drops every report.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) {}
    fn update(&self, _done: u64) {}
    fn note(&self, _text: &str) {}
    fn end(&self) {}
}

/// A flag that asks running work to stop at its next safe point. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that is not set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks the work to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the work should stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Sets a flag once `after` units are reported: stops work at a chosen place, as tests of work that is
/// taken up again do.
#[derive(Clone, Debug)]
pub struct CancelAfter {
    /// How many.
    pub after: u64,
    /// The flag.
    pub cancel: Cancel,
}

impl Progress for CancelAfter {
    fn begin(&self, _what: &str, _total: Option<u64>, _unit: &str) {}

    fn update(&self, done: u64) {
        if done >= self.after {
            self.cancel.cancel();
        }
    }

    fn note(&self, _text: &str) {}
    fn end(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_cancelled_once_so_many_units_are_done_and_not_before() {
        let cancel = Cancel::new();
        let progress = CancelAfter { after: 3, cancel: cancel.clone() };
        progress.update(2);
        assert!(!cancel.is_cancelled());
        progress.update(3);
        assert!(cancel.is_cancelled());
    }
}
