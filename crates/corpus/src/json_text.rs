//! Texts and objects as JSON.

use serde_json::Value;

/// One in each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Adds `text` in quotes, as `serde_json` writes it. Most of most texts needs no escapes and is
/// copied in long pieces, which are found eight bytes at a time.
pub(crate) fn push_json_text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    out.reserve(rest.len() + 2);
    out.push(b'"');
    while let Some(at) = escaped(rest) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        push_escape(out, from[0]);
        rest = &from[1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// Where the first byte stands that JSON wants escaped: a quote, a backslash, a control character.
pub(crate) fn escaped(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (word, at) in words.iter().zip((0..).step_by(8)) {
        let word = u64::from_le_bytes(*word);
        // A byte that is less borrows from its highest bit, and perhaps from the next byte: the
        // lowest of the bits found is always right.
        let is = |byte: u8| (word ^ (u64::from(byte) * EACH)).wrapping_sub(EACH);
        let less = word.wrapping_sub(0x20 * EACH) | is(b'"') | is(b'\\');
        let found = less & !word & (0x80 * EACH);
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
    }
    let is_escaped = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    rest.iter().position(is_escaped).map(|at| bytes.len() - rest.len() + at)
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0C => b'f',
        b'\r' => b'r',
        _ => {
            const DIGITS: &[u8; 16] = b"0123456789abcdef";
            let digit = |half: u8| DIGITS[usize::from(half)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// An object that grows, as `serde_json` writes it.
pub(crate) struct JsonObject<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> JsonObject<'o> {
    /// Begins an object behind what is in `out`.
    pub(crate) fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Ends it.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    /// Where the value goes whose [`name`](Self::name) was written.
    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        self.out
    }

    /// Adds a name; its value is to follow.
    pub(crate) fn name(&mut self, name: &str) {
        self.part();
        push_json_text(self.out, name);
        self.out.push(b':');
    }

    /// Adds a text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        push_json_text(self.out, text);
    }

    /// Adds a value.
    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        self.name(name);
        match value {
            Value::String(text) => push_json_text(self.out, text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                serde_json::to_writer(&mut *self.out, value).expect("a value is plain data");
            }
        }
    }

    /// Adds what stands between the braces of another object.
    pub(crate) fn members(&mut self, members: &str) {
        if !members.is_empty() {
            self.part();
            self.out.extend_from_slice(members.as_bytes());
        }
    }

    fn part(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) {
        let mut out = Vec::new();
        push_json_text(&mut out, text);
        assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(text).unwrap());
    }

    #[test]
    fn every_byte_is_escaped_as_serde_json_does_it_wherever_it_stands() {
        check("");
        for ch in (0..=0x7F_u8).map(char::from).chain(['\u{80}', '\u{2028}', '文', '😀']) {
            for before in 0..17 {
                check(&format!("{}{ch}{}", "x".repeat(before), "y".repeat(16 - before)));
                check(&format!("{}{ch}\n\"{ch}\u{7F}", "!".repeat(before)));
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_written_as_serde_json_writes_it(text in any::<String>()) {
            check(&text);
        }
    }
}
