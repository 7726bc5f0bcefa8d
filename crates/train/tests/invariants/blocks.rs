//! A checkpoint whose matrices are held in blocks.

use std::collections::BTreeMap;

use camino::Utf8Path;
use catena_kernels::{QuantFormat, quantize_blocks};
use catena_model::training::WeightSource;
use catena_model::{Checkpoint, ModelError, Weight, WeightData};

/// The checkpoint with the matrices of its layers in blocks.
pub(crate) struct Blocks {
    checkpoint: Checkpoint,
    format: QuantFormat,
    matrices: BTreeMap<String, Vec<u8>>,
}

impl Blocks {
    pub(crate) fn of(folder: &Utf8Path, format: QuantFormat) -> Self {
        let checkpoint = Checkpoint::open(folder).unwrap();
        let mut matrices = BTreeMap::new();
        for name in checkpoint.tensor_names().filter(|name| name.ends_with("proj.weight")) {
            let mut blocks = Vec::new();
            quantize_blocks(format, &checkpoint.dequantize(name).unwrap(), &mut blocks);
            matrices.insert(name.to_owned(), blocks);
        }
        assert_eq!(matrices.len(), 14, "seven projections of two layers");
        Self { checkpoint, format, matrices }
    }
}

impl WeightSource for Blocks {
    fn weight(&self, name: &str, shape: &[usize]) -> Result<Weight<'_>, ModelError> {
        let Some(blocks) = self.matrices.get(name) else {
            return WeightSource::weight(&self.checkpoint, name, shape);
        };
        let rows = blocks.chunks_exact(self.format.row_bytes(shape[1])).collect::<Vec<_>>();
        assert_eq!(rows.len(), shape[0], "{name}");
        let data = WeightData::Blocks { format: self.format, rows };
        Ok(Weight { shape: shape.to_vec(), data })
    }
}
