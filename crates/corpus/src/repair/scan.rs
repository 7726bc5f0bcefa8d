//! Which kinds of bytes occur in a text: enough to know that most texts need no repair.

/// Kinds of bytes, as bits.
pub(super) mod kind {
    /// `&`.
    pub(in super::super) const ENTITY: u8 = 1;
    /// ASCII control characters other than tab, line feed and carriage return.
    pub(in super::super) const CONTROL: u8 = 1 << 1;
    /// The first byte of a character that mojibake from single-byte encodings has.
    pub(in super::super) const SINGLE_BYTE: u8 = 1 << 2;
    /// The first byte of a character from U+2000 to U+2FFF: punctuation, boxes, signs.
    pub(in super::super) const SIGN: u8 = 1 << 3;
    /// The first byte of a character from U+F000: ligatures, wide forms, replacement characters.
    pub(in super::super) const FORM: u8 = 1 << 4;
    /// The first byte of a character from U+3000 to U+EFFF.
    pub(in super::super) const ASIAN: u8 = 1 << 5;
    /// `<`.
    pub(in super::super) const MARKUP: u8 = 1 << 6;
}

const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte {
            0x26 => kind::ENTITY,
            0x3C => kind::MARKUP,
            0x00..=0x08 | 0x0B..=0x0C | 0x0E..=0x1F | 0x7F => kind::CONTROL,
            0xC2..=0xDF => kind::SINGLE_BYTE,
            0xE2 => kind::SIGN,
            0xE3..=0xEE => kind::ASIAN,
            0xEF => kind::FORM,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// The kinds of bytes in a text.
pub(super) fn kinds_in(text: &str) -> u8 {
    let (blocks, rest) = text.as_bytes().as_chunks::<16>();
    let mut kinds = 0;
    for block in blocks {
        // Most blocks are plain ASCII without any of these.
        for &byte in block {
            kinds |= KINDS[usize::from(byte)];
        }
    }
    rest.iter().fold(kinds, |kinds, &byte| kinds | KINDS[usize::from(byte)])
}
