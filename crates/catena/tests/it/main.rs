//! The command line as a user meets it: help, errors with their exit codes, and the whole flow.

mod errors;
mod flow;
mod help;
mod support;
