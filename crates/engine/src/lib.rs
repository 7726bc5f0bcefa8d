//! Turns token prompts into tokens: scheduling, paged KV blocks, sampling, constrained decoding.
//!
//! [`Engine::step`] is one scheduling round. Batch jobs call [`Engine::run_all`]; a server moves
//! the engine onto its own thread and talks to it through an [`EngineHandle`].
//!
//! **Invariant:** no file, network or environment is read here, and a clock only to learn what steps
//! cost. A sequence's output depends on its own request only, never on what runs beside it, nor on
//! preemption, a cached prefix or guessed tokens.

mod adapters;
mod batch;
mod blocks;
mod capacity;
mod codec;
mod commit;
mod constraint;
mod engine;
mod error;
mod first_choices;
mod handle;
mod logits;
mod params;
mod queue;
mod request;
mod runner;
mod sampler;
mod scheduler;
mod sequence;
mod speculate;
mod stats;
#[cfg(test)]
mod tests;
mod text;
mod timing;
mod vocabulary;

pub use adapters::AdapterLimits;
pub use capacity::{KvBudget, KvChoice, choose_kv_blocks};
pub use catena_kernels::BLOCK_TOKENS;
pub use catena_model::{Adapter, AdapterId, LogitsFor, SeqInput};
pub use catena_text::{CALL_ID_CHARS, CallMark, ChatInput, ToolPiece, ToolSyntax};
pub use codec::{PromptCodec, TextCodec, TextToken};
pub use constraint::{
    COMPOSED_KIND, ConstraintProbe, MAX_CHOICES, MAX_COMPOSED_BYTES, MAX_CONSTRAINT_BYTES,
    MAX_GRAMMAR_LEVELS, MAX_GRAMMAR_RULES, MAX_PATTERN_BYTES, MAX_SCHEMA_LEVELS, MAX_SCHEMAS,
};
pub use engine::{Engine, EngineOptions, Intake, Prepared};
pub use error::{EngineError, RunnerError};
pub use handle::{DEFAULT_MAX_WAITING, EngineHandle, RequestEvents, RequestGuard};
pub use logits::StepLogits;
pub use params::{
    DryParams, MAX_BREAKER_BYTES, MAX_LOGIT_BIASES, MAX_SAMPLES, MAX_STOP_BYTES, MAX_STOP_STRINGS,
    MAX_TOP_LOGPROBS, SamplingParams, XtcParams,
};
pub use request::{
    CacheScope, Completion, ComposedGrammar, Constraint, Event, NamedSchema, Request, RequestId,
    StopCause, TokenEvent, TokenLogprob,
};
pub use runner::{BlockGroup, ModelRunner, Runner};
pub use sampler::SamplingProbe;
pub use scheduler::{Scheduler, SchedulerLimits};
pub use speculate::{MAX_GUESS, Speculation};
pub use stats::{EngineSnapshot, EngineStats, STEP_TOKEN_EDGES};
pub use timing::Timing;
pub use vocabulary::Vocabulary;
