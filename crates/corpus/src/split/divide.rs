//! A division with exact sizes.

use super::grouped::split_groups;
use super::options::{SplitItem, SplitOptions, place};
use crate::error::CorpusError;
use std::collections::BTreeMap;

/// The part of each document.
///
/// Without groups the sizes are exact: each part has its share of all documents up to rounding,
/// and of the documents of every label within one more for each part before it. With groups no
/// group is divided, and sizes and labels come as near as a greedy choice brings them.
///
/// # Errors
/// [`CorpusError::Config`] for options out of range; [`CorpusError::Split`] where a part would
/// stay empty, or groups leave a part further from its size than the tolerance.
pub fn split(items: &[SplitItem], options: &SplitOptions) -> Result<Vec<usize>, CorpusError> {
    options.check()?;
    let sizes = options.sizes(items.len());
    if items.iter().any(|item| item.group.is_some()) {
        return split_groups(items, options, &sizes);
    }
    check_none_empty(options, &sizes, items.len())?;
    let mut by_label: BTreeMap<Option<&str>, Vec<usize>> = BTreeMap::new();
    for (row, item) in items.iter().enumerate() {
        by_label.entry(item.label).or_default().push(row);
    }
    let mut labels: Vec<Vec<usize>> = by_label.into_values().collect();
    for rows in &mut labels {
        rows.sort_by_cached_key(|&row| (place(items[row].key, options.seed), row));
    }
    Ok(divide(&labels, &sizes, items.len()))
}

/// Gives each part its size, taking of each label in proportion.
///
/// For one part after another the number of its documents among the first labels is rounded, and
/// what a label gives is the difference of two such sums: every label is within one of its share
/// of what is left, and the sum is exact.
fn divide(labels: &[Vec<usize>], sizes: &[usize], documents: usize) -> Vec<usize> {
    let mut parts = vec![sizes.len() - 1; documents];
    let mut used = vec![0; labels.len()];
    let mut rest = documents;
    for (part, &size) in sizes.iter().enumerate() {
        let upto = |count: usize| {
            (count as u128 * size as u128 + rest as u128 / 2) / (rest as u128).max(1)
        };
        let (mut seen, mut before) = (0, 0);
        for (rows, used) in labels.iter().zip(&mut used) {
            seen += rows.len() - *used;
            let after = upto(seen) as usize;
            for &row in &rows[*used..][..after - before] {
                parts[row] = part;
            }
            *used += after - before;
            before = after;
        }
        rest -= size;
    }
    parts
}

/// Refuses a division that leaves a part without documents.
pub(super) fn check_none_empty(
    options: &SplitOptions,
    sizes: &[usize],
    documents: usize,
) -> Result<(), CorpusError> {
    match sizes.iter().position(|&size| size == 0) {
        None => Ok(()),
        Some(part) => Err(CorpusError::Split {
            part: options.parts[part].name.clone(),
            found: 0,
            wanted: 1,
            documents,
        }),
    }
}
