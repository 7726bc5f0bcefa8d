//! LoRA adapters in PEFT's folder format.
//!
//! | file | content |
//! |---|---|
//! | `adapter_config.json` | [`LoraAdapterConfig`]; keys that we do not know are kept |
//! | `adapter_model.safetensors` | `base_model.model.<module>.lora_A.weight` `[r, in]`, `.lora_B.weight` `[out, r]`; modules saved whole as `base_model.model.<module>.weight` |
//!
//! Adapters that change the model in ways we do not apply (DoRA, embeddings, biases) are refused
//! when they are read, so that nothing is merged by half.

mod config;
mod lora;
#[cfg(test)]
mod tests;

pub use config::{LoraAdapterConfig, TargetModules};
pub use lora::{AdapterTensor, LoraAdapter};
