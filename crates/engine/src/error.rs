//! Everything that can go wrong in the engine, grouped by what the caller does next.

use catena_kernels::KernelError;
use catena_model::AdapterId;
use catena_text::TextError;

/// Error of the engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    // --- fix the input
    /// The prompt has no token.
    #[error("the prompt is empty")]
    EmptyPrompt,
    /// Prompt and requested output do not fit the context.
    #[error(
        "the prompt has {prompt_tokens} tokens and up to {max_new_tokens} were asked for, but the \
         context holds {context_tokens}"
    )]
    ContextExceeded {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Tokens the request may generate.
        max_new_tokens: usize,
        /// Tokens one sequence may have: the model's positions or the whole KV cache.
        context_tokens: usize,
    },
    /// A prompt token is not in the vocabulary.
    #[error("token {token} at position {position} is outside the vocabulary of {vocab_size}")]
    TokenOutOfRange {
        /// The token id.
        token: u32,
        /// Its place in the prompt.
        position: usize,
        /// Tokens of the vocabulary.
        vocab_size: usize,
    },
    /// A sampling parameter is outside its range.
    #[error("`{name}` is {value}, allowed is {allowed}")]
    ParameterOutOfRange {
        /// The parameter's name in [`crate::SamplingParams`].
        name: &'static str,
        /// The given value.
        value: f64,
        /// The allowed range in words.
        allowed: &'static str,
    },
    /// The draft model speaks in other tokens.
    #[error(
        "token {token} of the draft model is another than the model's; a draft model needs the \
         same tokenizer"
    )]
    DraftVocabulary {
        /// The first token that differs.
        token: u32,
    },
    /// Scoring was asked to start outside the prompt.
    #[error("scoring starts at token {start}, the prompt has {prompt_tokens} tokens")]
    ScoreOutOfRange {
        /// First token to score.
        start: usize,
        /// Tokens of the prompt.
        prompt_tokens: usize,
    },
    /// The constraint's source is larger than its limit.
    #[error("the {kind} has {actual} {unit}, the limit is {limit}")]
    ConstraintTooLarge {
        /// `JSON schema`, `regex`, `choice` or `Lark grammar`.
        kind: &'static str,
        /// What is counted: `bytes`, `levels`, `texts`, `rules`.
        unit: &'static str,
        /// The size found.
        actual: usize,
        /// The largest size taken.
        limit: usize,
    },
    /// The constraint does not compile, or uses what is not supported.
    #[error("the {kind} cannot be compiled: {reason}")]
    ConstraintInvalid {
        /// `JSON schema`, `regex`, `choice` or `Lark grammar`.
        kind: &'static str,
        /// What the grammar compiler says.
        reason: String,
    },
    /// The conversation or text cannot be turned into tokens.
    #[error("the prompt cannot be encoded")]
    Text(#[source] TextError),
    /// The model has no chat template, so it completes text only.
    #[error("the model has no chat template; it can complete text only")]
    NoChatTemplate,
    /// The request names an adapter that is not loaded, or was dropped.
    #[error("adapter {} is not loaded", id.0)]
    UnknownAdapter {
        /// The adapter.
        id: AdapterId,
    },
    /// The model cannot take the adapter.
    #[error("the adapter cannot be loaded")]
    Adapter(#[source] RunnerError),
    /// One request of a batch job was refused.
    #[error("request {index} of the batch is refused")]
    BatchRequest {
        /// Its position in the list.
        index: usize,
        /// Why.
        #[source]
        source: Box<EngineError>,
    },
    // --- fix the machine
    /// The KV cache cannot be sized as asked.
    #[error("a KV cache of {budget_bytes} bytes holds no block of {block_bytes} bytes")]
    KvCacheTooSmall {
        /// Bytes allowed.
        budget_bytes: u64,
        /// Bytes one block takes.
        block_bytes: u64,
    },
    /// The KV cache cannot be allocated.
    #[error("the kv cache cannot be allocated")]
    KvCache(#[source] KernelError),
    /// As many adapters are loaded as may be.
    #[error("{limit} adapters are loaded, which is the limit; drop one first")]
    TooManyAdapters {
        /// Most at once.
        limit: usize,
    },
    /// The adapter does not fit beside the others.
    #[error(
        "the adapter has {bytes} bytes beside the {loaded_bytes} of those that are loaded, the limit \
         is {limit}"
    )]
    AdapterBytes {
        /// Bytes of the adapter.
        bytes: usize,
        /// Bytes of the others.
        loaded_bytes: usize,
        /// Most bytes of all.
        limit: usize,
    },
    /// The engine's thread could not be started.
    #[error("the engine's thread cannot be started")]
    Thread(#[source] std::io::Error),
    // --- retry
    /// Too many requests wait already.
    #[error("{in_flight} requests are running or waiting, the limit is {limit}")]
    QueueFull {
        /// Requests submitted and not ended.
        in_flight: usize,
        /// Most at once.
        limit: usize,
    },
    /// The engine is shutting down or has ended.
    #[error("the engine has stopped")]
    Stopped,
    /// The job was cancelled.
    #[error("interrupted after {completed} of {total} requests")]
    Interrupted {
        /// Requests completed.
        completed: usize,
        /// Requests of the job.
        total: usize,
    },
    // --- report a bug
    /// The model refused a batch.
    #[error("the model cannot run the batch")]
    Runner(#[source] RunnerError),
    /// The engine failed a request.
    #[error("the request failed: {reason}")]
    Failed {
        /// What the engine reported.
        reason: String,
    },
    /// The grammar's state and the sampled token disagree.
    #[error("constrained decoding lost its grammar: {reason}")]
    ConstraintLost {
        /// What the grammar engine says.
        reason: String,
    },
}

/// The runner has no adapters.
#[derive(Debug, thiserror::Error)]
#[error("this model runs without adapters")]
pub(crate) struct NoAdapters;

/// An adapter that another model's decoder packed.
#[derive(Debug, thiserror::Error)]
#[error("the adapter was packed for another model")]
pub(crate) struct OtherModel;

/// Cause of a failed forward pass; the runner's own error type.
pub type RunnerError = Box<dyn std::error::Error + Send + Sync>;
