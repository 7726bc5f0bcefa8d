//! How much may be chosen.

use crate::error::CorpusError;
use crate::quality::check_length;

/// How much may be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// So many documents.
    Documents(usize),
    /// So many tokens, or whatever the sizes count.
    Tokens(u64),
}

/// What is left of a budget.
pub(super) struct Purse<'a> {
    left: u64,
    /// Price of each row; none if every row costs one.
    sizes: Option<&'a [u64]>,
}

impl<'a> Purse<'a> {
    /// A full purse for `rows` rows of the given sizes.
    pub(super) fn new(budget: Budget, sizes: &'a [u64], rows: usize) -> Result<Self, CorpusError> {
        match budget {
            Budget::Documents(count) => Ok(Self { left: count as u64, sizes: None }),
            Budget::Tokens(tokens) => {
                check_length("sizes", sizes.len(), rows)?;
                Ok(Self { left: tokens, sizes: Some(sizes) })
            }
        }
    }

    /// Whether a row fits.
    pub(super) fn holds(&self, row: usize) -> bool {
        self.price(row) <= self.left
    }

    /// Pays for a row, if it fits.
    pub(super) fn pay(&mut self, row: usize) -> bool {
        let holds = self.holds(row);
        if holds {
            self.left -= self.price(row);
        }
        holds
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.left == 0
    }

    fn price(&self, row: usize) -> u64 {
        self.sizes.map_or(1, |sizes| sizes[row])
    }
}
