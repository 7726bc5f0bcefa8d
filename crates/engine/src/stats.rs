//! Live counts of an engine.

use crate::batch::Batch;
use crate::blocks::KvBlocks;
use crate::commit::StepOutcome;
use crate::request::Event;
use crate::scheduler::Scheduler;
use crate::speculate::MAX_GUESS;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Most tokens of the steps that one count of [`EngineSnapshot::steps_by_tokens`] is of, as vLLM has
/// them; the last count is of larger steps.
pub const STEP_TOKEN_EDGES: [usize; 13] =
    [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];

/// Counts the engine keeps as it runs; each is exact, but they are not read at one instant.
#[derive(Debug)]
pub struct EngineStats {
    num_blocks: usize,
    running: AtomicUsize,
    waiting: AtomicUsize,
    used_blocks: AtomicUsize,
    preemptions: AtomicU64,
    prompt_tokens: AtomicU64,
    cached_tokens: AtomicU64,
    steps: AtomicU64,
    batch_tokens: AtomicU64,
    generated_tokens: AtomicU64,
    guessed_tokens: AtomicU64,
    accepted_tokens: [AtomicU64; MAX_GUESS],
    drafts: AtomicU64,
    steps_by_tokens: [AtomicU64; STEP_TOKEN_EDGES.len() + 1],
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
    /// Tokens guessed ahead and run so far.
    pub guessed_tokens: u64,
    /// Those that came as guessed.
    pub accepted_tokens: u64,
    /// The same by how far ahead they were guessed.
    pub accepted_by_position: [u64; MAX_GUESS],
    /// How often tokens were guessed for a sequence.
    pub drafts: u64,
    /// Steps so far by the tokens they ran; [`STEP_TOKEN_EDGES`] divides them.
    pub steps_by_tokens: [u64; STEP_TOKEN_EDGES.len() + 1],
    /// Tokens of prompts of admitted sequences so far.
    pub prompt_tokens: u64,
    /// Those that were in the cache already.
    pub cached_tokens: u64,
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
            prompt_tokens: AtomicU64::new(0),
            cached_tokens: AtomicU64::new(0),
            steps: AtomicU64::new(0),
            batch_tokens: AtomicU64::new(0),
            generated_tokens: AtomicU64::new(0),
            guessed_tokens: AtomicU64::new(0),
            accepted_tokens: Default::default(),
            drafts: AtomicU64::new(0),
            steps_by_tokens: Default::default(),
            alive: AtomicBool::new(true),
        }
    }

    /// The counts now.
    pub fn snapshot(&self) -> EngineSnapshot {
        let accepted_by_position =
            self.accepted_tokens.each_ref().map(|count| count.load(Ordering::Relaxed));
        EngineSnapshot {
            num_blocks: self.num_blocks,
            used_blocks: self.used_blocks.load(Ordering::Relaxed),
            running: self.running.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            preemptions: self.preemptions.load(Ordering::Relaxed),
            prompt_tokens: self.prompt_tokens.load(Ordering::Relaxed),
            cached_tokens: self.cached_tokens.load(Ordering::Relaxed),
            steps: self.steps.load(Ordering::Relaxed),
            batch_tokens: self.batch_tokens.load(Ordering::Relaxed),
            generated_tokens: self.generated_tokens.load(Ordering::Relaxed),
            guessed_tokens: self.guessed_tokens.load(Ordering::Relaxed),
            accepted_tokens: accepted_by_position.iter().sum(),
            accepted_by_position,
            drafts: self.drafts.load(Ordering::Relaxed),
            steps_by_tokens: self
                .steps_by_tokens
                .each_ref()
                .map(|count| count.load(Ordering::Relaxed)),
            alive: self.alive.load(Ordering::Acquire),
        }
    }

    pub(crate) fn set_gauges(&self, scheduler: &Scheduler, blocks: &KvBlocks) {
        self.running.store(scheduler.num_running(), Ordering::Relaxed);
        self.waiting.store(scheduler.num_waiting(), Ordering::Relaxed);
        self.used_blocks.store(blocks.num_used(), Ordering::Relaxed);
        self.preemptions.store(scheduler.num_preemptions(), Ordering::Relaxed);
        let (prompt_tokens, cached_tokens) = scheduler.prefix_counts();
        self.prompt_tokens.store(prompt_tokens, Ordering::Relaxed);
        self.cached_tokens.store(cached_tokens, Ordering::Relaxed);
    }

    pub(crate) fn record_step(&self, batch: &Batch, outcome: &StepOutcome) {
        let is_token = |event: &Event| matches!(event, Event::Token(_));
        let generated = outcome.events.iter().filter(|(_, event)| is_token(event)).count();
        let add = |counter: &AtomicU64, count: usize| {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        };
        add(&self.steps, 1);
        let tokens = batch.num_tokens();
        add(&self.batch_tokens, tokens);
        let size = STEP_TOKEN_EDGES.partition_point(|&edge| edge < tokens);
        add(&self.steps_by_tokens[size], 1);
        add(&self.generated_tokens, generated);
        add(&self.guessed_tokens, outcome.guessed);
        add(&self.drafts, outcome.drafts);
        for (count, accepted) in self.accepted_tokens.iter().zip(outcome.accepted) {
            if accepted > 0 {
                add(count, accepted);
            }
        }
    }

    pub(crate) fn set_dead(&self) {
        self.alive.store(false, Ordering::Release);
    }
}
