//! Splitting by document.

use crate::error::DataError;
use crate::record::Split;
use catena_corpus::{CorpusError, SplitItem, SplitOptions, split};
use std::collections::{BTreeMap, BTreeSet};

/// Puts a share of the documents aside: `round(share * n)`, at least one on either side where
/// there are two or more.
///
/// A document's place is decided by a hash of its id and the seed, so it does not depend on the
/// order of the ids, and few documents change sides when some are added.
///
/// # Errors
/// [`CorpusError::Config`] unless `0 < heldout_share < 1`.
pub fn split_documents<'a>(
    ids: impl IntoIterator<Item = &'a str>,
    heldout_share: f64,
    seed: u64,
) -> Result<BTreeMap<String, Split>, DataError> {
    if !(heldout_share > 0.0 && heldout_share < 1.0) {
        let (key, expected) = ("heldout_share", "between 0 and 1");
        return Err(CorpusError::Config { key, found: heldout_share, expected }.into());
    }
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let count = ids.len();
    if count < 2 {
        return Ok(ids.into_iter().map(|id| (id.to_owned(), Split::Train)).collect());
    }
    let heldout = (heldout_share * count as f64).round().clamp(1.0, (count - 1) as f64);
    let parts = [("heldout", heldout), ("train", count as f64 - heldout)];
    let items: Vec<SplitItem> =
        ids.iter().map(|id| SplitItem { key: id, label: None, group: None }).collect();
    let places = split(&items, &SplitOptions::new(&parts, seed))?;
    let side = |part| if part == 0 { Split::Heldout } else { Split::Train };
    Ok(ids.into_iter().zip(places).map(|(id, part)| (id.to_owned(), side(part))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heldout(count: usize, share: f64, seed: u64) -> Vec<String> {
        let ids: Vec<String> = (0..count).map(|n| format!("doc{n}")).collect();
        let split = split_documents(ids.iter().map(String::as_str), share, seed).unwrap();
        assert_eq!(split.len(), count);
        split.into_iter().filter(|(_, split)| *split == Split::Heldout).map(|(id, _)| id).collect()
    }

    #[test]
    fn the_share_is_exact_and_seeded() {
        assert_eq!(heldout(100, 0.1, 1).len(), 10);
        assert_eq!(heldout(100, 0.1, 1), heldout(100, 0.1, 1));
        assert_ne!(heldout(100, 0.1, 1), heldout(100, 0.1, 2));
        assert_eq!(heldout(2, 0.01, 1).len(), 1);
        assert_eq!(heldout(3, 0.99, 1).len(), 2);
        assert_eq!(heldout(1, 0.5, 1).len(), 0);
    }

    #[test]
    fn adding_a_document_moves_at_most_one_other() {
        let (before, after) = (heldout(100, 0.1, 7), heldout(101, 0.1, 7));
        let moved = before.iter().filter(|id| !after.contains(id)).count();
        assert!(moved <= 1, "{moved} documents left the held-out part");
    }

    #[test]
    fn the_share_must_leave_both_parts() {
        let error = split_documents(["a"], 1.0, 0).unwrap_err();
        insta::assert_snapshot!(error, @"`heldout_share` is 1, expected between 0 and 1");
    }
}
