//! White space beyond ASCII, in bytes.

/// How many bytes the white space beyond ASCII at `bytes[at]` has; 0 if something else stands
/// there.
#[inline]
pub(crate) fn long_space_bytes(bytes: &[u8], at: usize) -> usize {
    let next = |by: usize| bytes.get(at + by).copied();
    match bytes[at] {
        0xC2 if matches!(next(1), Some(0x85 | 0xA0)) => 2,
        0xE1 if (next(1), next(2)) == (Some(0x9A), Some(0x80)) => 3,
        0xE2 => match (next(1), next(2)) {
            (Some(0x80), Some(0x80..=0x8A | 0xA8 | 0xA9 | 0xAF)) | (Some(0x81), Some(0x9F)) => 3,
            _ => 0,
        },
        0xE3 if (next(1), next(2)) == (Some(0x80), Some(0x80)) => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClassTable, SPACE};
    use super::long_space_bytes;
    use crate::analysis::space_bytes;
    use crate::words::is_space;

    #[test]
    fn every_character_is_white_space_by_bytes_as_by_its_class() {
        let classes = ClassTable::new();
        let mut buffer = [0; 4];
        for ch in '\0'..=char::MAX {
            let bytes = ch.encode_utf8(&mut buffer).as_bytes();
            let expected = if classes.has(ch, SPACE) { bytes.len() } else { 0 };
            let beyond = if ch.is_ascii() { 0 } else { expected };
            let found = (space_bytes(bytes, 0), long_space_bytes(bytes, 0), is_space(ch));
            assert_eq!(found, (expected, beyond, expected > 0), "{ch:?}");
        }
    }
}
