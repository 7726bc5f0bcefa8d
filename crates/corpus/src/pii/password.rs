//! Values assigned to a name that says password, secret, token or key.

use super::PiiRule;
use super::rules::Spec;
use super::secrecy::{entropy, is_mixed, is_placeholder};
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::Password,
    name: "password",
    placeholder: "[PASSWORD]",
    description: "values of names that say password, secret, token or key, if they look chosen \
                  or random",
    kinds: &[Kind::Mark, Kind::Word],
    find,
};

/// Endings of names whose value a person chose.
const CHOSEN: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "pass",
    "pin",
    "密码",
    "口令",
    "密钥",
    "passwort",
    "contraseña",
];
/// Endings of names whose value a machine drew.
const DRAWN: &[&str] = &[
    "secret",
    "token",
    "apikey",
    "api_key",
    "api-key",
    "accesskey",
    "access_key",
    "access-key",
    "secretkey",
    "secret_key",
    "secret-key",
    "privatekey",
    "private_key",
    "authkey",
    "auth_key",
    "account_key",
    "accountkey",
    "encryption_key",
    "signing_key",
    "credential",
    "credentials",
    "authorization",
    "令牌",
    "api key",
    "access key",
    "secret key",
];
/// Labels in sentences such as `the password is ...`.
const TOLD: &[&str] = &["password", "passwd", "passcode", "pwd", "密码", "口令"];
/// Longest name and value, in bytes.
const MAX_NAME: usize = 48;
const MAX_VALUE: usize = 200;
/// Least length and randomness (bits per byte) of drawn values.
const MIN_DRAWN: usize = 16;
const MIN_ENTROPY: f64 = 3.0;
/// Lengths of chosen values.
const CHOSEN_LENGTHS: std::ops::RangeInclusive<usize> = 6..=72;

fn find(site: &Site<'_>) -> Option<Range<usize>> {
    match site.kind {
        Kind::Mark => assigned(site),
        Kind::Word => told(site),
        Kind::At | Kind::KeyBlock | Kind::Weixin => None,
    }
}

/// `name = value`, `"name": "value"`, `name：value`.
fn assigned(site: &Site<'_>) -> Option<Range<usize>> {
    let name = name_before(site)?.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|end| ends_with(&name, end.as_bytes()));
    let (chosen, drawn) = (ends(CHOSEN), ends(DRAWN));
    if !chosen && !drawn {
        return None;
    }
    let (value, quoted) = value_after(site)?;
    let text = &site.bytes()[value.clone()];
    let accepted = (chosen && is_chosen(text, quoted)) || (drawn && is_drawn(text));
    accepted.then_some(value)
}

/// A name ends with `end`, which begins a part of it: `userPassword` and `db_pwd`, not `compass`.
fn ends_with(name: &[u8], end: &[u8]) -> bool {
    // Nearly all names end with another byte.
    if name.last() != end.last() {
        return false;
    }
    let Some(rest) = name.strip_suffix(end) else { return false };
    end.len() > 4 || !rest.last().is_some_and(u8::is_ascii_alphabetic)
}

/// What stands before the mark, without quotes, brackets, spaces and a type.
fn name_before<'a>(site: &Site<'a>) -> Option<&'a [u8]> {
    let is_name = |byte: u8| byte.is_ascii_graphic() || !byte.is_ascii();
    let floor = site.start.saturating_sub(MAX_NAME);
    let mut before = &site.bytes()[floor..site.start];
    if let Some(line) = memchr::memrchr(b'\n', before) {
        before = &before[line + 1..];
    }
    before = before.trim_ascii_end();
    // `password: str = "..."`: the type stands between.
    if site.word() == b"=" {
        let types: [&[u8]; 5] = [b": str", b": String", b": &str", b": string", b":string"];
        let typed = types.into_iter().find(|end| before.ends_with(end));
        before = &before[..before.len() - typed.map_or(0, <[u8]>::len)];
    }
    let end = before.iter().rposition(|byte| is_name(*byte) && !b"\"'`])*".contains(byte))?;
    Some(&before[..=end])
}

/// The value after the mark and whether it is quoted.
fn value_after(site: &Site<'_>) -> Option<(Range<usize>, bool)> {
    let mut at = site.run(site.end, 2, |byte| matches!(byte, b'=' | b'>'));
    at = site.run(at, 4, |byte| matches!(byte, b' ' | b'\t' | b'*'));
    for scheme in ["Bearer ", "Basic ", "bearer ", "token "] {
        at += if site.bytes()[at..].starts_with(scheme.as_bytes()) { scheme.len() } else { 0 };
    }
    let quote = site.byte(at).filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    at += usize::from(quote.is_some());
    let end = match quote {
        Some(b'"') => site.run(at, MAX_VALUE, |byte| !matches!(byte, b'"' | b'\n')),
        Some(b'\'') => site.run(at, MAX_VALUE, |byte| !matches!(byte, b'\'' | b'\n')),
        Some(_) => site.run(at, MAX_VALUE, |byte| !matches!(byte, b'`' | b'\n')),
        None => site.run(at, MAX_VALUE, |byte| {
            byte.is_ascii_graphic() && !b"\"'<>,;&|)]}`".contains(&byte)
        }),
    };
    // A range must not end inside a character.
    let end = (at..=end).rev().find(|&end| site.text.is_char_boundary(end))?;
    let end = at + site.bytes()[at..end].strip_suffix(b".").map_or(end - at, <[u8]>::len);
    (at < end).then_some((at..end, quote.is_some()))
}

/// `the password is hunter2!`, `密码 office2024`.
fn told(site: &Site<'_>) -> Option<Range<usize>> {
    let is_value = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>,;:=()`".contains(&byte);
    let start = site.run_back(site.start, MAX_NAME, is_value);
    let mut before = site.byte_before(start);
    if matches!(before, Some(b'"' | b'\'' | b'`')) {
        before = site.byte_before(start - 1);
    }
    let parted = before.is_some_and(|byte| byte == b' ' || !byte.is_ascii());
    if !parted || !site.text.is_char_boundary(start) {
        return None;
    }
    let end = site.run(site.end, MAX_VALUE, is_value);
    let value = &site.bytes()[start..end];
    let end = end - usize::from(value.ends_with(b"."));
    let accepted = is_chosen(&site.bytes()[start..end], false);
    (accepted && site.window(start).is_labelled(TOLD)).then_some(start..end)
}

/// A value that a person may have chosen: digits or signs in it, no code and no placeholder.
fn is_chosen(value: &[u8], quoted: bool) -> bool {
    let count = |accept: fn(&u8) -> bool| value.iter().filter(|byte| accept(byte)).count();
    let digits = count(u8::is_ascii_digit);
    let letters = count(u8::is_ascii_alphabetic);
    let signs = count(|byte| b"!@#$%^&*+?~".contains(byte));
    let all_digits = digits == value.len();
    let mixed = (digits > 0 || signs > 0) && letters > 0;
    let code = value.first().is_some_and(|byte| b"/$<{%*([@&.-".contains(byte))
        || memchr::memchr3(b'(', b'[', b' ', value).is_some()
        || memchr::memmem::find(value, b"::").is_some()
        || memchr::memmem::find(value, b"//").is_some()
        || (!quoted && signs == 0 && value.contains(&b'.') && letters > digits);
    CHOSEN_LENGTHS.contains(&value.len())
        && (mixed || all_digits)
        && !code
        && !is_placeholder(value)
}

/// A value that a machine may have drawn.
fn is_drawn(value: &[u8]) -> bool {
    let plain = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_./+=~".contains(byte));
    value.len() >= MIN_DRAWN
        && plain
        && is_mixed(value)
        && entropy(value) >= MIN_ENTROPY
        && !is_placeholder(value)
}
