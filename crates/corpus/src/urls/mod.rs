//! Judging pages by their addresses.

mod filter;
mod reason;

pub use filter::{UrlFilter, UrlLists};
pub use reason::UrlReason;

#[cfg(test)]
mod tests;
