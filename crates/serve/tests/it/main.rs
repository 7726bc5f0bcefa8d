//! Whole HTTP exchanges through real sockets, with a model of a few lines behind the real engine.

mod access;
mod anthropic;
mod batches;
mod chat;
mod cohere;
mod completions;
mod embeddings;
mod faults;
mod files;
mod ignored;
mod incidents;
mod lifecycle;
mod locked;
mod models;
mod ollama;
mod openapi;
mod operations;
mod refusals;
mod responses;
mod support;
mod system;
mod tei;
mod tgi;
mod tls;
mod tools;
mod wire;
