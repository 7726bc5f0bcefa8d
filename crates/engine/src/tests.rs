//! Tests of the engine's policies on a model of a few lines.

mod adapters;
mod batching;
mod blocks;
mod constraints;
mod errors;
mod fake;
mod handle;
mod limits;
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
