//! The command line as a user meets it: help, errors with their exit codes, and the whole flow.

#![expect(
    clippy::unwrap_used,
    clippy::unnecessary_debug_formatting,
    reason = "a test says what broke by panicking; a path in quotes is a TOML string"
)]

mod adapters;
mod commands;
mod data;
mod documents;
mod errors;
mod flow;
mod heads;
mod help;
mod plans;
mod pretrain;
mod serve;
mod stopped;
mod support;
mod tiny;
mod train;
