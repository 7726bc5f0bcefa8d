//! An object of JSON read field by field, for rows that are plain.
//!
//! Whatever is out of the ordinary, an error above all, is left to `serde_json`, which then says
//! what is wrong; what is taken is what it would have read. Texts are copied in long pieces.

use crate::json_text::escaped;
use serde_json::Value;
use std::ops::Range;

/// Brackets within a value beyond which nobody counts how deep it is.
const MAX_BRACKETS: usize = 100;

/// A value of a field.
#[derive(Debug, PartialEq)]
pub(super) enum Cell {
    /// A text, among those that are held.
    Text(Range<usize>),
    /// Anything else.
    Other(Value),
}

/// Gives `field` the name and the value of each field of the object that `json` is. Names and texts
/// are added to `held`. None if it is no object, or not one for us.
pub(super) fn scan(
    json: &str,
    held: &mut String,
    mut field: impl FnMut(Range<usize>, Cell),
) -> Option<()> {
    let mut scan = Scan { json, at: 0 };
    scan.expect(b'{')?;
    if scan.peek()? == b'}' {
        scan.at += 1;
        return scan.end();
    }
    loop {
        let name = scan.text(held)?;
        scan.expect(b':')?;
        let value = scan.value(held)?;
        field(name, value);
        match scan.peek()? {
            b',' => scan.at += 1,
            b'}' => {
                scan.at += 1;
                return scan.end();
            }
            _ => return None,
        }
    }
}

/// A place in a text of JSON.
struct Scan<'j> {
    json: &'j str,
    at: usize,
}

impl<'j> Scan<'j> {
    fn rest(&self) -> &'j str {
        &self.json[self.at..]
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.json.as_bytes();
        while matches!(bytes.get(self.at)?, b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
        Some(bytes[self.at])
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }

    fn value(&mut self, held: &mut String) -> Option<Cell> {
        match self.peek()? {
            b'"' => self.text(held).map(Cell::Text),
            b'{' | b'[' => self.nested().map(Cell::Other),
            _ => self.word().map(Cell::Other),
        }
    }

    fn text(&mut self, held: &mut String) -> Option<Range<usize>> {
        self.expect(b'"')?;
        let start = held.len();
        loop {
            let rest = self.rest();
            let end = escaped(rest.as_bytes())?;
            held.push_str(&rest[..end]);
            self.at += end + 1;
            match rest.as_bytes()[end] {
                b'"' => return Some(start..held.len()),
                b'\\' => held.push(self.escape()?),
                _ => return None,
            }
        }
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Option<char> {
        let byte = *self.json.as_bytes().get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.code(),
            _ => return None,
        })
    }

    /// The character behind `\u`, which may be two halves of a pair.
    fn code(&mut self) -> Option<char> {
        let first = self.digits()?;
        if let Some(ch) = char::from_u32(first) {
            return Some(ch);
        }
        let is_pair = first < 0xDC00 && self.rest().starts_with("\\u");
        self.at += 2;
        let second = if is_pair { self.digits()? } else { return None };
        let low = second.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
        char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + low)
    }

    fn digits(&mut self) -> Option<u32> {
        let digits = self.json.get(self.at..self.at + 4)?;
        self.at += 4;
        let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        u32::from_str_radix(digits, 16).ok().filter(|_| all)
    }

    /// A number, a truth value or null.
    fn word(&mut self) -> Option<Value> {
        let is_part =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let rest = self.rest();
        let length = rest.bytes().take_while(is_part).count();
        self.at += length;
        serde_json::from_str(&rest[..length]).ok()
    }

    /// A list or an object.
    fn nested(&mut self) -> Option<Value> {
        let rest = self.rest();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter();
        let value = values.next()?.ok()?;
        let length = values.byte_offset();
        self.at += length;
        let brackets = rest[..length].bytes().filter(|byte| matches!(byte, b'{' | b'['));
        (brackets.count() <= MAX_BRACKETS).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Map;

    /// What is scanned of an object, as `serde_json` would read it.
    fn scanned(json: &str) -> Option<Vec<(String, Value)>> {
        let (mut held, mut fields) = (String::new(), Vec::new());
        scan(json, &mut held, |name, value| fields.push((name, value)))?;
        let text = |range: Range<usize>| held[range].to_owned();
        let value = |cell| match cell {
            Cell::Text(range) => Value::String(text(range)),
            Cell::Other(value) => value,
        };
        Some(fields.into_iter().map(|(name, cell)| (text(name), value(cell))).collect())
    }

    /// What is scanned is what `serde_json` reads, and nothing that it refuses.
    fn check(json: &str) -> bool {
        let Some(found) = scanned(json) else { return false };
        let read: Map<String, Value> = serde_json::from_str(json).unwrap_or_else(|error| {
            panic!("{json:?}: {error}");
        });
        assert_eq!(found.into_iter().collect::<Map<_, _>>(), read, "{json:?}");
        true
    }

    #[test]
    fn plain_rows_are_read_and_all_else_is_left() {
        for json in [
            "{}",
            " {\t\"a\" :\r\n1 , \"b\":\"\" } \n",
            r#"{"a": "\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00\u0000", "文": "é\u2028"}"#,
            r#"{"n": -0.5e+3, "m": 18446744073709551615, "t": true, "f": false, "x": null}"#,
            r#"{"deep": [{"a": ["]", {}]}, []], "a": {"\u0062": "}"}}"#,
            r#"{"big": 123456789012345678901234567890, "e": 1E5}"#,
        ] {
            assert!(check(json), "{json}");
        }
        let deep = format!("{{\"a\": {}1{}}}", "[".repeat(101), "]".repeat(101));
        for json in [
            "",
            " ",
            "7",
            "[]",
            "{",
            "{\"a\"",
            "{\"a\": ",
            "{\"a\": 1",
            "{\"a\": 1,}",
            "{\"a\" 1}",
            "{\"a\": 1} {}",
            "{a: 1}",
            "{\"a\": 01}",
            "{\"a\": 1e999}",
            "{\"a\": nul}",
            "{\"a\": [1}",
            "{\"a\": \"\u{1}\"}",
            "{\"a\": \"x}",
            r#"{"a": "\x"}"#,
            r#"{"a": "\u12"}"#,
            r#"{"a": "\u+123"}"#,
            r#"{"a": "\ud800"}"#,
            r#"{"a": "\ud800\n"}"#,
            r#"{"a": "\ud800\u0041"}"#,
            r#"{"a": "\udc00\ud800"}"#,
            r#"{"a": "\u00é0"}"#,
            r#"{"a": "\"#,
            &deep,
        ] {
            assert!(!check(json), "{json}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_scanned(
            rows in proptest::collection::vec((any::<String>(), any::<String>()), 0..5),
        ) {
            let row: Map<String, Value> =
                rows.into_iter().map(|(name, text)| (name, Value::String(text))).collect();
            prop_assert!(check(&serde_json::to_string(&row).unwrap()));
        }

        #[test]
        fn nothing_is_taken_that_is_not_json(
            json in r#"\{("[a\\u"0-9]{0,8}"[:,]? ?|[0-9.eE+-]{0,4}[,:]?|[\[\]{}]|true|null){0,6}\}?"#,
        ) {
            check(&json);
        }
    }
}
