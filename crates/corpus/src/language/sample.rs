//! Some lines in place of a long text.

/// Places of a text from which lines are taken.
const PLACES: usize = 8;

/// Parts of `text` of about `max_bytes` together: whole lines from eight evenly spaced places, or
/// whole words where a line is longer than its part. All of it if it is no longer.
pub(super) fn sample(text: &str, max_bytes: usize) -> Vec<&str> {
    if text.len() <= max_bytes {
        return vec![text];
    }
    let part_bytes = (max_bytes / PLACES).max(1);
    let mut parts = Vec::with_capacity(PLACES);
    let mut free_from = 0;
    for place in 0..PLACES {
        let wanted = (text.len() / PLACES * place).max(free_from);
        let start = starts_after(text, wanted, part_bytes);
        let end = starts_after(text, (start + part_bytes).min(text.len()), part_bytes);
        if start < end {
            parts.push(&text[start..end]);
        }
        free_from = end;
    }
    parts
}

/// Where the first line from `from` begins, or the first word, or the first character, if there
/// is none within `reach` bytes.
fn starts_after(text: &str, from: usize, reach: usize) -> usize {
    if from == 0 || from >= text.len() {
        return from.min(text.len());
    }
    let bytes = &text.as_bytes()[from - 1..text.len().min(from + reach)];
    let line = bytes.iter().position(|&byte| byte == b'\n');
    let word = || bytes.iter().position(u8::is_ascii_whitespace);
    if let Some(at) = line.or_else(word) {
        return from + at;
    }
    (from..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}
