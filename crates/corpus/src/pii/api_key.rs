//! Keys and tokens whose issuer marks them with a prefix.

use super::PiiRule;
use super::rules::Spec;
use super::secrecy::{entropy, is_mixed, is_placeholder};
use super::site::{Kind, Site, is_token, is_word};
use std::ops::{Range, RangeInclusive};

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::ApiKey,
    name: "api_key",
    placeholder: "[API_KEY]",
    description: "keys and tokens of known services by their prefix and length: AWS, GitHub, \
                  GitLab, Slack, OpenAI, Anthropic, Google, Hugging Face, Stripe, npm, PyPI, \
                  Alibaba Cloud and others",
    kinds: &[Kind::Word],
    find,
};

/// Bytes that a body is made of.
type Alphabet = fn(u8) -> bool;

const CAPITALS: Alphabet = |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit();
const ALPHANUMERIC: Alphabet = |byte| byte.is_ascii_alphanumeric();
const HEX: Alphabet = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
const DOTTED: Alphabet = |byte| is_token(byte) || byte == b'.';
const SLASHED: Alphabet = |byte| byte.is_ascii_alphanumeric() || byte == b'/';

/// Prefix, alphabet and length of what follows, as the issuers document them. A longer prefix
/// stands before the shorter ones that begin it.
const ISSUERS: &[(&str, Alphabet, RangeInclusive<usize>)] = &[
    ("AKIA", CAPITALS, 16..=16),
    ("ASIA", CAPITALS, 16..=16),
    ("ABIA", CAPITALS, 16..=16),
    ("ACCA", CAPITALS, 16..=16),
    ("AKID", ALPHANUMERIC, 32..=32),
    ("LTAI", ALPHANUMERIC, 12..=26),
    ("AIza", is_token, 35..=35),
    ("GOCSPX-", is_token, 28..=28),
    ("ya29.", is_token, 30..=512),
    ("ghp_", ALPHANUMERIC, 36..=255),
    ("gho_", ALPHANUMERIC, 36..=255),
    ("ghu_", ALPHANUMERIC, 36..=255),
    ("ghs_", ALPHANUMERIC, 36..=255),
    ("ghr_", ALPHANUMERIC, 36..=255),
    ("github_pat_", is_word, 60..=255),
    ("glpat-", DOTTED, 20..=64),
    ("gldt-", is_token, 20..=64),
    ("glrt-", is_token, 20..=64),
    ("glptt-", is_token, 20..=64),
    ("xoxa-", is_token, 20..=255),
    ("xoxb-", is_token, 20..=255),
    ("xoxp-", is_token, 20..=255),
    ("xoxr-", is_token, 20..=255),
    ("xoxs-", is_token, 20..=255),
    ("xapp-", is_token, 20..=255),
    ("sk_live_", ALPHANUMERIC, 16..=255),
    ("sk_test_", ALPHANUMERIC, 16..=255),
    ("rk_live_", ALPHANUMERIC, 16..=255),
    ("rk_test_", ALPHANUMERIC, 16..=255),
    ("whsec_", ALPHANUMERIC, 24..=64),
    ("sk-", is_token, 32..=255),
    ("hf_", ALPHANUMERIC, 30..=40),
    ("npm_", ALPHANUMERIC, 36..=36),
    ("pypi-AgE", is_token, 48..=512),
    ("SG.", DOTTED, 60..=72),
    ("dop_v1_", HEX, 64..=64),
    ("shpat_", HEX, 32..=32),
    ("dapi", HEX, 32..=34),
    ("gsk_", ALPHANUMERIC, 40..=64),
    ("xai-", ALPHANUMERIC, 70..=90),
    ("r8_", ALPHANUMERIC, 37..=40),
    ("pplx-", ALPHANUMERIC, 40..=64),
    ("dckr_pat_", is_token, 27..=32),
    ("lin_api_", ALPHANUMERIC, 40..=40),
    ("ntn_", ALPHANUMERIC, 40..=50),
    ("services/T", SLASHED, 30..=64),
];
/// Bytes between a word and the start of its token, at most.
const MAX_BACK: usize = 64;
/// Least randomness of a body, in bits per byte.
const MIN_ENTROPY: f64 = 3.0;

/// The token around a word, if an issuer's prefix begins it and its body looks random.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let start = site.run_back(site.start, MAX_BACK, is_token);
    let bot = || telegram_bot(site);
    from(site, start).or_else(|| from(site, dotted_start(site, start)?)).or_else(bot)
}

/// Start of a token whose prefix ends with a point or holds a slash.
fn dotted_start(site: &Site<'_>, start: usize) -> Option<usize> {
    let before = &site.bytes()[..start];
    let prefix = [&b"ya29."[..], b"SG.", b"services/"].into_iter();
    prefix.filter(|prefix| before.ends_with(prefix)).map(|prefix| start - prefix.len()).next()
}

fn from(site: &Site<'_>, start: usize) -> Option<Range<usize>> {
    let rest = &site.bytes()[start..];
    let issued = |(prefix, ..): &&(&str, Alphabet, _)| {
        let prefix = prefix.as_bytes();
        // Nearly all tokens begin with another byte.
        rest.first() == prefix.first() && rest.starts_with(prefix)
    };
    let (prefix, alphabet, lengths) = ISSUERS.iter().find(issued)?;
    let body = start + prefix.len();
    let end = site.run(body, lengths.end() + 1, *alphabet);
    let end = body + trimmed(&site.bytes()[body..end]).len();
    let value = &site.bytes()[body..end];
    let random = entropy(value) >= MIN_ENTROPY && !is_placeholder(value);
    let mixed = *prefix != "sk-" || is_mixed(value);
    let alone = !site.byte(end).is_some_and(is_word);
    (lengths.contains(&value.len()) && random && mixed && alone).then_some(start..end)
}

/// A point at the end belongs to the sentence.
fn trimmed(value: &[u8]) -> &[u8] {
    value.strip_suffix(b".").unwrap_or(value)
}

/// `number:secret`, the number of 8 to 10 digits and the secret of 35 bytes from `AA`.
fn telegram_bot(site: &Site<'_>) -> Option<Range<usize>> {
    let secret = site.end + 1;
    let marked = site.is_number()
        && (8..=10).contains(&site.digits)
        && site.byte(site.end) == Some(b':')
        && site.bytes()[secret..].starts_with(b"AA");
    let end = marked.then(|| site.run(secret, 36, is_token))?;
    (end - secret == 35).then_some(site.start..end)
}
