//! The engine: one model, one cache, many sequences.

use crate::adapters::{AdapterLimits, Lease, LiveAdapters, LoadedAdapters};
use crate::blocks::KvBlocks;
use crate::commit::Committer;
use crate::constraint::MaskWorker;
use crate::error::EngineError;
use crate::first_choices::FirstChoices;
use crate::params::MAX_TOP_LOGPROBS;
use crate::request::{Completion, Event, Request, RequestId};
use crate::runner::Runner;
use crate::sampler::{Sampler, SamplingState};
use crate::scheduler::{Scheduler, SchedulerLimits};
use crate::sequence::Sequence;
use crate::speculate::{Drafter, Speculation, Speculator};
use crate::stats::EngineStats;
use crate::timing::Timer;
use crate::vocabulary::Vocabulary;
use catena_model::{Adapter, AdapterId};
use catena_protocol::{Cancel, FinishReason, Progress};
use std::collections::HashMap;
use std::sync::Arc;

/// Checks requests and compiles their constraints; shared with the threads that submit.
#[derive(Clone, Debug)]
pub struct Intake {
    vocabulary: Arc<Vocabulary>,
    model_vocab_size: usize,
    context_tokens: usize,
    adapters: LiveAdapters,
}

/// A request that passed every check.
pub struct Prepared {
    request: Request,
    sampling: SamplingState,
    lease: Option<Lease>,
    /// Its wait begins here, also that for the engine's thread.
    timer: Timer,
}

impl Prepared {
    /// Samples that the request asks for.
    pub(crate) fn num_samples(&self) -> usize {
        self.request.params.n
    }
}

impl Intake {
    /// Most tokens of one sequence, prompt and output together.
    pub fn context_tokens(&self) -> usize {
        self.context_tokens
    }

    /// The tokens.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Checks `request` and compiles its constraint. May take some 20 ms for a large schema.
    ///
    /// # Errors
    /// The *fix the input* group of [`EngineError`].
    pub fn prepare(&self, request: Request) -> Result<Prepared, EngineError> {
        request.params.validate()?;
        let lease = request.scope.adapter.map(|id| self.adapters.lease(id)).transpose()?;
        let virtual_tokens = lease.as_ref().map_or(0, Lease::virtual_tokens);
        self.check_prompt(&request, self.context_tokens.saturating_sub(virtual_tokens))?;
        self.check_sampling(&request)?;
        let constraint = match &request.constraint {
            Some(constraint) => Some(self.vocabulary.grammars()?.compile(constraint)?),
            None => None,
        };
        let prompt_tokens = &request.prompt_tokens;
        let sampling =
            SamplingState::new(&request.params, prompt_tokens, constraint, &self.vocabulary);
        Ok(Prepared { request, sampling, lease, timer: Timer::start() })
    }

    /// The adapters that requests may name.
    pub(crate) fn adapters(&self) -> &LiveAdapters {
        &self.adapters
    }

    /// What the parameters ask of this model.
    fn check_sampling(&self, request: &Request) -> Result<(), EngineError> {
        let refused =
            |name, value, allowed| Err(EngineError::ParameterOutOfRange { name, value, allowed });
        let vocab_size = self.model_vocab_size;
        let mut biased = request.params.logit_bias.iter().map(|&(token, _)| token);
        if let Some(token) = biased.find(|&token| token as usize >= vocab_size) {
            return refused("logit_bias", token.into(), "a token of the vocabulary");
        }
        if request.prompt_top_logprobs > MAX_TOP_LOGPROBS {
            return refused("prompt_logprobs", request.prompt_top_logprobs as f64, "0 to 20");
        }
        Ok(())
    }

    /// What the prompt asks of the `context_tokens` that there are beside an adapter's prefix.
    fn check_prompt(&self, request: &Request, context_tokens: usize) -> Result<(), EngineError> {
        let prompt_tokens = request.prompt_tokens.len();
        let max_new_tokens = request.params.max_new_tokens;
        if prompt_tokens == 0 {
            return Err(EngineError::EmptyPrompt);
        }
        if prompt_tokens.saturating_add(max_new_tokens) > context_tokens {
            return Err(EngineError::ContextExceeded {
                prompt_tokens,
                max_new_tokens,
                context_tokens,
            });
        }
        let vocab_size = self.model_vocab_size;
        let bad = request.prompt_tokens.iter().position(|&token| token as usize >= vocab_size);
        if let Some(position) = bad {
            let token = request.prompt_tokens[position];
            return Err(EngineError::TokenOutOfRange { token, position, vocab_size });
        }
        match request.score_from {
            Some(start) if start == 0 || start > prompt_tokens => {
                Err(EngineError::ScoreOutOfRange { start, prompt_tokens })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Runs requests on a model.
pub struct Engine<R: Runner> {
    runner: R,
    intake: Intake,
    scheduler: Scheduler,
    blocks: KvBlocks,
    sampler: Sampler,
    first_choices: FirstChoices,
    masks: MaskWorker,
    came: Vec<u32>,
    speculator: Speculator,
    stats: Arc<EngineStats>,
    adapters: LoadedAdapters,
    next_id: u64,
}

/// What an engine does besides running its requests. None of it changes an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineOptions {
    /// Whether the beginnings that requests share are computed once.
    pub prefix_cache: bool,
    /// How tokens are guessed ahead.
    pub speculation: Speculation,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { prefix_cache: true, speculation: Speculation::default() }
    }
}

impl<R: Runner> Engine<R> {
    /// An engine over `runner`, whose tokens `vocabulary` describes.
    pub fn new(runner: R, vocabulary: Arc<Vocabulary>, limits: SchedulerLimits) -> Self {
        Self::with_options(runner, vocabulary, limits, EngineOptions::default())
    }

    /// An engine over `runner` with other than the usual options.
    pub fn with_options(
        runner: R,
        vocabulary: Arc<Vocabulary>,
        limits: SchedulerLimits,
        options: EngineOptions,
    ) -> Self {
        let groups = runner.block_groups();
        let blocks = KvBlocks::new(&groups, limits.max_batch_tokens, options.prefix_cache);
        let context_tokens = runner.max_positions().min(blocks.context_tokens());
        let model_vocab_size = runner.vocab_size();
        Self {
            intake: Intake {
                vocabulary,
                model_vocab_size,
                context_tokens,
                adapters: LiveAdapters::default(),
            },
            scheduler: Scheduler::new(limits),
            stats: Arc::new(EngineStats::new(blocks.num_blocks())),
            blocks,
            sampler: Sampler::default(),
            first_choices: FirstChoices::new(runner.pool()),
            masks: MaskWorker::default(),
            came: Vec::new(),
            speculator: Speculator::new(options.speculation),
            runner,
            adapters: LoadedAdapters::default(),
            next_id: 0,
        }
    }

    /// With other bounds of adapters.
    #[must_use]
    pub fn with_adapter_limits(mut self, limits: AdapterLimits) -> Self {
        self.adapters.set_limits(limits);
        self
    }

    /// With a smaller model that writes ahead for this one. Its tokens, which `vocabulary` describes,
    /// must be those of the model.
    ///
    /// # Errors
    /// [`EngineError::DraftVocabulary`].
    pub fn with_draft(
        mut self,
        runner: Box<dyn Runner>,
        vocabulary: &Vocabulary,
    ) -> Result<Self, EngineError> {
        self.intake.vocabulary.check_draft(vocabulary)?;
        let (limits, vocab_size) = (self.scheduler.limits(), self.intake.model_vocab_size);
        self.speculator.set_drafter(Drafter::new(runner, limits, vocab_size));
        Ok(self)
    }

    /// Loads an adapter that the model's decoder packed; requests may name it from now on.
    ///
    /// # Errors
    /// [`EngineError::TooManyAdapters`], [`EngineError::AdapterBytes`], [`EngineError::Adapter`].
    pub fn load_adapter(&mut self, adapter: Arc<Adapter>) -> Result<AdapterId, EngineError> {
        // Before the bounds: what was dropped and ended makes room.
        self.adapters.sweep(&mut self.runner);
        self.adapters.load(adapter, &mut self.runner, &self.intake.adapters)
    }

    /// Refuses new requests with the adapter at once, and unloads it when the last sequence that
    /// runs with it has ended.
    ///
    /// # Errors
    /// [`EngineError::UnknownAdapter`], also if it was dropped before.
    pub fn drop_adapter(&mut self, id: AdapterId) -> Result<(), EngineError> {
        self.intake.adapters.close(id)?;
        self.release_adapter(id);
        Ok(())
    }

    /// Unloads a closed adapter when the last sequence that runs with it has ended.
    pub(crate) fn release_adapter(&mut self, id: AdapterId) {
        self.adapters.drop_later(id);
        self.adapters.sweep(&mut self.runner);
    }

    /// Adapters that are loaded, those included that were dropped and still run.
    pub fn num_adapters(&self) -> usize {
        self.adapters.count()
    }

    /// The checks that requests must pass.
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Live counts, readable from any thread.
    pub fn stats(&self) -> &Arc<EngineStats> {
        &self.stats
    }

    /// The limits of its steps.
    pub fn limits(&self) -> SchedulerLimits {
        self.scheduler.limits()
    }

    /// Whether any sequence is unfinished.
    pub fn has_work(&self) -> bool {
        self.scheduler.num_running() + self.scheduler.num_waiting() > 0
    }

    /// Checks and adds a request.
    ///
    /// # Errors
    /// As [`Intake::prepare`].
    pub fn add(&mut self, request: Request) -> Result<RequestId, EngineError> {
        let prepared = self.intake.prepare(request)?;
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.add_prepared(id, prepared);
        Ok(id)
    }

    /// Adds a checked request under an identity of the caller's choice, never used before.
    pub(crate) fn add_prepared(&mut self, id: RequestId, prepared: Prepared) {
        let Prepared { request, sampling, lease, timer } = prepared;
        for sample in 0..request.params.n {
            let params = request.params.of_sample(sample);
            let request = Request { params, ..request.clone() };
            let of = (sampling.clone(), lease.clone(), timer.clone());
            self.scheduler.add(Sequence::new(id, sample, request, of));
        }
        self.update();
    }

    /// Ends the samples of a request that go on and frees their blocks at once; nothing if all ended
    /// already.
    pub fn cancel(&mut self, id: RequestId) -> Vec<Completion> {
        self.cancel_where(|sequence| sequence.id == id)
    }

    /// Ends every request and frees all blocks.
    pub fn cancel_all(&mut self) -> Vec<Completion> {
        self.cancel_where(|_| true)
    }

    fn cancel_where(&mut self, picks: impl Fn(&Sequence) -> bool) -> Vec<Completion> {
        let sequences = self.scheduler.remove(&mut self.blocks, picks).into_iter();
        let completions =
            sequences.map(|sequence| sequence.complete(FinishReason::Cancelled)).collect();
        self.update();
        completions
    }

    /// One scheduling round: choose sequences, run them, store tokens, hand back what happened.
    ///
    /// # Errors
    /// [`EngineError::Runner`] if the model cannot run the batch. The sequences stay; the caller
    /// cancels them.
    pub fn step(&mut self) -> Result<Vec<(RequestId, Event)>, EngineError> {
        let cost = |rows| self.runner.step_cost(rows);
        self.speculator
            .guess(&mut self.scheduler.running, &mut self.sampler, cost)
            .map_err(EngineError::Runner)?;
        let Some(batch) = self.scheduler.next_batch(&mut self.blocks) else { return Ok(vec![]) };
        self.masks.begin(self.scheduler.running.iter_mut().map(|running| &mut running.sampling));
        let forwarded = self.runner.run(&self.scheduler.inputs(&batch));
        self.masks.finish(self.scheduler.running.iter_mut().map(|running| &mut running.sampling));
        let logits = match forwarded {
            Ok(logits) => logits,
            Err(error) => {
                self.blocks.forget_all();
                return Err(EngineError::Runner(error));
            }
        };
        let committer = Committer {
            came: &mut self.came,
            sampler: &mut self.sampler,
            first_choices: &mut self.first_choices,
            vocabulary: &self.intake.vocabulary,
            vocab_size: self.intake.model_vocab_size,
        };
        let outcome = self.scheduler.commit(&batch, logits, committer, &mut self.blocks);
        self.stats.record_step(&batch, &outcome);
        self.update();
        Ok(outcome.events)
    }

    /// Runs a batch job to its end: completions in order of `requests`, and of the samples of each.
    ///
    /// # Errors
    /// [`EngineError::BatchRequest`] before anything runs if a request is refused,
    /// [`EngineError::Interrupted`] if `cancel` was set, [`EngineError::Runner`].
    pub fn run_all(
        &mut self,
        requests: Vec<Request>,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<Vec<Completion>, EngineError> {
        let mut completions: Vec<Option<Completion>> = Vec::new();
        let mut first = Vec::with_capacity(requests.len());
        for request in &requests {
            first.push(completions.len());
            completions.resize_with(completions.len() + request.params.n, || None);
        }
        self.run_each(requests, progress, cancel, |index, completion| {
            let place = first[index] + completion.sample;
            completions[place] = Some(completion);
        })?;
        Ok(completions.into_iter().map(|done| done.expect("every sample ended")).collect())
    }

    /// As [`Engine::run_all`], handing each completion with its request's index to `on_done` as
    /// soon as it is there, so that a long job can keep what is done.
    ///
    /// # Errors
    /// As [`Engine::run_all`].
    pub fn run_each(
        &mut self,
        requests: Vec<Request>,
        progress: &dyn Progress,
        cancel: &Cancel,
        mut on_done: impl FnMut(usize, Completion),
    ) -> Result<(), EngineError> {
        let total = requests.iter().map(|request| request.params.n).sum();
        let mut indices = HashMap::with_capacity(requests.len());
        for (index, request) in requests.into_iter().enumerate() {
            match self.add(request) {
                Ok(id) => indices.insert(id, index),
                Err(source) => {
                    self.cancel_all();
                    return Err(EngineError::BatchRequest { index, source: Box::new(source) });
                }
            };
        }
        progress.begin("generate", Some(total as u64), "completions");
        let mut completed = 0;
        let outcome = loop {
            if !self.has_work() {
                break Ok(());
            }
            if cancel.is_cancelled() {
                break Err(EngineError::Interrupted { completed, total });
            }
            let events = match self.step() {
                Ok(events) => events,
                Err(error) => break Err(error),
            };
            let mut failed = None;
            for (id, event) in events {
                match event {
                    Event::Token(_) => {}
                    Event::Finished(completion) => {
                        completed += 1;
                        on_done(indices[&id], completion);
                    }
                    Event::Failed(reason) => failed = Some(EngineError::Failed { reason }),
                }
            }
            if let Some(error) = failed {
                break Err(error);
            }
            progress.update(completed as u64);
        };
        progress.end();
        self.cancel_all();
        outcome
    }

    /// The model, once the engine is no longer needed.
    pub fn into_runner(self) -> R {
        self.runner
    }

    /// What follows from sequences that came or ended.
    fn update(&mut self) {
        self.adapters.sweep(&mut self.runner);
        self.stats.set_gauges(&self.scheduler, &self.blocks);
    }
}
