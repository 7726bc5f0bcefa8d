//! Parts of PEFT's keys.

/// Before the path of a module.
pub(crate) const PREFIX: &str = "base_model.model.";
/// Behind it: the first half of a pair.
pub(crate) const LORA_A: &str = ".lora_A.weight";
/// The second half.
pub(crate) const LORA_B: &str = ".lora_B.weight";
/// Lengths of rows.
pub(crate) const MAGNITUDE: &str = ".lora_magnitude_vector";
/// Factors of outputs or inputs.
pub(crate) const IA3_VECTOR: &str = ".ia3_l";
/// Learned keys and values.
pub(crate) const PROMPT: &str = "prompt_embeddings";
