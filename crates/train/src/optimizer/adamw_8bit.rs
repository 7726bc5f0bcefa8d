//! AdamW with moments in 8 bits.

use super::adamw::AdamWConfig;
use super::api::Optimizer;
use super::memory::OptimizerMemory;
use super::tensor::{Part, TrainedTensor, num_values};
use catena_kernels::{BLOCK_8BIT, DynamicMap, Moment8bit, Pool, adamw_update, adamw_update_8bit};
use std::ops::Range;

/// Tensors with fewer values keep their moments in f32: they weigh little, and norms and biases
/// among them suffer most from rounding.
const SMALLEST_QUANTIZED: usize = 4096;

/// Where the moments of one tensor are.
#[derive(Clone, Debug)]
enum Moments {
    F32 { first: Range<usize>, second: Range<usize> },
    Bits8 { first: Codes, second: Codes },
}

#[derive(Clone, Debug)]
struct Codes {
    codes: Range<usize>,
    absmax: Range<usize>,
}

/// AdamW whose moments take a quarter of the memory; the step is
/// [`catena_kernels::adamw_update_8bit`].
///
/// Blocks of 256 values share a scale and never span two tensors.
///
/// # Source
/// Dettmers et al. 2022, arXiv:2110.02861; `bitsandbytes.optim.AdamW8bit`.
#[derive(Clone, Debug)]
pub struct AdamW8bit {
    config: AdamWConfig,
    tensors: Vec<(TrainedTensor, Moments)>,
    num_values: usize,
    first_map: DynamicMap,
    second_map: DynamicMap,
    memory: OptimizerMemory,
}

impl AdamW8bit {
    /// An optimizer before its first step.
    ///
    /// # Panics
    /// If the tensors do not cover a vector in order.
    pub fn new(tensors: &[TrainedTensor], config: AdamWConfig) -> Self {
        Self::on(OptimizerMemory::default(), tensors, config)
    }

    /// As [`Self::new`] with its state in `memory`.
    pub(super) fn on(
        mut memory: OptimizerMemory,
        tensors: &[TrainedTensor],
        config: AdamWConfig,
    ) -> Self {
        let placed = tensors.iter().map(|tensor| (tensor.clone(), place(&mut memory, tensor)));
        Self {
            config,
            tensors: placed.collect(),
            num_values: num_values(tensors),
            first_map: DynamicMap::signed(),
            second_map: DynamicMap::unsigned(),
            memory,
        }
    }
}

fn place(memory: &mut OptimizerMemory, tensor: &TrainedTensor) -> Moments {
    let (name, shape) = (&tensor.name, &tensor.shape);
    if tensor.range.len() < SMALLEST_QUANTIZED {
        return Moments::F32 {
            first: memory.add_floats(name, "exp_avg", shape),
            second: memory.add_floats(name, "exp_avg_sq", shape),
        };
    }
    let blocks = tensor.range.len().div_ceil(BLOCK_8BIT);
    Moments::Bits8 {
        first: Codes {
            codes: memory.add_bytes(name, "exp_avg", shape),
            absmax: memory.add_floats(name, "exp_avg_absmax", &[blocks]),
        },
        second: Codes {
            codes: memory.add_bytes(name, "exp_avg_sq", shape),
            absmax: memory.add_floats(name, "exp_avg_sq_absmax", &[blocks]),
        },
    }
}

impl Optimizer for AdamW8bit {
    fn name(&self) -> &'static str {
        "adamw_8bit"
    }

    fn num_values(&self) -> usize {
        self.num_values
    }

    fn apply(
        &mut self,
        pool: &Pool,
        part: &Range<usize>,
        values: &mut [f32],
        grads: &[f32],
        grad_scale: f32,
        learning_rate: f64,
    ) {
        let part = Part::of(part, self.num_values, values, grads);
        let step = self.memory.steps();
        for (tensor, moments) in &self.tensors {
            let Some(own) = part.place(&tensor.range) else { continue };
            let factors = self.config.factors(
                step,
                learning_rate * tensor.learning_rate_factor,
                tensor.decay(self.config.weight_decay),
                grad_scale,
            );
            let (values, grads) = (&mut values[own.clone()], &grads[own]);
            match moments {
                Moments::F32 { first, second } => {
                    let moments = pair(&mut self.memory.floats, first, second);
                    adamw_update(pool, &factors, values, grads, moments);
                }
                Moments::Bits8 { first, second } => {
                    let (codes1, codes2) =
                        pair(&mut self.memory.bytes, &first.codes, &second.codes);
                    let (absmax1, absmax2) =
                        pair(&mut self.memory.floats, &first.absmax, &second.absmax);
                    let mut first =
                        Moment8bit { map: &self.first_map, codes: codes1, absmax: absmax1 };
                    let mut second =
                        Moment8bit { map: &self.second_map, codes: codes2, absmax: absmax2 };
                    adamw_update_8bit(pool, &factors, values, grads, &mut first, &mut second);
                }
            }
        }
    }

    fn memory(&self) -> &OptimizerMemory {
        &self.memory
    }

    fn memory_mut(&mut self) -> &mut OptimizerMemory {
        &mut self.memory
    }
}

/// Two ranges of one buffer at once.
fn pair<'a, T>(
    buffer: &'a mut [T],
    first: &Range<usize>,
    second: &Range<usize>,
) -> (&'a mut [T], &'a mut [T]) {
    let [first, second] = buffer
        .get_disjoint_mut([first.clone(), second.clone()])
        .expect("state tensors do not overlap");
    (first, second)
}
