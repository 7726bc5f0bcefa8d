//! How random a string looks.

/// Shannon entropy of the bytes of `value`, in bits per byte.
///
/// `H = -sum(p(b) * log2(p(b)))` over the bytes that occur.
pub(super) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for &byte in value {
        counts[usize::from(byte)] += 1;
    }
    let total = value.len() as f64;
    let share = |&count: &u32| f64::from(count) / total;
    counts.iter().filter(|count| **count > 0).map(share).map(|p| -p * p.log2()).sum()
}

/// Whether `value` has digits, and letters of both cases or of hexadecimal numbers alone.
pub(super) fn is_mixed(value: &[u8]) -> bool {
    let any = |accept: fn(&u8) -> bool| value.iter().any(accept);
    let hex = value.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    let cases = any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase);
    any(u8::is_ascii_digit) && any(u8::is_ascii_alphabetic) && (hex || cases)
}

/// Words that stand where a secret would, in manuals and templates.
const PLACEHOLDERS: &[&[u8]] = &[
    b"xxxx",
    b"****",
    b"....",
    b"your",
    b"example",
    b"placeholder",
    b"changeme",
    b"change_me",
    b"redacted",
    b"dummy",
    b"sample",
    b"todo",
    b"undefined",
    b"insert",
    b"replace",
    b"<",
    b"${",
    b"{{",
    b"$(",
    b"%(",
    b"...",
];

/// Whether `value` is a placeholder rather than a secret.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    PLACEHOLDERS.iter().any(|word| memchr::memmem::find(&lower, word).is_some())
}
