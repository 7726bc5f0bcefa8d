//! Whether a chunk is an address: what stays one word although it has infixes.

use super::characters::{is_digit, is_lower, is_word_character};

/// Longest label of a host name, in characters.
const LONGEST_LABEL: usize = 64;
/// Longest top-level domain, in characters.
const LONGEST_DOMAIN: usize = 63;

/// Whether the whole text is an address: `[scheme://][user@]host[:port][path]`.
///
/// The host is a public IPv4 address, or labels and a top-level domain of lower-case letters.
///
/// # Source
/// The pattern spaCy derives from Diego Perini's (gist 729294). It is matched without
/// backtracking, in linear time: a host cannot hold the `@`, `:`, `/`, `?` or `#` that end it.
pub(super) fn is_address(text: &str) -> bool {
    if !text.contains('.') {
        return false;
    }
    if is_host_and_rest(text) {
        return true;
    }
    if let Some(rest) = after_scheme(text)
        && is_host_and_rest(rest)
    {
        return true;
    }
    // Anything at all may stand before the `@`, but something must.
    text.match_indices('@')
        .filter(|(at, _)| *at > 0)
        .any(|(at, _)| is_host_and_rest(&text[at + 1..]))
}

fn after_scheme(text: &str) -> Option<&str> {
    // A search for one byte, as most texts have none.
    let colon = text.match_indices(':').find(|(at, _)| text[*at..].starts_with("://"))?.0;
    let (scheme, rest) = (&text[..colon], &text[colon + 3..]);
    let allowed = |character| is_word_character(character) || matches!(character, '+' | '-' | '.');
    (scheme.chars().all(allowed) && scheme.chars().nth(1).is_some()).then_some(rest)
}

fn is_host_and_rest(text: &str) -> bool {
    domain_host(text).is_some_and(is_port_and_path) || ip_host(text).is_some_and(is_port_and_path)
}

/// What follows a host name.
fn domain_host(text: &str) -> Option<&str> {
    let mut rest = text;
    let mut labels = 0usize;
    loop {
        let end = rest.find(|character| !is_label_inner(character)).unwrap_or(rest.len());
        if rest[end..].starts_with('.') {
            if !is_label(&rest[..end]) {
                return None;
            }
            labels += 1;
            rest = &rest[end + 1..];
            continue;
        }
        // The last part: ideographs beyond the first plane may stand here only.
        let end = rest.find(|character| !is_lower(character)).unwrap_or(rest.len());
        let chars = rest[..end].chars().take(LONGEST_DOMAIN + 1).count();
        return (labels > 0 && (2..=LONGEST_DOMAIN).contains(&chars)).then_some(&rest[end..]);
    }
}

fn is_label_edge(character: char) -> bool {
    character.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&character)
}

fn is_label_inner(character: char) -> bool {
    is_label_edge(character) || matches!(character, '_' | '-')
}

fn is_label(text: &str) -> bool {
    text.starts_with(is_label_edge)
        && text.ends_with(is_label_edge)
        && text.chars().take(LONGEST_LABEL + 1).count() <= LONGEST_LABEL
}

/// What follows an IPv4 address that may stand on the public network.
fn ip_host(text: &str) -> Option<&str> {
    let mut octets = [""; 4];
    let mut rest = text;
    for (idx, octet) in octets.iter_mut().enumerate() {
        if idx > 0 {
            rest = rest.strip_prefix('.')?;
        }
        let end = rest.find(|character| !is_digit(character)).unwrap_or(rest.len());
        (*octet, rest) = rest.split_at(end);
    }
    let [first, second, third, fourth] = octets;
    let public = is_octet(first, '1', 223) && is_octet(fourth, '1', 254);
    let inner = is_octet(second, '0', 255) && is_octet(third, '0', 255);
    (public && inner && !is_private(first, second)).then_some(rest)
}

/// Whether an octet is within bounds; `lowest` is the least digit that may stand first.
///
/// Digits of any script count except where the bound needs their value.
fn is_octet(text: &str, lowest: char, highest: u32) -> bool {
    let mut digits = text.chars();
    let (first, second, third) = (digits.next(), digits.next(), digits.next());
    match (first, second, third, digits.next()) {
        (Some(first), _, None, None) => lowest == '0' || ('1'..='9').contains(&first),
        (Some('1'), Some(_), Some(_), None) => true,
        (Some('2'), Some(second), Some(third), None) => {
            let Some(tens) = second.to_digit(10).map(|digit| 200 + 10 * digit) else {
                return false;
            };
            tens + 9 <= highest || third.to_digit(10).is_some_and(|ones| tens + ones <= highest)
        }
        _ => false,
    }
}

fn is_private(first: &str, second: &str) -> bool {
    match first {
        "10" | "127" => true,
        "169" => second == "254",
        "192" => second == "168",
        "172" => {
            let mut digits = second.chars();
            matches!(
                (digits.next(), digits.next(), digits.next()),
                (Some('1'), Some('6'..='9'), None)
                    | (Some('2'), Some(_), None)
                    | (Some('3'), Some('0' | '1'), None)
            )
        }
        _ => false,
    }
}

/// Whether the text is nothing, a port, a path or both.
fn is_port_and_path(text: &str) -> bool {
    let rest = match text.strip_prefix(':') {
        Some(port) => {
            let end = port.find(|character| !is_digit(character)).unwrap_or(port.len());
            if !(2..=5).contains(&port[..end].chars().take(6).count()) {
                return false;
            }
            &port[end..]
        }
        None => text,
    };
    rest.is_empty() || rest.starts_with(['/', '?', '#'])
}
