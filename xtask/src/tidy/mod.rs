//! The rules that no compiler checks, run as `cargo xtask tidy` and as an ordinary test.
//!
//! One rule, one file, one line in [`run::RULES`]. A rule takes the [`repo::Repo`] and returns its
//! violations as `path:line: what is wrong`.

mod code;
mod contracts;
mod docs;
mod errors;
mod functions;
mod incidents;
mod layering;
mod repo;
mod root;
mod run;
mod sizes;

pub(crate) use run::run;

#[cfg(test)]
mod tests;
