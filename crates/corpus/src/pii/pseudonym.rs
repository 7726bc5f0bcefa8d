//! Stand-ins that are the same for the same value.

use super::scan::{find_pii, replace};
use super::stand_in::realistic;
use super::{PiiMatch, PiiRule};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What stands in the text for a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PseudonymStyle {
    /// The kind and eight hexadecimal digits: `[EMAIL_9f3a1c07]`.
    #[default]
    Tag,
    /// A value of the same shape that cannot be a real one: an address at `example.com`, a number
    /// with a prefix that is never issued or a wrong check digit.
    Realistic,
}

/// Replaces values by stand-ins that depend on the value and a secret key alone.
///
/// The same value, however it is written (letter case of e-mail addresses, separators and country
/// code of phone numbers, groups of card numbers), gets the same stand-in in every text and every
/// run with the same key; without the key nobody can test guesses. A stand-in takes 32 bits of
/// HMAC-SHA256, so that among `n` values of a kind about `n^2 / 2^33` pairs share one.
#[derive(Clone)]
pub struct Pseudonyms {
    inner: [u8; BLOCK],
    outer: [u8; BLOCK],
    style: PseudonymStyle,
}

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

impl Pseudonyms {
    /// Stand-ins under `key`, as tags.
    pub fn new(key: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        if key.len() > BLOCK {
            let hash = Sha256::digest(key);
            block[..hash.len()].copy_from_slice(&hash);
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        Self {
            inner: block.map(|byte| byte ^ 0x36),
            outer: block.map(|byte| byte ^ 0x5c),
            style: PseudonymStyle::Tag,
        }
    }

    /// The same in another style.
    #[must_use]
    pub fn with_style(mut self, style: PseudonymStyle) -> Self {
        self.style = style;
        self
    }

    /// What stands for `value`, which `rule` found.
    pub fn stand_in(&self, rule: PiiRule, value: &str) -> String {
        let hash = self.hash(rule, &normalized(rule, value));
        match self.style {
            PseudonymStyle::Tag => tag(rule, &hash),
            PseudonymStyle::Realistic => realistic(rule, value, &hash),
        }
    }

    /// `text` with what `rules` find in it replaced, and the matches in the text as it was.
    pub fn replace(&self, text: &str, rules: &[PiiRule]) -> (String, Vec<PiiMatch>) {
        let matches = find_pii(text, rules);
        let replaced = replace(text, &matches, |found, value| self.stand_in(found.rule, value));
        (replaced, matches)
    }

    /// HMAC-SHA256 (RFC 2104) of the rule's name and the value.
    fn hash(&self, rule: PiiRule, value: &str) -> [u8; 32] {
        let inner = Sha256::new().chain_update(self.inner).chain_update(rule.name());
        let inner = inner.chain_update([0]).chain_update(value).finalize();
        Sha256::new().chain_update(self.outer).chain_update(inner).finalize().into()
    }
}

/// The key is a secret: it is not shown.
impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pseudonyms").field("style", &self.style).finish_non_exhaustive()
    }
}

/// `[EMAIL_9f3a1c07]`.
fn tag(rule: PiiRule, hash: &[u8; 32]) -> String {
    let name = rule.placeholder().trim_end_matches(']');
    format!("{name}_{}]", hex(hash))
}

/// The first four bytes of `hash` as hexadecimal digits.
pub(super) fn hex(hash: &[u8; 32]) -> String {
    format!("{:08x}", u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]))
}

/// One spelling for the same value.
fn normalized(rule: PiiRule, value: &str) -> String {
    let symbols = || value.chars().filter(|ch| ch.is_alphanumeric()).collect::<String>();
    match rule {
        PiiRule::Email | PiiRule::WeChat => value.to_lowercase(),
        PiiRule::Phone => phone(value),
        PiiRule::IpAddress => value
            .parse::<std::net::IpAddr>()
            .map_or_else(|_| value.to_owned(), |address| address.to_canonical().to_string()),
        PiiRule::MacAddress => symbols().to_lowercase(),
        PiiRule::Iban
        | PiiRule::ResidentId
        | PiiRule::SocialCredit
        | PiiRule::BankCard
        | PiiRule::HongKongId
        | PiiRule::MacauId
        | PiiRule::TaiwanId
        | PiiRule::Passport
        | PiiRule::LicencePlate
        | PiiRule::SocialSecurity
        | PiiRule::Qq => symbols().to_uppercase(),
        PiiRule::PrivateKey
        | PiiRule::Jwt
        | PiiRule::ApiKey
        | PiiRule::UrlCredentials
        | PiiRule::Password => value.to_owned(),
    }
}

/// Digits alone; Chinese and North American numbers without the country code.
fn phone(value: &str) -> String {
    let value = value.replace("(0)", "");
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let international = value.trim_start_matches('(').starts_with('+');
    let national = digits.strip_prefix("0086").or_else(|| digits.strip_prefix("86"));
    match national {
        Some(rest) if rest.len() == 11 && rest.starts_with('1') => return rest.to_owned(),
        // Abroad the area code loses its zero.
        Some(rest) if international => return format!("0{}", rest.trim_start_matches('0')),
        _ => {}
    }
    // The trunk prefix of North America stands apart: `+1 212 ...`, `1-212-...`.
    let trunk = international
        || value.starts_with("1-")
        || value.starts_with("1 ")
        || value.starts_with("1.");
    match digits.strip_prefix('1') {
        Some(rest) if rest.len() == 10 && trunk => rest.to_owned(),
        _ => digits,
    }
}
