//! One request on its way through the engine.

use crate::adapters::Lease;
use crate::blocks::{BlockTables, KvBlocks, Prefix};
use crate::error::EngineError;
use crate::params::SamplingParams;
use crate::request::{
    CacheScope, Completion, Request, RequestId, StopCause, TokenEvent, TokenLogprob,
};
use crate::sampler::{Choice, SamplingState, score};
use crate::speculate::Proposer;
use crate::text::TextAssembler;
use crate::timing::Timer;
use crate::vocabulary::Vocabulary;
use catena_protocol::{FinishReason, Usage};

/// A request's tokens and where it stands.
pub(crate) struct Sequence {
    pub(crate) id: RequestId,
    /// Which of the request's samples it is.
    pub(crate) sample: usize,
    pub(crate) params: SamplingParams,
    pub(crate) scope: CacheScope,
    /// Keeps the adapter of `scope` loaded.
    _lease: Option<Lease>,
    /// As its request says, lower first.
    pub(crate) priority: i32,
    /// Its priority with what it earned by waiting; that it keeps while it runs and when it has to wait
    /// again.
    pub(crate) urgency: i64,
    /// Prompt and generated tokens, and while a step runs the guesses behind them. Before them stand
    /// as many of any kind as the adapter's prefix takes the place of.
    pub(crate) tokens: Vec<u32>,
    /// How many of the last `tokens` are guesses.
    pub(crate) num_guessed: usize,
    /// How many of `tokens` have keys and values in the cache.
    pub(crate) num_computed: usize,
    pub(crate) tables: BlockTables,
    pub(crate) sampling: SamplingState,
    pub(crate) proposer: Proposer,
    /// Tokens of the prompt that the cache held when the sequence was first admitted.
    pub(crate) cached_tokens: Option<usize>,
    pub(crate) timer: Timer,
    num_prompt: usize,
    /// How many of the prompt's tokens are only places.
    num_virtual: usize,
    score_from: Option<usize>,
    num_prompt_top: usize,
    prompt_logprobs: Vec<f32>,
    prompt_top_logprobs: Vec<Vec<TokenLogprob>>,
    logprobs: Vec<f32>,
    assembler: TextAssembler,
    text: String,
    /// What ended the output, if something but its length did.
    stop_cause: Option<StopCause>,
}

/// What a chosen token did to its sequence.
pub(crate) struct Accepted {
    /// What to tell the client; nothing for a token that only ended the output.
    pub(crate) event: Option<TokenEvent>,
    /// Set when the output ended with it.
    pub(crate) finish_reason: Option<FinishReason>,
}

impl Sequence {
    /// Sample number `sample` of a validated request, with a fresh state.
    pub(crate) fn new(
        id: RequestId,
        sample: usize,
        request: Request,
        (sampling, lease, timer): (SamplingState, Option<Lease>, Timer),
    ) -> Self {
        let Request { prompt_tokens, mut params, score_from, scope, priority, .. } = request;
        let stop = std::mem::take(&mut params.stop);
        let num_virtual = lease.as_ref().map_or(0, Lease::virtual_tokens);
        let mut tokens = vec![0; num_virtual];
        tokens.extend(prompt_tokens);
        Self {
            id,
            sample,
            assembler: TextAssembler::new(stop, params.include_stop_in_output),
            num_prompt_top: request.prompt_top_logprobs,
            num_prompt: tokens.len(),
            num_virtual,
            tokens,
            num_guessed: 0,
            num_computed: 0,
            tables: BlockTables::default(),
            sampling,
            params,
            scope,
            _lease: lease,
            priority,
            urgency: priority.into(),
            proposer: Proposer::default(),
            cached_tokens: None,
            timer,
            score_from: score_from.map(|start| start + num_virtual),
            prompt_logprobs: Vec::new(),
            prompt_top_logprobs: Vec::new(),
            logprobs: Vec::new(),
            text: String::new(),
            stop_cause: None,
        }
    }

    /// Prompt and generated tokens.
    pub(crate) fn num_known(&self) -> usize {
        self.tokens.len() - self.num_guessed
    }

    /// Tokens generated so far.
    pub(crate) fn num_generated(&self) -> usize {
        self.num_known() - self.num_prompt
    }

    /// Known tokens, and the most it may ever have.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        (self.num_known(), self.num_prompt + self.params.max_new_tokens)
    }

    /// Known tokens not yet in the cache.
    pub(crate) fn num_uncomputed(&self) -> usize {
        self.num_known() - self.num_computed
    }

    /// Whether its next step only adds a token to its output.
    pub(crate) fn is_decoding(&self) -> bool {
        self.num_uncomputed() == 1
    }

    /// How many of its tokens may come from the cache: the last one, and those whose logits the
    /// prompt is scored by, are computed anew.
    pub(crate) fn num_reusable(&self) -> usize {
        let last = self.num_known() - 1;
        self.next_score_pos().map_or(last, |pos| last.min(pos))
    }

    /// How much of it the cache holds.
    pub(crate) fn find_prefix(&mut self, blocks: &KvBlocks) -> Prefix {
        let reusable = self.num_reusable();
        blocks.find_prefix(&mut self.tables, &self.scope, &self.tokens, reusable)
    }

    /// First position whose logits are needed to score the prompt, if any is left.
    pub(crate) fn next_score_pos(&self) -> Option<usize> {
        let next_token = self.score_from? + self.prompt_logprobs.len();
        (next_token < self.num_prompt).then(|| next_token - 1)
    }

    /// Records the log-probability of the prompt token after `pos`, if that one is due.
    pub(crate) fn score(&mut self, pos: usize, row_v: &[f32]) {
        if self.next_score_pos() == Some(pos) {
            let (logprob, top) = score(row_v, self.tokens[pos + 1], self.num_prompt_top);
            self.prompt_logprobs.push(logprob);
            if self.num_prompt_top > 0 {
                self.prompt_top_logprobs.push(top);
            }
        }
    }

    /// Puts the first `count` guessed tokens behind the known ones, as far as the constraint lets
    /// them follow.
    pub(crate) fn guess(&mut self, count: usize) {
        debug_assert_eq!(self.num_guessed, 0, "guesses of the last step are gone");
        let mut guess = &self.proposer.guess()[..count];
        if let Some(constraint) = self.sampling.constraint_mut().as_mut().filter(|_| count > 0) {
            // A constraint that is lost says so when its mask is asked for.
            guess = &guess[..constraint.valid_prefix(guess).unwrap_or(0)];
        }
        self.tokens.extend_from_slice(guess);
        self.num_guessed = guess.len();
    }

    /// Keeps only the first `count` guesses.
    pub(crate) fn keep_guesses(&mut self, count: usize) {
        self.tokens.truncate(self.num_known() + count);
        self.num_guessed = self.num_guessed.min(count);
    }

    /// Takes the guesses away from the tokens.
    pub(crate) fn take_guesses(&mut self) -> Vec<u32> {
        let guesses = self.tokens.split_off(self.num_known());
        self.num_guessed = 0;
        guesses
    }

    /// Adds a chosen token.
    pub(crate) fn accept(
        &mut self,
        choice: Choice,
        vocabulary: &Vocabulary,
    ) -> Result<Accepted, EngineError> {
        let Choice { token, logprob, top_logprobs } = choice;
        self.tokens.push(token);
        self.sampling.advance(token)?;
        let is_eos = !self.params.ignore_eos && vocabulary.eos_tokens().contains(&token);
        if is_eos || self.params.stop_tokens.contains(&token) {
            self.stop_cause = Some(StopCause::Token { token, logprob });
            return Ok(Accepted { event: None, finish_reason: Some(FinishReason::Stop) });
        }
        self.logprobs.extend(logprob);
        let piece = self.assembler.push(vocabulary.text_bytes(token));
        self.text.push_str(&piece.text);
        self.stop_cause = match piece.stop {
            Some(text) => Some(StopCause::Text(text)),
            None => self.sampling.is_complete().then_some(StopCause::Constraint),
        };
        let finish_reason = if self.stop_cause.is_some() {
            Some(FinishReason::Stop)
        } else if self.num_generated() == self.params.max_new_tokens {
            Some(FinishReason::Length)
        } else {
            None
        };
        let event =
            TokenEvent { sample: self.sample, token, text: piece.text, logprob, top_logprobs };
        Ok(Accepted { event: Some(event), finish_reason })
    }

    /// The finished request.
    pub(crate) fn complete(mut self, finish_reason: FinishReason) -> Completion {
        self.keep_guesses(0);
        let timing = self.timer.stop();
        let tail = self.assembler.finish();
        self.text.push_str(&tail);
        let usage = Usage::new(self.num_prompt - self.num_virtual, self.num_generated());
        let mut tokens = self.tokens.split_off(self.num_prompt);
        if matches!(self.stop_cause, Some(StopCause::Token { .. })) {
            tokens.pop();
        }
        Completion {
            id: self.id,
            sample: self.sample,
            tokens,
            text: self.text,
            tail,
            logprobs: self.logprobs,
            prompt_logprobs: self.prompt_logprobs,
            prompt_top_logprobs: self.prompt_top_logprobs,
            finish_reason,
            stop_cause: self.stop_cause,
            usage,
            cached_tokens: self.cached_tokens.unwrap_or(0).saturating_sub(self.num_virtual),
            timing,
        }
    }
}
