//! Which documents of a source are taken.

use crate::seeded::Seeded;

/// Documents of one source whose sizes sum to `target` at most, in the order drawn.
///
/// The source is gone through in a new order each time, whole as often as it fits; of the last
/// round documents that no longer fit are passed over. So no document is drawn more than once
/// more than another, and less than the size of one document is missing where all have one size.
pub fn draw_documents(sizes: &[u64], target: u64, seed: u64) -> Vec<usize> {
    let all = sizes.iter().fold(0u64, |sum, &size| sum.saturating_add(size));
    let mut drawn = Vec::new();
    let mut left = target;
    if all == 0 {
        return drawn;
    }
    let mut epoch = 0;
    while left > 0 {
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        Seeded::of_item(seed, epoch).shuffle(&mut order);
        let is_last = left < all;
        for row in order {
            // Empty documents would be drawn without end.
            if sizes[row] > 0 && sizes[row] <= left {
                left -= sizes[row];
                drawn.push(row);
            }
        }
        if is_last {
            break;
        }
        epoch += 1;
    }
    drawn
}
