//! Shuffling what does not fit in memory.

use crate::seeded::Seeded;

/// The same items, shuffled within windows of `window` of them, at least one.
///
/// Every window has its own draws, so what comes before does not matter.
pub fn shuffle_windows<I: IntoIterator>(
    items: I,
    window: usize,
    seed: u64,
) -> impl Iterator<Item = I::Item> {
    let mut items = items.into_iter();
    let windows = (0u64..).map_while(move |number| {
        let mut some: Vec<I::Item> = items.by_ref().take(window.max(1)).collect();
        Seeded::of_item(seed, number).shuffle(&mut some);
        (!some.is_empty()).then_some(some)
    });
    windows.flatten()
}
