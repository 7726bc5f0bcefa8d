//! Queries over data in SQL, with the operators as functions.

mod answer;
mod error;
mod query;
mod tables;

pub use answer::Answer;
pub use query::query;

#[cfg(test)]
mod tests;
