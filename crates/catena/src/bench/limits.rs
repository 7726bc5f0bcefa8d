//! What the hardware allows for a model.

use super::cells::figure;
use super::infer::Task;
use crate::models::{BoxError, LanguageModel, Numerics};
use catena_kernels::{Peaks, Pool, measure_read};
use catena_model::WeightData;

/// The limits of one model's figures.
pub(crate) struct Limits {
    /// Tokens per second at which the linear layers alone would fill the multiplying units.
    prefill: f64,
    /// Steps per second at which the weights can be read.
    decode: f64,
    /// Bytes per second at which as much memory as the weights take can be read.
    pub(crate) read_bytes_per_second: f64,
}

impl Limits {
    /// Measures how fast the model's weights can be read here, and counts its operations.
    pub(crate) fn measure(
        model: &LanguageModel,
        numerics: Numerics,
        peaks: &Peaks,
        pool: &Pool,
    ) -> Result<Self, BoxError> {
        let config = model.checkpoint.config();
        let heads = config.num_attention_heads * config.head_dim;
        let kv_heads = config.num_key_value_heads * config.head_dim;
        let layer = config.hidden_size * (2 * heads + 2 * kv_heads + 3 * config.intermediate_size);
        let operations = 2.0 * (layer * config.num_hidden_layers) as f64;
        let (mut bytes, mut is_integer) = (0, false);
        for name in model.checkpoint.tensor_names() {
            let weight = model.checkpoint.weight(name)?;
            // A head of its own leaves the embedding unread but for one row.
            if name != "model.embed_tokens.weight" || config.tie_word_embeddings {
                bytes += stored_bytes(&weight.data);
                is_integer |= matches!(weight.data, WeightData::Blocks { .. }) && !numerics.precise;
            }
        }
        // Without an instruction for it, bf16 is multiplied as f32.
        let floats = peaks.bf16_ops.unwrap_or(peaks.f32_ops);
        let multiplications = if is_integer { peaks.int8_ops } else { floats };
        let read_bytes_per_second = measure_read(pool, bytes)?;
        Ok(Self {
            prefill: multiplications / operations,
            decode: read_bytes_per_second / bytes as f64,
            read_bytes_per_second,
        })
    }

    /// The limit of a task, where there is one.
    pub(crate) fn of(&self, task: Task) -> Option<f64> {
        match task {
            Task::Prefill(_) => Some(self.prefill),
            Task::Decode(_) | Task::Batch(1) => Some(self.decode),
            Task::Batch(_) => None,
        }
    }
}

fn stored_bytes(data: &WeightData<'_>) -> usize {
    match data {
        WeightData::F32(values) => values.len() * 4,
        WeightData::F16(bytes) | WeightData::Bf16(bytes) => bytes.len(),
        WeightData::Blocks { rows, .. } => rows.iter().map(|row| row.len()).sum(),
    }
}

/// The peaks in words.
pub(crate) fn described(peaks: &Peaks) -> Vec<(&'static str, String)> {
    let giga = |ops: f64| format!("{} Gop/s", figure(ops / 1e9));
    let mut lines = vec![("f32", giga(peaks.f32_ops)), ("int8", giga(peaks.int8_ops))];
    lines.extend(peaks.bf16_ops.map(|ops| ("bf16", giga(ops))));
    lines
}
