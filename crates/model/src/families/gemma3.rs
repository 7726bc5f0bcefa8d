//! Gemma 3 (text): as Gemma 2 with norms of queries and keys in the place of caps, and positions of
//! windowed layers rotated by another base than those of full ones.

use super::common::windows_json;
use super::gemma::{gemma_gguf, gemma_json};
use super::gemma2::{SANDWICH, gguf_scale, scale};
use super::{Family, GGUF};
use crate::config::{GgufKeys, JsonKeys, ModelConfig, QkNorm, Residual, RopeDefaults};
use crate::error::ModelError;
use catena_kernels::{RopeScaling, RopeSpec};

pub(super) static GEMMA3: Family = Family {
    name: "Gemma 3",
    model_types: &["gemma3_text"],
    architectures: &["gemma3"],
    from_json,
    from_gguf,
    huggingface: SANDWICH,
    gguf: &[GGUF],
};

/// Each how many layers one has no window.
const PERIOD: usize = 6;
/// Base of windowed layers.
const LOCAL_THETA: f32 = 10_000.0;
/// Base of the others.
const GLOBAL_THETA: f32 = 1_000_000.0;

fn from_json(keys: &JsonKeys, model_type: &'static str) -> Result<ModelConfig, ModelError> {
    let mut config = gemma_json(keys, model_type)?;
    sandwich(&mut config);
    config.attention_scale = scale(keys.or("query_pre_attn_scalar", 256.0)?);
    config.attn_logit_softcapping = keys.get("attn_logit_softcapping")?;
    config.final_logit_softcapping = keys.get("final_logit_softcapping")?;
    if keys.has("layer_types") {
        windows_json(keys, &mut config, false)?;
    } else {
        let period = keys.or("sliding_window_pattern", PERIOD)?;
        let window = keys.or("sliding_window", 4096)?;
        let pattern = (1..=config.layers.len()).map(|layer| period == 0 || layer % period != 0);
        set_windows(&mut config, window, pattern.collect());
    }
    let global = RopeDefaults { theta: GLOBAL_THETA, ..defaults(&config) };
    let parameters = keys.object("rope_parameters")?;
    let of = |kind: &str| parameters.as_ref().map_or(Ok(None), |keys| keys.object(kind));
    config.rope_parameters = match (of("full_attention")?, of("sliding_attention")?) {
        (None, None) => {
            let theta = keys.or("rope_local_base_freq", LOCAL_THETA)?;
            vec![global.read_json(keys)?, RopeSpec::plain(config.head_dim, theta)]
        }
        (full, sliding) => vec![
            global.read_parameters(keys, full.as_ref())?,
            defaults(&config).read_parameters(keys, sliding.as_ref())?,
        ],
    };
    choose_ropes(&mut config);
    Ok(config)
}

fn from_gguf(keys: &GgufKeys<'_>) -> Result<ModelConfig, ModelError> {
    let mut config = gemma_gguf(keys, "gemma3_text")?;
    sandwich(&mut config);
    config.attention_scale = gguf_scale(&config, 62);
    config.final_logit_softcapping =
        keys.float("final_logit_softcapping")?.filter(|&cap| cap > 0.0);
    let window = keys.optional("attention.sliding_window")?.filter(|&window| window > 0);
    if let Some(window) = window {
        let pattern = keys.window_pattern(config.layers.len(), PERIOD, false)?;
        set_windows(&mut config, window, pattern);
    }
    let global = RopeDefaults { theta: GLOBAL_THETA, ..defaults(&config) }.read_gguf(keys)?;
    let theta = keys.float("rope.freq_base_swa")?.unwrap_or(LOCAL_THETA);
    let local = RopeSpec { theta, scaling: RopeScaling::None, ..global.clone() };
    config.rope_parameters = vec![global, local];
    choose_ropes(&mut config);
    Ok(config)
}

fn sandwich(config: &mut ModelConfig) {
    config.residual = Residual::Sandwich;
    config.qk_norm = Some(QkNorm::PerHead);
}

fn defaults(config: &ModelConfig) -> RopeDefaults {
    RopeDefaults::of(config.head_dim, config.max_position_embeddings)
}

fn set_windows(config: &mut ModelConfig, window: usize, pattern: Vec<bool>) {
    for (layer, sliding) in config.layers.iter_mut().zip(pattern) {
        layer.sliding_window = sliding.then_some(window);
    }
}

/// Windowed layers take the second embedding.
fn choose_ropes(config: &mut ModelConfig) {
    for layer in &mut config.layers {
        layer.rope = Some(usize::from(layer.sliding_window.is_some()));
    }
}
