//! Live counts of an engine.

use crate::blocks::BlockManager;
use crate::request::{Event, RequestId};
use crate::scheduler::{Batch, Scheduler};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Counts the engine keeps as it runs; each is exact, but they are not read at one instant.
#[derive(Debug)]
pub struct EngineStats {
    num_blocks: usize,
    running: AtomicUsize,
    waiting: AtomicUsize,
    used_blocks: AtomicUsize,
    preemptions: AtomicU64,
    steps: AtomicU64,
    batch_tokens: AtomicU64,
    generated_tokens: AtomicU64,
    alive: AtomicBool,
}

/// The counts at some instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineSnapshot {
    /// Blocks of the KV cache.
    pub num_blocks: usize,
    /// Blocks in use.
    pub used_blocks: usize,
    /// Sequences that hold blocks.
    pub running: usize,
    /// Sequences that wait for blocks.
    pub waiting: usize,
    /// Preemptions so far.
    pub preemptions: u64,
    /// Steps so far.
    pub steps: u64,
    /// Tokens run through the model so far, prompt and decode, recomputed ones too.
    pub batch_tokens: u64,
    /// Tokens generated so far.
    pub generated_tokens: u64,
    /// Whether the engine can still run requests.
    pub alive: bool,
}

impl EngineStats {
    pub(crate) fn new(num_blocks: usize) -> Self {
        Self {
            num_blocks,
            running: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            used_blocks: AtomicUsize::new(0),
            preemptions: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            batch_tokens: AtomicU64::new(0),
            generated_tokens: AtomicU64::new(0),
            alive: AtomicBool::new(true),
        }
    }

    /// The counts now.
    pub fn snapshot(&self) -> EngineSnapshot {
        EngineSnapshot {
            num_blocks: self.num_blocks,
            used_blocks: self.used_blocks.load(Ordering::Relaxed),
            running: self.running.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            preemptions: self.preemptions.load(Ordering::Relaxed),
            steps: self.steps.load(Ordering::Relaxed),
            batch_tokens: self.batch_tokens.load(Ordering::Relaxed),
            generated_tokens: self.generated_tokens.load(Ordering::Relaxed),
            alive: self.alive.load(Ordering::Acquire),
        }
    }

    pub(crate) fn set_gauges(&self, scheduler: &Scheduler, blocks: &BlockManager) {
        self.running.store(scheduler.num_running(), Ordering::Relaxed);
        self.waiting.store(scheduler.num_waiting(), Ordering::Relaxed);
        self.used_blocks.store(blocks.num_used(), Ordering::Relaxed);
        self.preemptions.store(scheduler.num_preemptions(), Ordering::Relaxed);
    }

    pub(crate) fn record_step(&self, batch: &Batch, events: &[(RequestId, Event)]) {
        let tokens: usize = batch.slots.iter().map(|slot| slot.num_tokens).sum();
        let generated = events.iter().filter(|(_, event)| matches!(event, Event::Token(_))).count();
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.batch_tokens.fetch_add(tokens as u64, Ordering::Relaxed);
        self.generated_tokens.fetch_add(generated as u64, Ordering::Relaxed);
    }

    pub(crate) fn set_dead(&self) {
        self.alive.store(false, Ordering::Release);
    }
}
