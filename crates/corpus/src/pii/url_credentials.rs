//! User and password before the host of an address.

use super::PiiRule;
use super::rules::Spec;
use super::secrecy::is_placeholder;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::UrlCredentials,
    name: "url_credentials",
    placeholder: "[URL_CREDENTIALS]",
    description: "user and password in addresses such as postgres://user:password@host",
    kinds: &[Kind::Mark],
    find,
};

/// Longest user and password together, in bytes.
const MAX_LENGTH: usize = 256;
/// What manuals write in the place of a password.
const PLACEHOLDERS: &[&[u8]] =
    &[b"password", b"pass", b"pwd", b"passwd", b"secret", b"token", b"$password", b"pw"];

/// The part between `://` and `@` if it holds a colon.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let bytes = site.bytes();
    let scheme = site.byte_before(site.start).is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !scheme || !bytes[site.end..].starts_with(b"//") {
        return None;
    }
    let start = site.end + 2;
    let authority = site
        .run(start, MAX_LENGTH, |byte| byte.is_ascii_graphic() && !b"/?#\"'<>\\`,".contains(&byte));
    let at = start + memchr::memrchr(b'@', &bytes[start..authority])?;
    let (user, password) = bytes[start..at].split_at(memchr::memchr(b':', &bytes[start..at])?);
    let password = &password[1..];
    let lower = password.to_ascii_lowercase();
    let told = password.len() >= 3
        && !PLACEHOLDERS.contains(&lower.as_slice())
        && !is_placeholder(password)
        && !password.starts_with(b"$")
        && !password.starts_with(b"{")
        && !user.starts_with(b"{");
    let host = site.byte(at + 1).is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'[');
    (told && host).then_some(start..at)
}
