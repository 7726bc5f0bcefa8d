//! Chinese licence plates.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::LicencePlate,
    name: "licence_plate",
    placeholder: "[LICENCE_PLATE]",
    description: "Chinese licence plates, ordinary and of new-energy vehicles",
    kinds: &[Kind::Word],
    find,
};

const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
/// Signs between the office's letter and the serial.
const SIGNS: &[char] = &['·', '•', '・', '-', ' ', '.'];
/// Characters that make a province's character the end of another word: `全新A12345`.
const OTHER_WORDS: &[char] = &['全', '最', '更', '里', '讯', '为', '昂', '创', '重', '腾', '度'];
/// Last characters of special plates.
const SPECIAL: &[char] = &['学', '警', '挂', '领', '港', '澳', '试', '超'];

/// Province, letter of the office, and a serial of five, or six for new-energy vehicles.
fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let text = site.text;
    let word = &text[site.range()];
    let (letter, serial, before) = if word.len() >= 5 && is_office(word.as_bytes()[0]) {
        // The sign, if there is one, parts the letter from the serial or stands before neither.
        match text[..site.start].chars().next_back() {
            Some(sign) if SIGNS.contains(&sign) => {
                split_by_sign(site).map_or((site.start, word, site.start), |at| (at, word, at))
            }
            _ => (site.start, &word[1..], site.start),
        }
    } else {
        let at = split_by_sign(site)?;
        (at, word, at)
    };
    debug_assert!(letter <= site.start);
    let mut back = text[..before].chars().rev();
    let province = back.next().filter(|ch| PROVINCES.contains(*ch))?;
    if back.next().is_some_and(|ch| OTHER_WORDS.contains(&ch)) {
        return None;
    }
    let special = text[site.end..].chars().next().filter(|ch| SPECIAL.contains(ch));
    let end = site.end + special.map_or(0, char::len_utf8);
    let fits = match (serial.len(), special) {
        (4, Some(_)) | (5, _) => is_ordinary(serial.as_bytes()),
        (6, _) => is_new_energy(serial.as_bytes()),
        _ => false,
    };
    let end = if serial.len() == 4 { end } else { site.end };
    let whole = !site.byte(site.end).is_some_and(|byte| byte == b'-' || byte == b'.')
        || !site.byte(site.end + 1).is_some_and(|byte| byte.is_ascii_digit());
    (fits && whole).then_some(before - province.len_utf8()..end)
}

/// Where the office's letter stands if one sign parts it from the word.
fn split_by_sign(site: &Site<'_>) -> Option<usize> {
    let before = &site.text[..site.start];
    let sign = before.chars().next_back().filter(|ch| SIGNS.contains(ch))?;
    let letter = site.start.checked_sub(sign.len_utf8() + 1)?;
    (before.is_char_boundary(letter) && is_office(before.as_bytes()[letter])).then_some(letter)
}

/// Letters of offices and serials: neither I nor O.
fn is_office(byte: u8) -> bool {
    byte.is_ascii_uppercase() && !matches!(byte, b'I')
}

fn is_serial(byte: u8) -> bool {
    byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'O'))
}

/// At most three letters among the five.
fn is_ordinary(serial: &[u8]) -> bool {
    let letters = serial.iter().filter(|byte| byte.is_ascii_uppercase()).count();
    serial.iter().all(|&byte| is_serial(byte)) && letters <= 3
}

/// Small vehicles begin with a letter of their kind, large ones end with it; GA 36-2018.
fn is_new_energy(serial: &[u8]) -> bool {
    let kind = |byte: u8| matches!(byte, b'A'..=b'H' | b'J' | b'K');
    let digits = |range: Range<usize>| serial[range].iter().all(u8::is_ascii_digit);
    (kind(serial[0]) && is_serial(serial[1]) && digits(2..6)) || (digits(0..5) && kind(serial[5]))
}
