//! Masking personal data.
//!
//! One file per rule. A rule proposes ranges of the text that it has verified (check digits,
//! dates, numbering plans), because what is masked in error is knowledge lost: amounts, dates,
//! product codes, versions and account limits look like personal data to a loose pattern.
//! Where proposals overlap, the rule that stands first in [`PiiRule::ALL`] wins.

mod bank_card;
mod email;
mod iban;
mod ip;
mod phone;
mod resident_id;
mod rules;
mod scan;

pub use rules::PiiRule;
pub use scan::{Masked, mask};

#[cfg(test)]
mod tests;
