//! Adapters in PEFT's folder format.
//!
//! | file | content |
//! |---|---|
//! | `adapter_config.json` | [`PeftConfig`], of LoRA [`LoraAdapterConfig`]; keys that we do not know are kept |
//! | `adapter_model.safetensors` | `base_model.model.<module>.lora_A.weight` `[r, in]`, `.lora_B.weight` `[out, r]`; `.lora_magnitude_vector` `[out]`; `.ia3_l` `[out, 1]` or `[1, in]`; `prompt_embeddings`; modules saved whole as `base_model.model.<module>.weight` |
//!
//! [`PeftAdapter`] is LoRA, with magnitudes or without, IA3 or a prefix. All of them are trained and
//! applied while the model runs, and all but prefixes are merged into its weights. All kinds of PEFT
//! that we do not know are refused by name. LoRA pairs are read and written as GGUF adapters too;
//! [`open_adapter`] takes either.

mod change;
mod config;
mod gguf;
mod keys;
mod merge;
mod modules;
mod open;
mod peft;
mod peft_types;
#[cfg(test)]
mod tests;

pub use change::AdapterTensor;
pub use config::{LoraAdapterConfig, TargetModules};
pub use gguf::{read_gguf_adapter, write_gguf_adapter};
pub use open::open_adapter;
pub use peft::{Ia3AdapterConfig, PeftAdapter, PeftConfig, PrefixAdapterConfig};
pub use peft_types::refused_type;

pub(crate) use change::{Change, module_of};
pub(crate) use config::pattern_value;
pub(crate) use keys::{IA3_VECTOR, LORA_A, LORA_B, MAGNITUDE, PREFIX, PROMPT};
pub(crate) use merge::Merge;
pub(crate) use modules::{ModulePart, Modules};
pub(crate) use peft_types::{IA3, PREFIX_TUNING};
