//! Finding, masking and pseudonymizing personal data and secrets.
//!
//! One file per rule. A rule proposes ranges of the text that it has verified (check digits,
//! dates, numbering plans, labels), because what is masked in error is knowledge lost: amounts,
//! dates, product codes, versions and account limits look like personal data to a loose pattern.
//! Where proposals overlap, the rule that stands first in [`PiiRule::ALL`] wins.
//!
//! One pass finds the places worth a look: words with enough digits, colons and equals signs, at
//! signs, and two rare phrases. A rule sees a place and looks a bounded number of bytes around
//! it, so that text without candidates costs a vector comparison per byte and no text costs more
//! than linear time.
//!
//! What stays on purpose: emergency and short service numbers (`110`, `10086`, `95588`) belong to
//! nobody; loopback and unspecified addresses name no host.

mod api_key;
mod audit;
mod bank_card;
mod email;
mod hong_kong_id;
mod iban;
mod ip;
mod jwt;
mod labelled;
mod labels;
mod licence_plate;
mod mac;
mod macau_id;
mod passport;
mod password;
mod phone;
mod phone_plan;
mod private_key;
mod pseudonym;
mod qq;
mod resident_id;
mod rules;
mod scan;
mod secrecy;
mod site;
mod social_credit;
mod social_security;
mod stand_in;
mod taiwan_id;
mod url_credentials;
mod wechat;
mod window;

pub use audit::{PiiAudit, PiiSample};
pub use labelled::{LabelledSpan, LabelledText, PiiTally, tally_pii};
pub use pseudonym::{PseudonymStyle, Pseudonyms};
pub use rules::PiiRule;
pub use scan::{Masked, PiiMatch, find_pii, mask};

#[cfg(test)]
mod tests;
