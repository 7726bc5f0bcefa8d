//! A model that is only a shape: how fast a step is does not depend on the weights.

use catena_kernels::QuantFormat;
use catena_model::training::WeightSource;
use catena_model::{ModelConfig, ModelError, Weight, WeightData};
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

/// Format of all matrices.
const FORMAT: QuantFormat = QuantFormat::Q4_0;
/// Bits of the f16 that scales each block: 0.02, so that products of random codes stay small.
const SCALE: u16 = 0x251f;
/// Bytes of a block.
const BLOCK_BYTES: usize = 18;
/// Columns of the widest matrix, and as many rows that differ.
const COLUMNS: usize = 5632;

/// The shape of TinyLlama 1.1B.
pub(super) fn llama_1b() -> Result<ModelConfig, ModelError> {
    let serde_json::Value::Object(keys) = json!({
        "model_type": "llama", "hidden_size": 2048, "intermediate_size": COLUMNS,
        "num_hidden_layers": 22, "num_attention_heads": 32, "num_key_value_heads": 4,
        "vocab_size": 32000, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": false, "hidden_act": "silu",
        "bos_token_id": 1, "eos_token_id": 2,
    }) else {
        unreachable!("an object is written above")
    };
    ModelConfig::from_json(keys, "TinyLlama-1.1B".into())
}

/// Random blocks for all matrices: rows of one buffer, each from another place of it.
pub(super) struct RandomBlocks {
    bytes: Vec<u8>,
}

impl RandomBlocks {
    pub(super) fn new(seed: u64) -> Self {
        let mut bytes = vec![0; 4 * FORMAT.row_bytes(COLUMNS)];
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
        for block in bytes.chunks_exact_mut(BLOCK_BYTES) {
            block[..2].copy_from_slice(&SCALE.to_le_bytes());
        }
        Self { bytes }
    }
}

impl WeightSource for RandomBlocks {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let data = match shape {
            [rows, columns] => {
                let row_bytes = FORMAT.row_bytes(*columns);
                let places = (self.bytes.len() - row_bytes) / BLOCK_BYTES;
                // A step that shares no factor with the number of places visits many of them.
                let first = name.len();
                let row = |row: usize| {
                    let start = (first + row * 101) % places * BLOCK_BYTES;
                    &self.bytes[start..start + row_bytes]
                };
                WeightData::Blocks { format: FORMAT, rows: (0..*rows).map(row).collect() }
            }
            _ => WeightData::F32(vec![1.0; shape.iter().product()].into()),
        };
        Ok(Weight { shape: shape.to_vec(), data })
    }
}
