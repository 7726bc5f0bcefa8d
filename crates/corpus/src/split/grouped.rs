//! A division that leaves groups whole.

use super::divide::check_none_empty;
use super::options::{SplitItem, SplitOptions, place};
use crate::error::CorpusError;
use std::collections::BTreeMap;

/// Documents that stay together.
struct Group {
    rows: Vec<usize>,
    /// Documents of each label.
    labels: BTreeMap<usize, usize>,
    place: [u8; 32],
}

/// Puts the greatest groups first, each where its labels are missed most.
///
/// A document without a group is one of its own. Groups of one size go by their place.
pub(super) fn split_groups(
    items: &[SplitItem],
    options: &SplitOptions,
    sizes: &[usize],
) -> Result<Vec<usize>, CorpusError> {
    let (mut groups, label_counts) = groups(items, options.seed);
    groups.sort_by(|a, b| b.rows.len().cmp(&a.rows.len()).then(a.place.cmp(&b.place)));
    let documents = items.len().max(1) as f64;
    let wanted =
        |part: usize, label: usize| label_counts[label] as f64 * sizes[part] as f64 / documents;
    let mut filled = vec![vec![0usize; label_counts.len()]; sizes.len()];
    let mut counts = vec![0; sizes.len()];
    let mut parts = vec![0; items.len()];
    for group in &groups {
        // How much nearer to its wishes a part comes: the fall of the sum of squared distances,
        // each by what is wished, so that a small part counts as much as a great one.
        let gain = |part: usize| -> f64 {
            let term = |wanted: f64, has: usize, more: usize| {
                let before = (wanted - has as f64).powi(2);
                let after = (wanted - (has + more) as f64).powi(2);
                (before - after) / wanted.max(1.0)
            };
            let of_labels: f64 = group
                .labels
                .iter()
                .map(|(&label, &more)| term(wanted(part, label), filled[part][label], more))
                .sum();
            of_labels + term(sizes[part] as f64, counts[part], group.rows.len())
        };
        let gains: Vec<f64> = (0..sizes.len()).map(gain).collect();
        let best = (1..sizes.len()).fold(
            0,
            |best, part| {
                if gains[part] > gains[best] { part } else { best }
            },
        );
        counts[best] += group.rows.len();
        group.labels.iter().for_each(|(&label, &count)| filled[best][label] += count);
        group.rows.iter().for_each(|&row| parts[row] = best);
    }
    check_none_empty(options, &counts, items.len())?;
    let off = |part: usize| counts[part].abs_diff(sizes[part]) as f64;
    match (0..sizes.len()).find(|&part| off(part) > options.tolerance * documents) {
        None => Ok(parts),
        Some(part) => Err(CorpusError::Split {
            part: options.parts[part].name.clone(),
            found: counts[part],
            wanted: sizes[part],
            documents: items.len(),
        }),
    }
}

/// The groups, and how many documents each label has.
fn groups(items: &[SplitItem], seed: u64) -> (Vec<Group>, Vec<usize>) {
    let mut label_ids: BTreeMap<&str, usize> = BTreeMap::new();
    let mut label_counts: Vec<usize> = Vec::new();
    let mut ids: BTreeMap<(bool, &str), usize> = BTreeMap::new();
    let mut groups: Vec<Group> = Vec::new();
    for (row, item) in items.iter().enumerate() {
        // A key and a group of the same name are not the same.
        let name = item.group.map_or((false, item.key), |group| (true, group));
        let id = *ids.entry(name).or_insert_with(|| {
            let place = place(name.1, seed);
            groups.push(Group { rows: Vec::new(), labels: BTreeMap::new(), place });
            groups.len() - 1
        });
        groups[id].rows.push(row);
        let Some(label) = item.label else { continue };
        let label = *label_ids.entry(label).or_insert_with(|| {
            label_counts.push(0);
            label_counts.len() - 1
        });
        label_counts[label] += 1;
        *groups[id].labels.entry(label).or_insert(0) += 1;
    }
    (groups, label_counts)
}
