//! `catena data`: data sets from any raw text.

mod account;
pub(crate) mod args;
mod clean;
mod documents;
mod failure;
mod look;
mod mix;
mod output;
mod pack;
mod plan_file;
mod plan_keys;
mod rejected;
mod run;
mod scores;
mod select;
mod semantic;
mod sql;
mod staged;
mod tokens;

pub(crate) use failure::curate_failure;
pub(crate) use run::run;
