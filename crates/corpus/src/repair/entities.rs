//! HTML entities in plain text.

use html_escape::decode_html_entities;
use std::borrow::Cow;

/// The longest name between `&` and `;`.
const MAX_NAME: usize = 24;

/// Names in capitals that HTML knows even without a semicolon, so that a longer name in capitals
/// that starts with one is ambiguous.
const BARE: [&str; 8] = ["AMP", "COPY", "ETH", "GT", "LT", "QUOT", "REG", "THORN"];

/// Replaces entities that end in a semicolon; names of lower-case letters also when they are
/// written in capitals, with the capital of their character. `None` if there are none.
pub(super) fn unescape(line: &str) -> Option<String> {
    let mut unescaped = String::new();
    let mut copied = 0;
    for (start, _) in line.match_indices('&') {
        let Some(name) = name_after(&line[start + 1..]) else { continue };
        let end = start + name.len() + 2;
        if let Some(text) = text_of(name, &line[start..end]) {
            unescaped.push_str(&line[copied..start]);
            unescaped.push_str(&text);
            copied = end;
        }
    }
    if copied == 0 {
        return None;
    }
    unescaped.push_str(&line[copied..]);
    Some(unescaped)
}

/// The name of an entity, if `text` starts with one and a semicolon.
fn name_after(text: &str) -> Option<&str> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let len = digits.bytes().take(MAX_NAME + 1).take_while(u8::is_ascii_alphanumeric).count();
    let is_name = (1..=MAX_NAME).contains(&len) && digits.as_bytes().get(len) == Some(&b';');
    is_name.then(|| &text[..text.len() - digits.len() + len])
}

fn text_of<'l>(name: &str, entity: &'l str) -> Option<Cow<'l, str>> {
    if let Some(number) = name.strip_prefix('#') {
        return number_text(number).map(Cow::Owned);
    }
    let decoded = decode_html_entities(entity);
    if decoded != entity {
        return Some(decoded);
    }
    let is_shouted = !name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !BARE.iter().any(|bare| name.starts_with(bare));
    if !is_shouted {
        return None;
    }
    let quiet = entity.to_lowercase();
    let decoded = decode_html_entities(&quiet);
    (decoded != quiet).then(|| Cow::Owned(decoded.to_uppercase()))
}

/// The text of a numeric reference, by the rules of HTML: the range of Latin-1 control characters
/// means Windows-1252, what is no character at all is lost, and what may not be in a page is
/// left out.
fn number_text(number: &str) -> Option<String> {
    let hex = number.strip_prefix(['x', 'X']);
    let (digits, radix) = hex.map_or((number, 10), |hex| (hex, 16));
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let code = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
    let lost = char::REPLACEMENT_CHARACTER;
    Some(match char::from_u32(code) {
        None | Some('\0') => lost.to_string(),
        Some(ch @ '\u{80}'..='\u{9F}') => super::charsets::windows_1252(ch).to_string(),
        Some(ch) if is_excluded(ch) => String::new(),
        Some(ch) => ch.to_string(),
    })
}

/// Control characters and those that are none at all.
fn is_excluded(ch: char) -> bool {
    matches!(ch, '\u{1}'..='\u{8}' | '\u{B}' | '\u{E}'..='\u{1F}' | '\u{7F}')
        || matches!(ch, '\u{FDD0}'..='\u{FDEF}')
        || ch as u32 & 0xFFFE == 0xFFFE
}
