//! Private keys in PEM or OpenPGP armour.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use memchr::memmem;
use std::ops::Range;

/// How the first line of a block ends.
pub(super) const FIRST_LINE_END: &str = " PRIVATE KEY";

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::PrivateKey,
    name: "private_key",
    placeholder: "[PRIVATE_KEY]",
    description: "private keys in PEM or OpenPGP armour, from the first line to the last",
    kinds: &[Kind::KeyBlock],
    find,
};

const BEGIN: &[u8] = b"-----BEGIN";
const END: &[u8] = b"-----END";
/// Longest block, in bytes; a key of 16,384 bits takes 13 kB.
const MAX_BLOCK: usize = 16 << 10;
/// Longest name of an algorithm between `BEGIN` and `PRIVATE KEY`.
const MAX_ALGORITHM: usize = 24;

/// The block; without a last line, as much as looks like base64 and white space.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let bytes = site.bytes();
    let name = site.run_back(site.start, MAX_ALGORITHM, |byte| {
        byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
    });
    // The run back takes `BEGIN` too, which is written in capitals.
    let begin = bytes[..name].strip_suffix(b"-----").map(<[u8]>::len)?;
    if !bytes[begin..].starts_with(BEGIN) {
        return None;
    }
    let rest = &bytes[site.end..];
    let suffix = if rest.starts_with(b" BLOCK-----") { " BLOCK-----" } else { "-----" };
    if !rest.starts_with(suffix.as_bytes()) {
        return None;
    }
    let body = site.end + suffix.len();
    let reach = &bytes[body..bytes.len().min(body + MAX_BLOCK)];
    // The next dashes end this block or begin another one, so that no byte is read twice.
    let dashes = memmem::find(reach, b"-----").filter(|&dashes| reach[dashes..].starts_with(END));
    if let Some(dashes) = dashes {
        let line = site
            .run(body + dashes + END.len(), 64, |byte| byte.is_ascii_uppercase() || byte == b' ');
        return Some(begin..site.run(line, 5, |byte| byte == b'-'));
    }
    let block = site
        .run(body, MAX_BLOCK, |byte| byte.is_ascii_alphanumeric() || b"+/=\r\n".contains(&byte));
    Some(begin..body + bytes[body..block].trim_ascii_end().len())
}
