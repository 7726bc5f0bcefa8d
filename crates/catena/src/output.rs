//! Standard output.

use std::io::Write;

/// Prints a line to standard output. A reader that has gone away, as in `catena ... | head`, is
/// not an error.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A text in lines of at most `width` characters, but for words that are longer.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrapped_between_words_as_late_as_they_can_be() {
        assert_eq!(wrapped("one two three, und größer", 8), ["one two", "three,", "und", "größer"]);
        assert_eq!(wrapped("und größer", 10), ["und größer"]);
        assert_eq!(wrapped("incomprehensible", 3), ["incomprehensible"]);
    }
}
