//! The rules and their names.

use super::{bank_card, email, iban, ip, phone, resident_id};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PiiRule {
    /// E-mail addresses.
    Email,
    /// International bank account numbers whose length and check digits fit.
    Iban,
    /// Chinese resident identity numbers whose date and check digit are valid.
    ResidentId,
    /// Payment card numbers of a known network that pass the Luhn test.
    BankCard,
    /// IPv6 and IPv4 addresses of hosts.
    IpAddress,
    /// Phone numbers: international, Chinese mobile and landline, North American.
    Phone,
}

impl PiiRule {
    /// Every rule, in the order of precedence.
    pub const ALL: [Self; 6] =
        [Self::Email, Self::Iban, Self::ResidentId, Self::BankCard, Self::IpAddress, Self::Phone];

    /// Its name in configuration and profiles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Iban => "iban",
            Self::ResidentId => "resident_id",
            Self::BankCard => "bank_card",
            Self::IpAddress => "ip_address",
            Self::Phone => "phone",
        }
    }

    /// What stands in the text where it struck.
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Email => "[EMAIL]",
            Self::Iban => "[IBAN]",
            Self::ResidentId => "[RESIDENT_ID]",
            Self::BankCard => "[BANK_CARD]",
            Self::IpAddress => "[IP_ADDRESS]",
            Self::Phone => "[PHONE]",
        }
    }

    /// The byte ranges of `text` where the rule strikes, in order.
    pub(super) fn find(self, text: &str) -> Vec<Range<usize>> {
        match self {
            Self::Email => email::find(text),
            Self::Iban => iban::find(text),
            Self::ResidentId => resident_id::find(text),
            Self::BankCard => bank_card::find(text),
            Self::IpAddress => ip::find(text),
            Self::Phone => phone::find(text),
        }
    }
}
