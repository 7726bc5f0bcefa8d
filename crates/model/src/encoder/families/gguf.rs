//! What all families say alike in the keys of GGUF files.

use crate::ModelError;
use crate::config::GgufKeys;
use crate::encoder::EncoderTask;
use crate::encoder::config::HeadConfig;

/// llama.cpp's number of the mean among the ways of pooling.
const MEAN: usize = 1;

/// Heads of the attention.
///
/// # Errors
/// If queries share keys, which no encoder of ours does.
pub(super) fn heads(keys: &GgufKeys<'_>) -> Result<usize, ModelError> {
    let heads = keys.size("attention.head_count")?;
    match keys.optional("attention.head_count_kv")?.filter(|&shared| shared != heads) {
        None => Ok(heads),
        Some(shared) => {
            let (key, reason) = ("attention.head_count_kv", "must be attention.head_count");
            Err(keys.refuse(key, shared.to_string(), reason))
        }
    }
}

/// What is added to a variance before its root.
pub(super) fn layer_norm_eps(keys: &GgufKeys<'_>) -> Result<f32, ModelError> {
    let key = "attention.layer_norm_epsilon";
    keys.float(key)?.ok_or_else(|| keys.missing(key))
}

/// What stands on the trunk, but for activations and the number of labels without names, which
/// follows from a tensor.
///
/// A file that does not say what its classifier reads means the mean, as in llama.cpp; all but
/// ModernBERT's read the first token, and their files never say so.
pub(super) fn head(keys: &GgufKeys<'_>) -> Result<HeadConfig, ModelError> {
    if keys.flag("attention.causal")? == Some(true) {
        let reason = "an encoder sees the whole text";
        return Err(keys.refuse("attention.causal", "true".to_owned(), reason));
    }
    let task = if keys.has_tensor("cls.output.weight") {
        EncoderTask::SequenceClassification
    } else {
        EncoderTask::Hidden
    };
    let pooling = keys.optional("classifier.pooling_type")?;
    let default = keys.architecture() == "modern-bert";
    Ok(HeadConfig {
        architecture: keys.architecture().to_owned(),
        task,
        labels: keys.texts("classifier.output_labels")?.unwrap_or_default().to_vec(),
        mean_pooling: pooling.map_or(default, |pooling| pooling == MEAN),
        ..HeadConfig::default()
    })
}
