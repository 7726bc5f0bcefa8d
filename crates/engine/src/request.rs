//! What goes into the engine and what comes out of it.

use crate::params::SamplingParams;
use crate::timing::Timing;
use catena_model::AdapterId;
use catena_protocol::{FinishReason, Usage};
use std::sync::Arc;

/// Identity of a request inside one engine, in order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Whose computed prefixes a request may use: those of the same tenant and the same adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct CacheScope {
    /// The tenant; requests without one share among themselves.
    pub tenant: Option<Arc<str>>,
    /// The adapter that the tokens are run with.
    pub adapter: Option<AdapterId>,
}

/// A form the output must have. The output is then always a prefix of a valid text, and a whole
/// valid text when the finish reason is `Stop`.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// JSON that satisfies this schema.
    JsonSchema(serde_json::Value),
    /// Any JSON object.
    JsonObject,
    /// Text that this regular expression matches as a whole (syntax of the `regex` crate).
    Regex(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// Text that this Lark grammar derives from its rule `start` (llguidance's variant of Lark).
    Lark(String),
    /// Text that a Lark grammar derives whose references `@name` are JSON of schemas.
    Composed(ComposedGrammar),
}

/// A Lark grammar around JSON schemas, as a server composes it: how calls of tools are held to what the
/// tools take.
#[derive(Clone, Debug, PartialEq)]
pub struct ComposedGrammar {
    /// The grammar; its rule `start` is the whole output.
    pub lark: String,
    /// What it refers to as `@name`.
    pub schemas: Vec<NamedSchema>,
}

/// A JSON schema inside a grammar.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedSchema {
    /// Its name: letters, digits and underscores.
    pub name: String,
    /// The schema.
    pub schema: serde_json::Value,
    /// Take a schema with keywords that cannot be enforced, and enforce the others. The output is
    /// JSON in any case.
    pub lenient: bool,
}

/// One generation or scoring request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The prompt, special tokens included.
    pub prompt_tokens: Vec<u32>,
    /// How to sample.
    pub params: SamplingParams,
    /// The form of the output, if it has one.
    pub constraint: Option<Constraint>,
    /// Report the log-probability of every prompt token from this index on (at least 1, since the
    /// first token has no context). Evaluation scores given continuations this way.
    pub score_from: Option<usize>,
    /// Report that many most likely tokens beside each scored token of the prompt; at most
    /// [`MAX_TOP_LOGPROBS`](crate::MAX_TOP_LOGPROBS).
    pub prompt_top_logprobs: usize,
    /// Who asks and with which adapter. Tenants share the machine evenly and see nothing of each
    /// other, not even in how long an answer takes to begin.
    pub scope: CacheScope,
    /// How urgent it is, lower first, as in vLLM; it takes the place of less urgent ones when the
    /// cache is full.
    pub priority: i32,
}

impl Request {
    /// Generates from `prompt_tokens`.
    pub fn new(prompt_tokens: Vec<u32>, params: SamplingParams) -> Self {
        Self {
            prompt_tokens,
            params,
            constraint: None,
            score_from: None,
            prompt_top_logprobs: 0,
            scope: CacheScope::default(),
            priority: 0,
        }
    }

    /// Scores `continuation` after `context`, generating nothing. The answer is in
    /// [`Completion::prompt_logprobs`], one natural-log probability per continuation token.
    pub fn score(context: &[u32], continuation: &[u32]) -> Self {
        let tokens = [context, continuation].concat();
        let score_from = Some(context.len());
        Self { score_from, ..Self::new(tokens, SamplingParams::greedy(0)) }
    }

    /// The same request with its output held to `constraint`.
    #[must_use]
    pub fn with_constraint(mut self, constraint: Constraint) -> Self {
        self.constraint = Some(constraint);
        self
    }
}

/// A token's natural-log probability under the model's own distribution, before penalties,
/// mask and temperature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenLogprob {
    /// The token.
    pub token: u32,
    /// Its log-probability.
    pub logprob: f32,
}

/// One generated token.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenEvent {
    /// Which of the request's samples it belongs to.
    pub sample: usize,
    /// The token.
    pub token: u32,
    /// Text that became certain with it: empty while bytes of a character or of a possible stop
    /// string are held back.
    pub text: String,
    /// The token's log-probability, when asked for.
    pub logprob: Option<f32>,
    /// The most likely tokens, best first, when asked for.
    pub top_logprobs: Vec<TokenLogprob>,
}

/// What an output ended with when its finish reason is `Stop`.
#[derive(Clone, Debug, PartialEq)]
pub enum StopCause {
    /// A token that ends the output and is no part of it.
    Token {
        /// The token.
        token: u32,
        /// Its log-probability, when asked for.
        logprob: Option<f32>,
    },
    /// A stop string.
    Text(String),
    /// The constraint: nothing may follow.
    Constraint,
}

/// A finished request.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The request.
    pub id: RequestId,
    /// Which of its samples this is.
    pub sample: usize,
    /// Generated tokens; a token that ended the output (end of sequence, stop token) is left
    /// out, the tokens of a stop string are not.
    pub tokens: Vec<u32>,
    /// Their text, cut before a stop string.
    pub text: String,
    /// The end of `text` that no token event carried: it was held back as the possible beginning
    /// of a stop string or of a character.
    pub tail: String,
    /// Log-probability of each generated token, when asked for.
    pub logprobs: Vec<f32>,
    /// Log-probabilities of the prompt from [`Request::score_from`] on, when asked for.
    pub prompt_logprobs: Vec<f32>,
    /// The most likely tokens beside each of `prompt_logprobs`, best first, when asked for.
    pub prompt_top_logprobs: Vec<Vec<TokenLogprob>>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// What it ended with, if it was `Stop`.
    pub stop_cause: Option<StopCause>,
    /// Token counts; the ending token counts as generated.
    pub usage: Usage,
    /// Tokens of the prompt that were in the cache and not computed again.
    pub cached_tokens: usize,
    /// How long its parts took.
    pub timing: Timing,
}

/// What happens to a request, in order: any number of `Token`, and one `Finished` for each sample; or
/// `Failed`, which ends all samples.
#[derive(Debug)]
pub enum Event {
    /// A token was generated.
    Token(TokenEvent),
    /// A sample of the request ended.
    Finished(Completion),
    /// The engine failed; the text says how.
    Failed(String),
}
