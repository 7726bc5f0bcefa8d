//! Which samples a step takes: drawn from seed and epoch alone.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;

/// All sample indices in the order of an epoch.
pub(crate) fn epoch_order(num_samples: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..num_samples).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    order.shuffle(&mut rng);
    order
}

/// Runs of items, in order, of at most `max_tokens` together; a longer item is alone.
pub(crate) fn groups(lens: &[usize], max_tokens: usize) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut tokens = 0;
    for (item, &len) in lens.iter().enumerate() {
        match groups.last_mut() {
            Some(group) if tokens + len <= max_tokens => {
                group.end = item + 1;
                tokens += len;
            }
            _ => {
                groups.push(item..item + 1);
                tokens = len;
            }
        }
    }
    groups
}
