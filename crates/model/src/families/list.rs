//! All families.

use super::Family;

/// All families, those that others are near to first.
pub(crate) static FAMILIES: &[&Family] = &[
    &super::llama::LLAMA,
    &super::smollm3::SMOLLM3,
    &super::mistral::MISTRAL,
    &super::mixtral::MIXTRAL,
    &super::qwen2::QWEN2,
    &super::qwen3::QWEN3,
    &super::qwen3_moe::QWEN3_MOE,
    &super::gemma::GEMMA,
    &super::gemma2::GEMMA2,
    &super::gemma3::GEMMA3,
    &super::phi3::PHI3,
    &super::gpt2::GPT2,
    &super::gpt_neox::GPT_NEOX,
    &super::olmo2::OLMO2,
    &super::granite::GRANITE,
    &super::starcoder2::STARCODER2,
    &super::glm::GLM,
    &super::chatglm::CHATGLM,
    &super::deepseek_v2::DEEPSEEK_V2,
];
