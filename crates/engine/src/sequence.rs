//! One request on its way through the engine.

use crate::blocks::BlockTable;
use crate::constraint::ConstraintState;
use crate::error::EngineError;
use crate::params::SamplingParams;
use crate::penalties::Penalties;
use crate::request::{Completion, Request, RequestId, TokenEvent};
use crate::sampler::Choice;
use crate::text::TextAssembler;
use crate::vocabulary::Vocabulary;
use catena_kernels::log_softmax_at;
use catena_protocol::{FinishReason, Usage};

/// A request's tokens and where it stands.
pub(crate) struct Sequence {
    pub(crate) id: RequestId,
    pub(crate) params: SamplingParams,
    /// Prompt and generated tokens.
    pub(crate) tokens: Vec<u32>,
    /// How many of `tokens` have keys and values in the cache.
    pub(crate) num_computed: usize,
    pub(crate) block_table: BlockTable,
    pub(crate) constraint: Option<ConstraintState>,
    pub(crate) penalties: Option<Penalties>,
    num_prompt: usize,
    score_from: Option<usize>,
    prompt_logprobs: Vec<f32>,
    logprobs: Vec<f32>,
    assembler: TextAssembler,
    text: String,
    /// Whether the last token only ended the output.
    ended_by_token: bool,
}

/// What a chosen token did to its sequence.
pub(crate) struct Accepted {
    /// What to tell the client; nothing for a token that only ended the output.
    pub(crate) event: Option<TokenEvent>,
    /// Set when the output ended with it.
    pub(crate) finish_reason: Option<FinishReason>,
}

impl Sequence {
    /// The sequence of a validated request.
    pub(crate) fn new(
        id: RequestId,
        request: Request,
        constraint: Option<ConstraintState>,
    ) -> Self {
        let Request { prompt_tokens, mut params, score_from, .. } = request;
        Self {
            id,
            penalties: Penalties::new(&params, &prompt_tokens),
            assembler: TextAssembler::new(std::mem::take(&mut params.stop)),
            num_prompt: prompt_tokens.len(),
            tokens: prompt_tokens,
            num_computed: 0,
            block_table: BlockTable::default(),
            constraint,
            params,
            score_from,
            prompt_logprobs: Vec::new(),
            logprobs: Vec::new(),
            text: String::new(),
            ended_by_token: false,
        }
    }

    /// Tokens generated so far.
    pub(crate) fn num_generated(&self) -> usize {
        self.tokens.len() - self.num_prompt
    }

    /// Tokens not yet in the cache.
    pub(crate) fn num_uncomputed(&self) -> usize {
        self.tokens.len() - self.num_computed
    }

    /// First position whose logits are needed to score the prompt, if any is left.
    pub(crate) fn next_score_pos(&self) -> Option<usize> {
        let next_token = self.score_from? + self.prompt_logprobs.len();
        (next_token < self.num_prompt).then(|| next_token - 1)
    }

    /// Records the log-probability of the prompt token after `pos`, if that one is due.
    pub(crate) fn score(&mut self, pos: usize, row_v: &[f32]) {
        if self.next_score_pos() == Some(pos) {
            self.prompt_logprobs.push(log_softmax_at(row_v, self.tokens[pos + 1]));
        }
    }

    /// Adds a chosen token.
    pub(crate) fn accept(
        &mut self,
        choice: Choice,
        vocabulary: &Vocabulary,
    ) -> Result<Accepted, EngineError> {
        let Choice { token, logprob, top_logprobs } = choice;
        self.tokens.push(token);
        if let Some(penalties) = &mut self.penalties {
            penalties.record(token);
        }
        if let Some(constraint) = &mut self.constraint {
            constraint.accept(token)?;
        }
        let is_eos = !self.params.ignore_eos && vocabulary.eos_tokens().contains(&token);
        if is_eos || self.params.stop_tokens.contains(&token) {
            self.ended_by_token = true;
            return Ok(Accepted { event: None, finish_reason: Some(FinishReason::Stop) });
        }
        self.logprobs.extend(logprob);
        let piece = self.assembler.push(vocabulary.text_bytes(token));
        self.text.push_str(&piece.text);
        let complete = self.constraint.as_ref().is_some_and(ConstraintState::is_complete);
        let finish_reason = if piece.stopped || complete {
            Some(FinishReason::Stop)
        } else if self.num_generated() == self.params.max_new_tokens {
            Some(FinishReason::Length)
        } else {
            None
        };
        let event = TokenEvent { token, text: piece.text, logprob, top_logprobs };
        Ok(Accepted { event: Some(event), finish_reason })
    }

    /// The finished request.
    pub(crate) fn complete(mut self, finish_reason: FinishReason) -> Completion {
        let tail = self.assembler.finish();
        self.text.push_str(&tail);
        let usage = Usage::new(self.num_prompt, self.num_generated());
        let mut tokens = self.tokens.split_off(self.num_prompt);
        if self.ended_by_token {
            tokens.pop();
        }
        Completion {
            id: self.id,
            tokens,
            text: self.text,
            tail,
            logprobs: self.logprobs,
            prompt_logprobs: self.prompt_logprobs,
            finish_reason,
            usage,
        }
    }
}
