//! Tests of the engine's policies on a model of a few lines.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "tests count in small numbers"
)]

mod adapters;
mod batching;
mod blocks;
mod constraints;
mod errors;
mod fake;
mod gbnf;
mod handle;
mod limits;
mod llama_cpp;
mod prefix;
mod queue;
mod real;
mod sampling;
mod schema_corpus;
mod schemas;
mod scoring;
mod speculation;
mod storm;
mod text;
