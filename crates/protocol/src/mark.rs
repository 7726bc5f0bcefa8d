//! The notation by which an answer cites its passages: `[1]`, `[2]`, …

/// A citation mark in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The passage's number, from 1.
    pub number: usize,
    /// First byte of the mark.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

/// The marks of `text` in order: one to three ASCII digits, not zero, in `[]`, `［］` or `【】`.
pub fn marks(text: &str) -> Vec<Mark> {
    let mut found = Vec::new();
    for (start, open) in text.char_indices() {
        let Some(close) = closing(open) else { continue };
        let inside = &text[start + open.len_utf8()..];
        let digits = inside.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=3).contains(&digits) || !inside[digits..].starts_with(close) {
            continue;
        }
        let number = inside[..digits].bytes().fold(0, |sum, b| sum * 10 + usize::from(b - b'0'));
        if number > 0 {
            let end = start + open.len_utf8() + digits + close.len_utf8();
            found.push(Mark { number, start, end });
        }
    }
    found
}

/// `text` without its marks and the spaces before them.
pub fn without_marks(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut from = 0;
    for mark in marks(text) {
        plain.push_str(&text[from..mark.start]);
        plain.truncate(plain.trim_end_matches(' ').len());
        from = mark.end;
    }
    plain.push_str(&text[from..]);
    plain
}

fn closing(open: char) -> Option<char> {
    match open {
        '[' => Some(']'),
        '［' => Some('］'),
        '【' => Some('】'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, numbers: &[usize], plain: &str) {
        let found: Vec<usize> = marks(text).iter().map(|mark| mark.number).collect();
        assert_eq!(found, numbers, "marks of {text:?}");
        assert_eq!(without_marks(text), plain);
    }

    #[test]
    fn marks_are_found_and_removed() {
        check("Fees are $5 [1]. See [12]!", &[1, 12], "Fees are $5. See!");
        check("免费【2】。", &[2], "免费。");
        check("a[0] b[1234] c[x] d[ 1 ] e[", &[], "a[0] b[1234] c[x] d[ 1 ] e[");
        check("[[3]]", &[3], "[]");
    }
}
