//! Fields of a request that nobody reads, at any depth, and how its client learns of them.
//!
//! What is read is known from the type that reads it: the schema that the document shows of it
//! ([`find`]). The names stand in the answer's header [`IGNORED_FIELDS_HEADER`] ([`Ignored`]), and so do those of the
//! address's query ([`tell_query`]).

mod fields;
mod find;
mod query;
#[cfg(test)]
mod tests;

pub(crate) use fields::{IGNORED_FIELDS_HEADER, Ignored};
pub(crate) use find::find;
pub(crate) use query::tell_query;
