//! Numbers of passports and travel permits.

use super::PiiRule;
use super::rules::Spec;
use super::site::{Kind, Site};
use std::ops::Range;

pub(super) const SPEC: Spec = Spec {
    rule: PiiRule::Passport,
    name: "passport",
    placeholder: "[PASSPORT]",
    description: "numbers of passports and of travel permits for Hong Kong, Macau and Taiwan, \
                  with a label",
    kinds: &[Kind::Word],
    find,
};

/// What is mentioned near a Chinese number.
const MENTIONS: &[&str] = &["passport", "passports", "护照", "護照", "证件", "travel document"];
/// What labels a number of another country.
const LABELS: &[&str] = &["passport", "passports", "护照", "護照", "passport no", "reisepass"];
/// What labels travel permits.
const PERMITS: &[&str] = &[
    "通行证",
    "回乡证",
    "台胞证",
    "通行證",
    "台胞證",
    "回鄉證",
    "travel permit",
    "home return permit",
    "港澳通行证",
];

fn find(site: &Site<'_>) -> Option<Range<usize>> {
    let word = site.word();
    let letters = word.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    let shape = (7..=11).contains(&word.len())
        && site.digits >= 3
        && word.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    if !shape || !site.stands_alone(&site.range()) {
        return None;
    }
    let window = site.window(site.start);
    let told = (is_chinese(word) && window.mentions(MENTIONS) && !window.is_of_thing())
        || (word.len() <= 9 && window.is_labelled(LABELS))
        || (letters <= 1
            && site.digits + letters == word.len()
            && word.len() >= 8
            && window.is_labelled(PERMITS));
    told.then_some(site.range())
}

/// E, G or D and eight digits; E and a letter, or two letters of service passports, and seven.
fn is_chinese(word: &[u8]) -> bool {
    let digits = |from: usize| word[from..].iter().all(u8::is_ascii_digit);
    let letter = |byte: u8| byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'O');
    let ordinary = matches!(word[0], b'E' | b'G' | b'D' | b'S' | b'P') && digits(1);
    let second = word[0] == b'E' && letter(word[1]) && digits(2);
    let service = matches!(&word[..2], b"DE" | b"SE" | b"PE" | b"MA") && digits(2);
    word.len() == 9 && (ordinary || second || service)
}
