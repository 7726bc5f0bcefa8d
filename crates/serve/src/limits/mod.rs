//! How much may be asked for: by one key, of one engine, and in one body.

mod admission;
mod bucket;
mod json;
mod limiter;
#[cfg(test)]
mod tests;

pub(crate) use admission::Admission;
pub(crate) use json::{MAX_DEPTH, MAX_ITEMS, TooComplex, read_shape};
pub use limiter::Exhausted;
pub(crate) use limiter::{Allowance, Limiter, Permit};
