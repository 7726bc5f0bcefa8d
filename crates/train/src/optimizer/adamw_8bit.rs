//! AdamW with moments in 8 bits.

use super::adamw::AdamWConfig;
use super::memory::{OptimizerMemory, pair};
use super::partwise::{PartStep, Placed, Rule, place_each};
use super::tensor::TrainedTensor;
use catena_kernels::{BLOCK_8BIT, DynamicMap, Moment8bit, adamw_update_8bit};
use std::ops::Range;

/// Tensors with fewer values keep their moments in f32: they weigh little, and norms and biases
/// among them suffer most from rounding.
const SMALLEST_QUANTIZED: usize = 4096;

/// Where the first and the second moments of one tensor are.
pub(super) enum Moments {
    F32([Range<usize>; 2]),
    Bits8 { codes: [Range<usize>; 2], absmax: [Range<usize>; 2] },
}

/// AdamW whose moments take a quarter of the memory; the step is
/// [`catena_kernels::adamw_update_8bit`].
///
/// Blocks of 256 values share a scale and never span two tensors.
///
/// # Source
/// Dettmers et al. 2022, arXiv:2110.02861; `bitsandbytes.optim.AdamW8bit`.
pub(super) struct AdamW8bit {
    config: AdamWConfig,
    first_map: DynamicMap,
    second_map: DynamicMap,
}

impl Rule for AdamW8bit {
    type Config = AdamWConfig;
    type Place = Moments;

    const NAME: &'static str = "adamw_8bit";

    fn begin(
        config: AdamWConfig,
        tensors: &[TrainedTensor],
        memory: &mut OptimizerMemory,
    ) -> (Self, Placed<Moments>) {
        let (first_map, second_map) = (DynamicMap::signed(), DynamicMap::unsigned());
        let places = place_each(tensors, |tensor| place(memory, tensor));
        (Self { config, first_map, second_map }, places)
    }

    fn update(&mut self, step: &mut PartStep<'_>, moments: &Moments, memory: &mut OptimizerMemory) {
        let learning_rate = step.rate();
        match moments {
            Moments::F32(moments) => self.config.update(step, learning_rate, moments, memory),
            Moments::Bits8 { codes, absmax } => {
                let factors = self.config.factors(step, learning_rate);
                let (codes1, codes2) = pair(&mut memory.bytes, codes);
                let (absmax1, absmax2) = pair(&mut memory.floats, absmax);
                let mut first = Moment8bit { map: &self.first_map, codes: codes1, absmax: absmax1 };
                let mut second =
                    Moment8bit { map: &self.second_map, codes: codes2, absmax: absmax2 };
                let (values, grads) = (&mut *step.values, step.grads);
                adamw_update_8bit(step.pool, &factors, values, grads, &mut first, &mut second);
            }
        }
    }
}

fn place(memory: &mut OptimizerMemory, tensor: &TrainedTensor) -> Moments {
    let (name, shape) = (&tensor.name, &tensor.shape);
    let kinds = ["exp_avg", "exp_avg_sq"];
    if tensor.range.len() < SMALLEST_QUANTIZED {
        return Moments::F32(kinds.map(|kind| memory.add_floats(name, kind, shape)));
    }
    let blocks = tensor.range.len().div_ceil(BLOCK_8BIT);
    let [first, second] = kinds.map(|kind| {
        let codes = memory.add_bytes(name, kind, shape);
        (codes, memory.add_floats(name, &format!("{kind}_absmax"), &[blocks]))
    });
    Moments::Bits8 { codes: [first.0, second.0], absmax: [first.1, second.1] }
}
