//! What the hardware allows for a model.

use super::infer::Task;
use crate::models::{BoxError, LanguageModel};
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
        peaks: &Peaks,
        pool: &Pool,
    ) -> Result<Self, BoxError> {
        let config = model.checkpoint.config();
        let heads = config.num_attention_heads * config.head_dim;
        let kv_heads = config.num_key_value_heads * config.head_dim;
        let layer = config.hidden_size * (2 * heads + 2 * kv_heads + 3 * config.intermediate_size);
        let operations = 2.0 * (layer * config.num_hidden_layers) as f64;
        let mut bytes = 0;
        for name in model.checkpoint.tensor_names() {
            let weight = model.checkpoint.weight(name)?;
            // A head of its own leaves the embedding unread but for one row.
            if name != "model.embed_tokens.weight" || config.tie_word_embeddings {
                bytes += stored_bytes(&weight.data);
            }
        }
        let read_bytes_per_second = measure_read(pool, bytes)?;
        Ok(Self {
            prefill: peaks.int8_ops / operations,
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
