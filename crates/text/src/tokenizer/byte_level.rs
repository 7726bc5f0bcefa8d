//! The byte alphabet of byte-level BPE: every byte has a printable character.

/// The byte that character `c` stands for, or nothing if `c` is not in the alphabet.
///
/// # Source
/// `bytes_to_unicode` of GPT-2's `encoder.py`: printable Latin-1 bytes stand for themselves, the
/// other 68 take the code points from 256 on, in byte order.
pub(super) fn byte_of(c: char) -> Option<u8> {
    let code = u32::from(c);
    match code {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => u8::try_from(code).ok(),
        0x100..=0x120 => u8::try_from(code - 0x100).ok(),
        0x121..=0x142 => u8::try_from(code - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// The bytes of a token written in the alphabet; a token with any other character is itself.
pub(super) fn bytes_of(token: &str) -> Vec<u8> {
    let mapped: Option<Vec<u8>> = token.chars().map(byte_of).collect();
    mapped.unwrap_or_else(|| token.as_bytes().to_vec())
}
