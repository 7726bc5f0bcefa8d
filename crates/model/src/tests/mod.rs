//! Tests of the crate as a whole, and a small model that all tests build from.

mod errors;
mod families;
mod smollm2;
mod tiny;
mod vocabularies;

pub(crate) use tiny::{TEMPLATE, Tiny, values};
