//! Phone numbers.

use super::PiiRule;
use super::labels::{NEAR_PHONES, PHONES};
use super::phone_plan::{
    chinese_area, country, is_chinese_local, is_chinese_mobile, is_north_american,
};
use super::rules::Spec;
use super::site::{Kind, Site};
use memchr::memchr_iter;
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::Phone,
    name: "phone",
    placeholder: "[PHONE]",
    description: "phone numbers: international, Chinese mobile, landline and 400/800, North \
                  American; bare and other national numbers with a label",
    kinds: &[Kind::Word],
    find,
};

/// Most digits of any number.
const MAX_DIGITS: usize = 15;
/// Most groups of digits of any number.
const MAX_GROUPS: usize = 7;

/// A number in one of the shapes that are told from other numbers, or one with a label.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    if !site.is_number() {
        return None;
    }
    if site.byte_before(site.start) == Some(b'+') {
        return international(site);
    }
    let shapes = [chinese_mobile, chinese_landline, chinese_service, north_american, labelled];
    shapes.iter().find_map(|shape| shape(site))
}

/// What is confirmed at last: the number stands alone and is not the number of a thing.
fn confirmed(site: &Site<'_>, range: Range<usize>) -> Option<Range<usize>> {
    let range = range.start..extension_end(site, range.end);
    // A second number may follow a slash.
    let second = || {
        let digits = site.run(range.end + 1, 8, |byte| byte.is_ascii_digit());
        site.byte(range.end) == Some(b'/') && digits > range.end + 7
    };
    if follows_group(site, range.start) {
        return None;
    }
    let alone = site.opens_alone(range.start) && (site.closes_alone(range.end) || second());
    (alone && !site.window(range.start).is_of_thing()).then_some(range)
}

/// Whether a group of four digits and a space stand before `at`: then the number is the end of a
/// longer one, such as a card's.
fn follows_group(site: &Site<'_>, at: usize) -> bool {
    let Some(before) = site.bytes()[..at].strip_suffix(b" ") else { return false };
    before.iter().rev().take(5).take_while(|byte| byte.is_ascii_digit()).count() == 4
}

/// End of an extension such as `-8001`, `转8001` or ` ext. 12`, or `end` if there is none.
fn extension_end(site: &Site<'_>, end: usize) -> usize {
    const WORDS: &[&str] = &["转", "轉", "分机", "ext.", "ext", "x", "extension", "Ext.", "Ext"];
    let digits = |at: usize| site.run(at, 7, |byte| byte.is_ascii_digit());
    let fits = |from: usize| {
        let last = digits(from);
        let free = !site.byte(last).is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'-');
        (from < last && last - from <= 6 && free).then_some(last)
    };
    if site.byte(end) == Some(b'-') {
        return fits(end + 1).filter(|last| last - end >= 3).unwrap_or(end);
    }
    let word = site.run(end, 2, |byte| matches!(byte, b' ' | b','));
    let rest = &site.text[word..];
    let found = WORDS.iter().filter(|sign| rest.starts_with(**sign)).map(|sign| sign.len()).max();
    let number =
        found.map(|length| site.run(word + length, 2, |byte| matches!(byte, b' ' | b'.' | b':')));
    number.and_then(fits).unwrap_or(end)
}

/// Groups of digits from `start`: the end of each with the digits up to there.
fn groups(site: &Site<'_>, start: usize) -> Vec<(usize, Vec<u8>)> {
    let mut found: Vec<(usize, Vec<u8>)> = Vec::with_capacity(MAX_GROUPS);
    let mut digits = Vec::with_capacity(MAX_DIGITS);
    let mut at = start;
    while found.len() < MAX_GROUPS {
        let end = site.run(at, MAX_DIGITS + 1, |byte| byte.is_ascii_digit());
        if end == at || digits.len() + (end - at) > MAX_DIGITS {
            break;
        }
        digits.extend_from_slice(&site.bytes()[at..end]);
        found.push((end, digits.clone()));
        at = site.run(end, 2, |byte| b" .-()".contains(&byte));
        let sign = &site.bytes()[end..at];
        let plain = sign.len() == 1 || sign == b") " || sign == b" (" || sign == b")-";
        if !plain {
            break;
        }
    }
    found
}

fn is_balanced(bytes: &[u8]) -> bool {
    let count = |sign: u8| memchr_iter(sign, bytes).count();
    count(b'(') == count(b')')
}

/// `+` and a country code, then as many groups as the country's numbers have digits.
fn international(site: &Site<'_>) -> Option<Range<usize>> {
    let plus = site.start - 1;
    let bracket = site.byte_before(plus) == Some(b'(');
    let start = plus - usize::from(bracket && site.byte(site.end) == Some(b')'));
    let groups = groups(site, site.start);
    let (code, lengths) = country(&groups.last()?.1)?;
    let fitting = groups.iter().rev().find(|(end, digits)| {
        let text = &site.bytes()[start..*end];
        // `+44 (0)20 ...` writes the zero that is dialled at home.
        let zero = usize::from(memchr::memmem::find(text, b"(0)").is_some());
        let national = digits.len().checked_sub(code + zero);
        national.is_some_and(|national| lengths.contains(&national)) && is_balanced(text)
    });
    let (end, digits) = fitting?;
    let known = code > 1 || digits[0] != b'1' || is_north_american(&digits[1..]);
    known.then(|| confirmed(site, start..*end))?
}

/// End of a Chinese mobile number at `at`, in one run or in groups.
fn mobile_end(site: &Site<'_>, at: usize) -> Option<usize> {
    let shapes: [&[usize]; 3] = [&[11], &[3, 4, 4], &[3, 3, 5]];
    let end = shapes.iter().find_map(|lengths| site.groups(at, lengths, b" -."))?;
    let digits = site.bytes()[at..end].iter().copied().filter(u8::is_ascii_digit);
    is_chinese_mobile(&digits.collect::<Vec<u8>>()).then_some(end)
}

/// A mobile number, also after `86` or `0086`.
fn chinese_mobile(site: &Site<'_>) -> Option<Range<usize>> {
    let word = site.word();
    let bracket = usize::from(site.byte_before(site.start) == Some(b'('));
    let prefix = [&b"0086"[..], b"86"].into_iter().find(|prefix| word.starts_with(prefix));
    let after_prefix = prefix.and_then(|prefix| {
        let digits = site.start + prefix.len();
        let closes = bracket == 1 && site.byte(digits) == Some(b')');
        let sign = site.run(digits + usize::from(closes), 1, |byte| b" -".contains(&byte));
        Some(site.start - usize::from(closes)..mobile_end(site, sign)?)
    });
    let range = after_prefix.or_else(|| Some(site.start..mobile_end(site, site.start)?))?;
    confirmed(site, range)
}

/// Area code and local number, parted or in brackets; in one run with a label.
fn chinese_landline(site: &Site<'_>) -> Option<Range<usize>> {
    let word = site.word();
    if word.starts_with(b"86") {
        return chinese_landline_abroad(site);
    }
    let area = chinese_area(word)?;
    if word.len() > area {
        let local = is_chinese_local(area, &word[area..]);
        let told = local && site.window(site.start).mentions(NEAR_PHONES);
        return told.then(|| confirmed(site, site.range()))?;
    }
    let before = &site.text[..site.start];
    let rest = &site.text[site.end..];
    let bracket = [("(", ")"), ("（", "）")]
        .into_iter()
        .find(|(open, close)| before.ends_with(open) && rest.starts_with(close));
    let (start, at) = if let Some((open, close)) = bracket {
        let after = site.end + close.len();
        let at = site.run(after, 1, |byte| b" -".contains(&byte));
        (site.start - open.len(), at)
    } else {
        let sign = [" ", "-", "—", "－", "–"].into_iter().find(|sign| rest.starts_with(sign))?;
        (site.start, site.end + sign.len())
    };
    let end = local_end(site, at, area);
    confirmed(site, start..end?)
}

/// `86-10-62345678`.
fn chinese_landline_abroad(site: &Site<'_>) -> Option<Range<usize>> {
    let sign = site.byte(site.end).filter(|byte| site.digits == 2 && b" -".contains(byte))?;
    let area = site.run(site.end + 1, 4, |byte| byte.is_ascii_digit());
    let mut code = vec![b'0'];
    code.extend_from_slice(&site.bytes()[site.end + 1..area]);
    let length = chinese_area(&code).filter(|length| *length == code.len())?;
    let end = (site.byte(area) == Some(sign)).then(|| local_end(site, area + 1, length))??;
    confirmed(site, site.start..end)
}

/// End of a local number of seven or eight digits, in one run or two.
fn local_end(site: &Site<'_>, at: usize, area: usize) -> Option<usize> {
    let shapes: [&[usize]; 4] = [&[8], &[7], &[4, 4], &[3, 4]];
    let end = shapes.iter().find_map(|lengths| site.groups(at, lengths, b" -"))?;
    let digits = site.bytes()[at..end].iter().copied().filter(u8::is_ascii_digit);
    is_chinese_local(area, &digits.collect::<Vec<u8>>()).then_some(end)
}

/// Numbers of companies that begin with 400 or 800.
fn chinese_service(site: &Site<'_>) -> Option<Range<usize>> {
    let word = site.word();
    if !word.starts_with(b"400") && !word.starts_with(b"800") {
        return None;
    }
    let shapes: [&[usize]; 4] = [&[3, 3, 4], &[4, 3, 3], &[3, 4, 3], &[3, 7]];
    let hyphened = shapes.iter().find_map(|lengths| site.groups(site.start, lengths, b"-"));
    let spaced = || {
        let shapes: [&[usize]; 4] = [&[10], &[3, 3, 4], &[4, 3, 3], &[3, 7]];
        let end = shapes.iter().find_map(|lengths| site.groups(site.start, lengths, b" "))?;
        site.window(site.start).mentions(NEAR_PHONES).then_some(end)
    };
    confirmed(site, site.start..hyphened.or_else(spaced)?)
}

/// `(212) 555-0123`, `212-555-0123`, `212.555.0123`, each also after `1`.
fn north_american(site: &Site<'_>) -> Option<Range<usize>> {
    let at = match site.word() {
        b"1" => site.run(site.end, 2, |byte| b" .-(".contains(&byte)),
        _ => site.start,
    };
    if at == site.end {
        return None;
    }
    let bracket = site.byte_before(at) == Some(b'(');
    let (end, start) = if bracket {
        let close = site.groups(at, &[3], b"").filter(|end| site.byte(*end) == Some(b')'))?;
        let local = site.run(close + 1, 1, |byte| b" -".contains(&byte));
        (site.groups(local, &[3, 4], b"-. ")?, at - 1)
    } else {
        (site.groups(at, &[3, 3, 4], b"-.")?, at)
    };
    let start = if site.word() == b"1" { site.start } else { start };
    let digits: Vec<u8> =
        site.bytes()[at..end].iter().copied().filter(u8::is_ascii_digit).collect();
    is_north_american(&digits).then(|| confirmed(site, start..end))?
}

/// A number of 7 to 13 digits after a label, or one that begins with zero, is written in groups
/// and has a label near.
fn labelled(site: &Site<'_>) -> Option<Range<usize>> {
    let digits = site
        .run(site.start, 2 * MAX_DIGITS, |byte| byte.is_ascii_digit() || b" .-()".contains(&byte));
    let digits = site.bytes()[site.start..digits].iter().filter(|byte| byte.is_ascii_digit());
    if digits.count() < 7 {
        return None;
    }
    let start = site.start - usize::from(site.byte_before(site.start) == Some(b'('));
    let window = site.window(start);
    let told = window.is_labelled(PHONES);
    let zero = site.byte(site.start) == Some(b'0') && window.mentions(NEAR_PHONES);
    if !told && !zero {
        return None;
    }
    let groups = groups(site, site.start);
    let least = if told { 7 } else { 9 };
    let fitting = groups.iter().rev().find(|(end, digits)| {
        (least..=13).contains(&digits.len()) && is_balanced(&site.bytes()[start..*end])
    });
    let (end, _) = fitting?;
    let text = &site.text[start..*end];
    (!is_date_or_amount(text)).then(|| confirmed(site, start..*end))?
}

/// Whether groups read as a date, a span of years, or a round sum.
fn is_date_or_amount(text: &str) -> bool {
    let lengths: Vec<usize> =
        text.split(|ch: char| !ch.is_ascii_digit()).map(str::len).filter(|l| *l > 0).collect();
    let year = |at: usize| matches!(text.get(at..at + 2), Some("19" | "20"));
    let date = match lengths.as_slice() {
        [4, 2, 2] | [8] => year(0),
        [4, 4] => year(0) && year(5),
        [2, 2, 4] => year(6),
        _ => false,
    };
    date || text.ends_with("00000") || (lengths.contains(&1) && !text.starts_with(['1', '0', '(']))
}
