//! The rules and their names.

use super::site::{Kind, Site};
use super::{
    api_key, bank_card, email, hong_kong_id, iban, ip, jwt, licence_plate, mac, macau_id, passport,
    password, phone, private_key, qq, resident_id, social_credit, social_security, taiwan_id,
    url_credentials, wechat,
};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a rule proposes at a place.
pub(super) type FindFn = fn(&Site<'_>) -> Option<Range<usize>>;

/// All there is to know of a rule; each rule's file holds its own.
pub(super) struct Spec {
    pub(super) rule: PiiRule,
    pub(super) name: &'static str,
    pub(super) placeholder: &'static str,
    pub(super) description: &'static str,
    /// The kinds of places that it looks at.
    pub(super) kinds: &'static [Kind],
    pub(super) find: FindFn,
}

/// One kind of personal data or of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PiiRule {
    /// Private keys in PEM or OpenPGP armour.
    PrivateKey,
    /// JSON Web Tokens.
    Jwt,
    /// Keys and tokens whose issuer marks them.
    ApiKey,
    /// User and password before the host of an address.
    UrlCredentials,
    /// Values assigned to a name that says password, secret, token or key.
    Password,
    /// E-mail addresses.
    Email,
    /// International bank account numbers whose length and check digits fit.
    Iban,
    /// Chinese resident identity numbers whose date and check digit are valid.
    ResidentId,
    /// Chinese unified social credit codes with the right check character.
    SocialCredit,
    /// Payment card numbers of a known network that pass the Luhn test.
    BankCard,
    /// Hong Kong identity card numbers with the right check digit.
    HongKongId,
    /// Macau identity card numbers.
    MacauId,
    /// Taiwan identity card numbers with the right check digit.
    TaiwanId,
    /// Numbers of passports and travel permits.
    Passport,
    /// Chinese licence plates.
    LicencePlate,
    /// Social security numbers of the United States.
    SocialSecurity,
    /// IPv6 and IPv4 addresses of hosts.
    IpAddress,
    /// Hardware addresses of network cards.
    MacAddress,
    /// Phone numbers: international, Chinese, North American, and others with a label.
    Phone,
    /// WeChat names with a label.
    #[serde(rename = "wechat")]
    WeChat,
    /// QQ numbers with a label.
    Qq,
}

/// The registry, in the order of the enum.
const SPECS: [&Spec; 21] = [
    &private_key::SPEC,
    &jwt::SPEC,
    &api_key::SPEC,
    &url_credentials::SPEC,
    &password::SPEC,
    &email::SPEC,
    &iban::SPEC,
    &resident_id::SPEC,
    &social_credit::SPEC,
    &bank_card::SPEC,
    &hong_kong_id::SPEC,
    &macau_id::SPEC,
    &taiwan_id::SPEC,
    &passport::SPEC,
    &licence_plate::SPEC,
    &social_security::SPEC,
    &ip::SPEC,
    &mac::SPEC,
    &phone::SPEC,
    &wechat::SPEC,
    &qq::SPEC,
];

impl PiiRule {
    /// Every rule, in the order of precedence.
    pub const ALL: [Self; SPECS.len()] = {
        let mut all = [Self::PrivateKey; SPECS.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = SPECS[at].rule;
            at += 1;
        }
        all
    };

    /// The rules that are on unless somebody says otherwise: all but hardware addresses, which
    /// mostly name machines in logs and manuals.
    pub fn usual() -> Vec<Self> {
        Self::ALL.into_iter().filter(|rule| *rule != Self::MacAddress).collect()
    }

    /// Its name in configuration and profiles.
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// What stands in the text where it struck.
    pub fn placeholder(self) -> &'static str {
        self.spec().placeholder
    }

    /// What it finds, in a line for help pages.
    pub fn description(self) -> &'static str {
        self.spec().description
    }

    /// The rule of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    pub(super) fn spec(self) -> &'static Spec {
        SPECS[self as usize]
    }
}
