//! What a division came to.

use super::options::{SplitItem, SplitOptions};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitRow {
    /// Its name.
    pub part: String,
    /// Its documents.
    pub documents: usize,
    /// `documents` by all.
    pub share: f64,
    /// Groups in it.
    pub groups: usize,
    /// Documents of each label.
    pub labels: BTreeMap<String, usize>,
}

/// The sizes of all parts. Displayed as a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SplitReport {
    /// One row for each part, in the order of the options.
    pub rows: Vec<SplitRow>,
}

impl SplitReport {
    /// Counts what is where; `parts` is what a division of `items` gave.
    ///
    /// # Panics
    /// If a part is not among those of the options.
    pub fn new(items: &[SplitItem], parts: &[usize], options: &SplitOptions) -> Self {
        let row = |(number, part): (usize, &super::SplitPart)| {
            let of_part = || items.iter().zip(parts).filter(move |(_, at)| **at == number);
            let groups: BTreeSet<&str> = of_part().filter_map(|(item, _)| item.group).collect();
            let mut labels = BTreeMap::new();
            for label in of_part().filter_map(|(item, _)| item.label) {
                *labels.entry(label.to_owned()).or_insert(0) += 1;
            }
            let documents = of_part().count();
            let share = documents as f64 / items.len().max(1) as f64;
            SplitRow { part: part.name.clone(), documents, share, groups: groups.len(), labels }
        };
        Self { rows: options.parts.iter().enumerate().map(row).collect() }
    }
}

impl fmt::Display for SplitReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.rows.iter().map(|row| row.part.chars().count()).max();
        let width = longest.unwrap_or(0).max("part".len());
        write!(f, "{:width$} {:>10} {:>7} {:>8}  labels", "part", "documents", "share", "groups")?;
        for row in &self.rows {
            let labels: Vec<String> =
                row.labels.iter().map(|(label, count)| format!("{label} {count}")).collect();
            let (documents, share, groups) = (row.documents, 100.0 * row.share, row.groups);
            let labels = labels.join(", ");
            let part = &row.part;
            write!(f, "\n{part:width$} {documents:>10} {share:>6.2}% {groups:>8}  {labels}")?;
        }
        Ok(())
    }
}
