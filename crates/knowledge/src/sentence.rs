//! Sentences of English and Chinese text, with exact spans.

use catena_protocol::Span;

/// Words that end in a full stop without ending a sentence, lower case, without the stop.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "prof", "sr", "jr", "st", "vs", "etc", "e.g", "i.e", "no", "inc",
    "ltd", "co", "corp", "dept", "approx", "fig", "u.s", "u.k", "a.m", "p.m", "jan", "feb", "mar",
    "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
];

/// Spans of the sentences of `text`, in order, without surrounding white space.
///
/// A line break ends a sentence, as Markdown lists and headings need; so do `. ! ?` before white
/// space (not after an abbreviation, a single initial or a list number) and `。！？；…` anywhere.
/// Closing quotes and brackets stay with the sentence they close. Markdown heading, list and
/// quote marks at the start of a line are left out of the span; a line of marks only gives none.
pub fn sentences(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        let body = line_start + mark_len(line);
        let mut start = body;
        let line_end = line_start + line.len();
        let mut chars = text[body..line_end].char_indices().peekable();
        while let Some((offset, ch)) = chars.next() {
            let after = body + offset + ch.len_utf8();
            if !ends_sentence(&text[start..after], ch, chars.peek().map(|&(_, next)| next)) {
                continue;
            }
            let mut end = after;
            while let Some(&(_, next)) = chars.peek() {
                if !is_closer(next) {
                    break;
                }
                end += next.len_utf8();
                chars.next();
            }
            push_trimmed(text, start, end, &mut spans);
            start = end;
        }
        push_trimmed(text, start, line_end, &mut spans);
        line_start = line_end;
    }
    spans
}

/// Whether the sentence so far, whose last character is `ch`, ends here.
fn ends_sentence(so_far: &str, ch: char, next: Option<char>) -> bool {
    match ch {
        '。' | '！' | '？' | '；' | '…' => !matches!(next, Some('。' | '！' | '？' | '…')),
        '!' | '?' => next.is_none_or(|next| next.is_whitespace() || is_closer(next)),
        '.' => {
            next.is_none_or(|next| next.is_whitespace() || is_closer(next))
                && !is_abbreviation(&so_far[..so_far.len() - 1])
        }
        _ => false,
    }
}

/// Whether the word before a full stop is an abbreviation, an initial or a list number.
fn is_abbreviation(before: &str) -> bool {
    let word = before.rsplit(|c: char| c.is_whitespace() || c == '(').next().unwrap_or("");
    let is_whole = word.len() == before.trim_start().len();
    let is_list_number = is_whole && !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let is_initial = word.len() == 1 && word.bytes().all(|b| b.is_ascii_uppercase());
    is_list_number || is_initial || ABBREVIATIONS.contains(&word.to_ascii_lowercase().as_str())
}

fn is_closer(ch: char) -> bool {
    matches!(ch, '"' | '\'' | ')' | ']' | '”' | '’' | '」' | '』' | '）' | '】' | '》' | '*' | '_')
}

/// Bytes of white space and Markdown marks at the start of `line`.
fn mark_len(line: &str) -> usize {
    let rest = line.trim_start();
    let marks = rest.trim_start_matches(['#', '>']);
    let is_heading = marks.len() < rest.len() && marks.starts_with([' ', '\n', '\t']);
    let rest = if is_heading { marks.trim_start() } else { rest };
    let item = ["- ", "* ", "+ ", "• "].iter().find_map(|mark| rest.strip_prefix(mark));
    let rest = item.or_else(|| strip_number(rest)).unwrap_or(rest).trim_start();
    line.len() - rest.len()
}

/// `rest` without a leading list number such as `12. ` or `3) `.
fn strip_number(rest: &str) -> Option<&str> {
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = rest.len() - after.len();
    if digits == 0 || digits > 3 {
        return None;
    }
    after.strip_prefix(". ").or_else(|| after.strip_prefix(") "))
}

/// Adds `start..end` without surrounding white space, unless nothing readable is left.
fn push_trimmed(text: &str, start: usize, end: usize, spans: &mut Vec<Span>) {
    let piece = &text[start..end];
    let start = start + (piece.len() - piece.trim_start().len());
    let end = end - (piece.len() - piece.trim_end().len());
    if start < end && text[start..end].chars().any(char::is_alphanumeric) {
        spans.push(Span { start, end });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> =
            sentences(text).iter().map(|span| &text[span.start..span.end]).collect();
        assert_eq!(found, expected, "sentences of {text:?}");
    }

    #[test]
    fn english() {
        check("Fees apply. Call us! Why? Ok", &["Fees apply.", "Call us!", "Why?", "Ok"]);
        check("Mr. Smith paid $1.50 at 5 p.m. today.", &["Mr. Smith paid $1.50 at 5 p.m. today."]);
        check("See J. Doe (e.g. on Monday). Next.", &["See J. Doe (e.g. on Monday).", "Next."]);
        check("He said \"no.\" Then left.", &["He said \"no.\"", "Then left."]);
        check("Use v1.2.3 now. Done", &["Use v1.2.3 now.", "Done"]);
    }

    #[test]
    fn chinese() {
        check("年费为零。您可以申请吗？可以！", &["年费为零。", "您可以申请吗？", "可以！"]);
        check("他说：“好。”然后走了……好的", &["他说：“好。”", "然后走了……", "好的"]);
    }

    #[test]
    fn markdown_marks_are_left_out() {
        check(
            "## Fees\n- Annual fee: $5\n1. First step\n> Quoted.\n---\n",
            &["Fees", "Annual fee: $5", "First step", "Quoted."],
        );
        check("  * **Bold.** Text\n\n2025 was good.", &["**Bold.**", "Text", "2025 was good."]);
        check("#hashtag stays\n\n \n", &["#hashtag stays"]);
    }

    proptest! {
        #[test]
        fn spans_are_in_order_and_readable(text in "[a-zA-Z0-9 .!?\n\"'()#>*。！？…“”年费-]{0,80}") {
            let mut last = 0;
            for span in sentences(&text) {
                prop_assert!(last <= span.start && span.start < span.end);
                let piece = &text[span.start..span.end];
                prop_assert_eq!(piece.trim(), piece);
                prop_assert!(piece.chars().any(char::is_alphanumeric));
                last = span.end;
            }
        }
    }
}
