//! Numbering plans: country codes, Chinese prefixes, North American areas.

use super::site::number;
use std::ops::RangeInclusive;

/// Country codes of one or two digits, ITU-T E.164; all others have three.
const SHORT_CODES: &[u64] = &[
    1, 7, 20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54,
    55, 56, 57, 58, 60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
];
/// Zones whose other codes have three digits.
const LONG_ZONES: &[u64] =
    &[21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42, 50, 59, 67, 68, 69, 80, 85, 87, 88, 96, 97, 99];
/// Lengths of national numbers where they are known to be narrow.
const NATIONAL: &[(u64, RangeInclusive<usize>)] = &[
    (1, 10..=10),
    (7, 10..=10),
    (33, 9..=9),
    (34, 9..=9),
    (39, 8..=11),
    (44, 9..=10),
    (55, 10..=11),
    (61, 9..=9),
    (65, 8..=8),
    (81, 9..=10),
    (82, 8..=10),
    (86, 9..=11),
    (91, 10..=10),
    (852, 8..=8),
    (853, 8..=8),
    (886, 8..=9),
];
/// Lengths elsewhere: together with the code at most fifteen digits.
const ANYWHERE: RangeInclusive<usize> = 7..=12;

/// Digits of the country code that `digits` (as characters) begins with, and the lengths of
/// national numbers there.
pub(super) fn country(digits: &[u8]) -> Option<(usize, RangeInclusive<usize>)> {
    let starts = |length: usize| digits.get(..length).map(number);
    let length = (1..=2).find(|&length| starts(length).is_some_and(|c| SHORT_CODES.contains(&c)));
    let length = match length {
        Some(length) => length,
        None => LONG_ZONES.contains(&starts(2)?).then_some(3)?,
    };
    // 999 is the only code of its zone that is kept free for good; stand-ins use it.
    let code = starts(length).filter(|code| *code != 999)?;
    let known = NATIONAL.iter().find(|(known, _)| *known == code);
    Some((length, known.map_or(ANYWHERE, |(_, lengths)| lengths.clone())))
}

/// Whether eleven digits are a Chinese mobile number of an allocated prefix.
pub(super) fn is_chinese_mobile(digits: &[u8]) -> bool {
    digits.len() == 11
        && digits.iter().all(u8::is_ascii_digit)
        && match &digits[..3] {
            [b'1', b'3' | b'8', _] => true,
            [b'1', b'4', third] => !matches!(third, b'2' | b'3'),
            [b'1', b'5' | b'9', third] => *third != b'4',
            [b'1', b'6', third] => matches!(third, b'2' | b'5' | b'6' | b'7'),
            [b'1', b'7', third] => *third != b'9',
            _ => false,
        }
}

/// Length of the Chinese area code that `digits` begins with, the leading zero included.
pub(super) fn chinese_area(digits: &[u8]) -> Option<usize> {
    match digits {
        [b'0', b'1', b'0', ..] => Some(3),
        [b'0', b'2', third, ..] if *third != b'6' => Some(3),
        [b'0', b'3'..=b'9', _, _, ..] => Some(4),
        _ => None,
    }
}

/// Whether a Chinese local number may be of that area: eight digits in the large cities, seven or
/// eight elsewhere; none begins with 0, 1 or 9.
pub(super) fn is_chinese_local(area: usize, local: &[u8]) -> bool {
    let fits = local.len() == 8 || (area == 4 && local.len() == 7);
    fits && local.iter().all(u8::is_ascii_digit) && matches!(local[0], b'2'..=b'8')
}

/// Whether ten digits are a North American number: area and exchange begin with 2 to 9 and are no
/// service such as 911, and no area has 9 in the middle.
pub(super) fn is_north_american(digits: &[u8]) -> bool {
    let [a, b, c, d, e, f, ..] = *digits else { return false };
    let leads = |digit: u8| matches!(digit, b'2'..=b'9');
    let service = |second: u8, third: u8| second == b'1' && third == b'1';
    digits.len() == 10 && leads(a) && leads(d) && b != b'9' && !service(b, c) && !service(e, f)
}
