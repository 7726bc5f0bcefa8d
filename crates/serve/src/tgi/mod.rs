//! The protocol of Hugging Face's text-generation-inference.
//!
//! Its requests name no model. The first bare language model is taken; a field `model` of ours
//! chooses another.

pub(crate) mod operations;
mod request;
mod response;
mod route;

pub(crate) use request::GenerateRequest;
pub(crate) use route::{Form, generate, generate_fields, generate_stream};
