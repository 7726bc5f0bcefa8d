//! Values of the same shape that cannot be real.

use super::PiiRule;
use super::pseudonym::hex;

/// A stand-in for `value` drawn from `hash`: every digit and letter is replaced, separators stay,
/// and a prefix that is never issued or a wrong check digit makes it invalid.
pub(super) fn realistic(rule: PiiRule, value: &str, hash: &[u8; 32]) -> String {
    match rule {
        PiiRule::Email => format!("user_{}@example.com", hex(hash)),
        PiiRule::UrlCredentials => format!("user_{}:redacted", hex(hash)),
        PiiRule::PrivateKey | PiiRule::Jwt | PiiRule::ApiKey | PiiRule::Password => {
            format!("redacted_{}", hex(hash))
        }
        PiiRule::WeChat => format!("user_{}", hex(hash)),
        PiiRule::IpAddress => address(value, hash),
        PiiRule::MacAddress => {
            // Locally administered, as no maker assigns.
            shaped(value, "02", hash, Letters::Hex)
        }
        PiiRule::Phone => phone(value, hash),
        PiiRule::Iban => {
            let country = value.get(..2).unwrap_or("XX");
            // Check digits are never 00.
            shaped(value, &format!("{country}00"), hash, Letters::Capitals)
        }
        // No province has the code 99.
        PiiRule::ResidentId => shaped(value, "99", hash, Letters::Capitals),
        PiiRule::SocialCredit => shaped(value, "9199", hash, Letters::Capitals),
        // No network has the prefix 99.
        PiiRule::BankCard => shaped(value, "9999", hash, Letters::Capitals),
        // An area that is never issued.
        PiiRule::SocialSecurity => shaped(value, "666", hash, Letters::Capitals),
        // The letter I is on no plate and in no serial.
        PiiRule::LicencePlate => plate(value, hash),
        // None of these begins with 0.
        PiiRule::HongKongId
        | PiiRule::MacauId
        | PiiRule::TaiwanId
        | PiiRule::Passport
        | PiiRule::Qq => shaped(value, "0", hash, Letters::Capitals),
    }
}

/// What letters become.
#[derive(Clone, Copy)]
enum Letters {
    Capitals,
    Hex,
}

/// Digits and letters from the bytes of a hash, again from its start when it ends.
struct Draw<'a> {
    bytes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
}

impl<'a> Draw<'a> {
    fn new(hash: &'a [u8; 32]) -> Self {
        Self { bytes: hash.iter().cycle() }
    }

    fn below(&mut self, bound: u8) -> u8 {
        self.bytes.next().map_or(0, |byte| byte % bound)
    }

    fn digit(&mut self) -> char {
        char::from(b'0' + self.below(10))
    }

    fn letter(&mut self, letters: Letters) -> char {
        match letters {
            Letters::Capitals => char::from(b'A' + self.below(26)),
            Letters::Hex => char::from_digit(self.below(16).into(), 16).unwrap_or('0'),
        }
    }
}

/// `value` with its first letters and digits replaced by those of `prefix` and the others drawn.
fn shaped(value: &str, prefix: &str, hash: &[u8; 32], letters: Letters) -> String {
    let mut draw = Draw::new(hash);
    let mut prefix = prefix.chars();
    value
        .chars()
        .map(|ch| match ch {
            _ if !ch.is_ascii_alphanumeric() => ch,
            _ => prefix.next().unwrap_or_else(|| match ch {
                '0'..='9' => draw.digit(),
                _ => draw.letter(letters),
            }),
        })
        .collect()
}

/// The first digits become those of no plan: 999 after `+`, 12 for Chinese mobile numbers, 011 for
/// area codes, 555-0 in North America.
fn phone(value: &str, hash: &[u8; 32]) -> String {
    let first = value.chars().find(char::is_ascii_digit);
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let prefix = match first {
        _ if value.contains('+') => "999",
        Some('0') => "0110",
        Some('1') if digits == 11 && value.starts_with("1-") => "15550",
        Some('1') => "12",
        _ if digits == 10 => "5550",
        _ => "00",
    };
    shaped(value, prefix, hash, Letters::Capitals)
}

/// The province stays, the serial begins with `I`.
fn plate(value: &str, hash: &[u8; 32]) -> String {
    let mut draw = Draw::new(hash);
    let mut seen = 0;
    value
        .chars()
        .map(|ch| {
            seen += usize::from(ch.is_ascii_alphanumeric());
            match (ch.is_ascii_alphanumeric(), seen) {
                (false, _) => ch,
                (true, 1) => draw.letter(Letters::Capitals),
                (true, 2) => 'I',
                (true, _) => draw.digit(),
            }
        })
        .collect()
}

/// Version 4 from the reserved block 240.0.0.0/4, version 6 from the documentation prefix
/// 2001:db8::/32.
fn address(value: &str, hash: &[u8; 32]) -> String {
    if value.contains(':') {
        let group = |at: usize| u16::from_be_bytes([hash[at], hash[at + 1]]);
        return format!("2001:db8:{:x}:{:x}::{:x}", group(0), group(2), group(4));
    }
    format!("{}.{}.{}.{}", 240 + hash[0] % 15, hash[1], hash[2], hash[3])
}
