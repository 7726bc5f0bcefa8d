//! Adapters in PEFT's folder format.
//!
//! | file | content |
//! |---|---|
//! | `adapter_config.json` | [`PeftConfig`], of LoRA [`LoraAdapterConfig`]; keys that we do not know are kept |
//! | `adapter_model.safetensors` | `base_model.model.<module>.lora_A.weight` `[r, in]`, `.lora_B.weight` `[out, r]`; `.lora_magnitude_vector` `[out]`; `.ia3_l` `[out, 1]` or `[1, in]`; `prompt_embeddings`; modules saved whole as `base_model.model.<module>.weight` |
//!
//! [`PeftAdapter`] is what is trained: LoRA, with magnitudes or without, IA3 and prefixes.
//! [`LoraAdapter`] is what can be applied and merged; adapters that change the model in ways we do
//! not apply are refused when they are read as one, so that nothing is merged by half. All kinds of
//! PEFT that we do not know are refused by name.

mod config;
mod lora;
mod peft;
mod peft_types;
#[cfg(test)]
mod tests;

pub use config::{LoraAdapterConfig, TargetModules};
pub use lora::{AdapterTensor, LoraAdapter};
pub use peft::{Ia3AdapterConfig, PeftAdapter, PeftConfig, PrefixAdapterConfig};

pub(crate) use config::pattern_value;
pub(crate) use peft_types::{IA3, PREFIX_TUNING};
