//! What the hardware allows for a model.

use super::cells::{Samples, figure};
use super::files::MeasuredFile;
use super::infer::Task;
use crate::models::{BoxError, LanguageModel, Numerics};
use catena_kernels::{Peaks, Pool, measure_peaks, measure_read};
use catena_model::WeightData;

/// What one token takes of the hardware.
struct Work {
    /// Operations of the linear layers.
    operations: f64,
    /// Whether they are done in 8 bits.
    is_integer: bool,
    /// Bytes of weights that a step reads.
    bytes: usize,
}

/// The limits of one model's figures.
pub(crate) struct Limits {
    /// Tokens per second at which the linear layers alone would fill the multiplying units.
    prefill: f64,
    /// Steps per second at which the weights can be read.
    decode: f64,
    /// Bytes per second at which as much memory as the weights take can be read.
    pub(crate) read_bytes_per_second: f64,
    /// What the multiplying units can do.
    pub(crate) peaks: Peaks,
}

impl Work {
    fn of(model: &LanguageModel, numerics: Numerics) -> Result<Self, BoxError> {
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
        Ok(Self { operations, is_integer, bytes })
    }
}

impl Limits {
    /// Measures the hardware for a file in a round, within a minute of the file's own figures: its speed
    /// changes with what the neighbours do.
    pub(crate) fn measure(
        file: &MeasuredFile,
        pool: &Pool,
        samples: &mut Samples,
    ) -> Result<(), BoxError> {
        let bytes = Work::of(&file.model, file.numerics)?.bytes;
        let peaks = measure_peaks(pool);
        let read = measure_read(pool, bytes)?;
        let all = [Some(peaks.f32_ops), Some(peaks.int8_ops), peaks.bf16_ops, Some(read)];
        for (name, value) in names(&file.format).iter().zip(all) {
            if let Some(value) = value {
                samples.push(name, value);
            }
        }
        Ok(())
    }

    /// The limits of a file by the medians of its rounds, if there were any.
    pub(crate) fn of_file(
        file: &MeasuredFile,
        samples: &Samples,
    ) -> Result<Option<Self>, BoxError> {
        let work = Work::of(&file.model, file.numerics)?;
        let measured = names(&file.format).map(|name| samples.median(&name));
        let [Some(f32_ops), Some(int8_ops), bf16_ops, Some(read_bytes_per_second)] = measured
        else {
            return Ok(None);
        };
        // Without an instruction for it, bf16 is multiplied as f32.
        let floats = bf16_ops.unwrap_or(f32_ops);
        let multiplications = if work.is_integer { int8_ops } else { floats };
        Ok(Some(Self {
            prefill: multiplications / work.operations,
            decode: read_bytes_per_second / work.bytes as f64,
            read_bytes_per_second,
            peaks: Peaks { f32_ops, int8_ops, bf16_ops },
        }))
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

/// The names of what is measured beside a file: the peaks of f32, of 8 bits and of bf16, and reading.
fn names(format: &str) -> [String; 4] {
    ["f32", "int8", "bf16", "read"].map(|what| format!("{what}/{format}"))
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
