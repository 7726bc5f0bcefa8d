//! Which samples a step sees, as a function of `(seed, epoch, step)` alone.

use crate::error::TrainError;
use catena_model::training::TrainBatch;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// One tokenized training sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Token ids, prompt and answer.
    pub tokens: Vec<u32>,
    /// For each position the token it should predict, or `None` where no loss is taken.
    pub labels: Vec<Option<u32>>,
}

impl Sample {
    /// Number of positions that carry a loss.
    pub fn num_supervised(&self) -> usize {
        self.labels.iter().filter(|label| label.is_some()).count()
    }
}

/// Optimizer steps of one epoch: the last step takes what is left.
pub fn steps_per_epoch(num_samples: usize, batch_size: usize) -> u64 {
    num_samples.div_ceil(batch_size) as u64
}

/// Sample indices in the order of `epoch`.
pub(crate) fn epoch_order(num_samples: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..num_samples).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    order.shuffle(&mut rng);
    order
}

/// Packs `samples` in order into batches of at most `max_tokens` tokens.
pub(crate) fn pack(samples: &[&Sample], max_tokens: usize) -> Vec<TrainBatch> {
    let mut batches: Vec<TrainBatch> = Vec::new();
    for sample in samples {
        let fits = batches
            .last()
            .is_some_and(|batch| batch.tokens.len() + sample.tokens.len() <= max_tokens);
        if !fits {
            batches.push(TrainBatch {
                tokens: Vec::new(),
                labels: Vec::new(),
                seq_starts: Vec::new(),
                token_types: Vec::new(),
            });
        }
        let batch = batches.last_mut().expect("a batch was pushed when none fitted");
        batch.seq_starts.push(batch.tokens.len());
        batch.tokens.extend_from_slice(&sample.tokens);
        batch.labels.extend_from_slice(&sample.labels);
    }
    batches
}

/// Refuses samples that could not be trained on.
pub(crate) fn check_samples(samples: &[Sample], max_tokens: usize) -> Result<(), TrainError> {
    if samples.is_empty() {
        return Err(TrainError::NoSamples);
    }
    for (index, sample) in samples.iter().enumerate() {
        if sample.tokens.len() != sample.labels.len() {
            return Err(TrainError::LabelCount {
                index,
                tokens: sample.tokens.len(),
                labels: sample.labels.len(),
            });
        }
        if sample.tokens.len() > max_tokens {
            return Err(TrainError::SampleTooLong {
                index,
                tokens: sample.tokens.len(),
                max_tokens,
            });
        }
        if sample.num_supervised() == 0 {
            return Err(TrainError::NothingSupervised { index });
        }
    }
    Ok(())
}
