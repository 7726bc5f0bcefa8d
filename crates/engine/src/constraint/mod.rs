//! Constrained decoding: which tokens may come next, by llguidance.
//!
//! A constraint is compiled when its request is taken in, within bounds of size (bytes, nesting)
//! and of work (regex nodes, grammar symbols), on a thread with a stack of its own; what exceeds
//! them is refused there. The bounds of work count operations, not time, so a constraint that is
//! taken once is taken always. Each mask has bounds of work as well: a request whose grammar needs
//! more fails alone.
//!
//! Masks depend on the tokens before them only, so they are computed beside the forward pass, by
//! [`MaskWorker`].

mod compiler;
mod gbnf;
mod probe;
mod source;
mod state;
mod warm_up;
mod worker;

pub(crate) use compiler::GrammarCompiler;
pub use probe::ConstraintProbe;
pub use source::{
    COMPOSED_KIND, MAX_CHOICES, MAX_COMPOSED_BYTES, MAX_CONSTRAINT_BYTES, MAX_GRAMMAR_LEVELS,
    MAX_GRAMMAR_RULES, MAX_PATTERN_BYTES, MAX_SCHEMA_LEVELS, MAX_SCHEMAS,
};
pub(crate) use state::ConstraintState;
pub(crate) use worker::MaskWorker;
