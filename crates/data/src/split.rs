//! Splitting by document.

use crate::error::DataError;
use crate::record::Split;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Puts a share of the documents aside: `round(share * n)`, at least one on either side where
/// there are two or more.
///
/// A document's place is decided by a hash of its id and the seed, so it does not depend on the
/// order of the ids, and few documents change sides when some are added.
///
/// # Errors
/// [`DataError::Config`] unless `0 < heldout_share < 1`.
pub fn split_documents<'a>(
    ids: impl IntoIterator<Item = &'a str>,
    heldout_share: f64,
    seed: u64,
) -> Result<BTreeMap<String, Split>, DataError> {
    if !(heldout_share > 0.0 && heldout_share < 1.0) {
        let (key, expected) = ("heldout_share", "between 0 and 1");
        return Err(DataError::Config { key, found: heldout_share, expected });
    }
    let hashed: BTreeSet<([u8; 32], &str)> =
        ids.into_iter().map(|id| (place(id, seed), id)).collect();
    let count = hashed.len();
    let wanted = (heldout_share * count as f64).round();
    let boundary = |rank: usize| (rank as f64) < wanted;
    let last = count.saturating_sub(1);
    let split = |(rank, (_, id)): (usize, ([u8; 32], &str))| {
        let heldout = count > 1 && (rank == 0 || boundary(rank)) && rank < last;
        (id.to_owned(), if heldout { Split::Heldout } else { Split::Train })
    };
    Ok(hashed.into_iter().enumerate().map(split).collect())
}

fn place(id: &str, seed: u64) -> [u8; 32] {
    Sha256::new().chain_update(seed.to_le_bytes()).chain_update(id.as_bytes()).finalize().into()
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
