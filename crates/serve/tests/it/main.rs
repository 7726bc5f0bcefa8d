//! Whole HTTP exchanges through real sockets, with a model of a few lines behind the real engine.

mod anthropic;
mod chat;
mod cohere;
mod completions;
mod embeddings;
mod files;
mod lifecycle;
mod ollama;
mod refusals;
mod responses;
mod support;
mod system;
mod tei;
mod tgi;
mod tools;
