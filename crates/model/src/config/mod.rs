//! What a model file says about the architecture, by Hugging Face's key names.

mod gguf;
mod huggingface;
mod shape;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use gguf::GgufKeys;
pub(crate) use shape::ARCHITECTURES;
pub use shape::ModelConfig;
