//! Undoing the reading of UTF-8 as a single-byte encoding.

use super::badness::is_bad;
use super::bytes::{decode, replace_lossy, restore_spaces};
use super::charsets::{ALL, Charset, candidates, encode, windows_1252};
use super::options::{Done, RepairFix};
use regex::Regex;
use std::sync::LazyLock;

/// Text read wrongly more often than this is left as it is then.
const MAX_LAYERS: usize = 8;

/// Repairs a line layer by layer; `None` if it does not look like mojibake.
pub(super) fn fix_encoding(line: &str, done: &mut Done) -> Option<String> {
    let mut fixed = fix_layer(line, done)?;
    for _ in 1..MAX_LAYERS {
        match fix_layer(&fixed, done) {
            Some(next) => fixed = next,
            None => break,
        }
    }
    Some(fixed)
}

/// Undoes one wrong reading.
fn fix_layer(line: &str, done: &mut Done) -> Option<String> {
    if line.is_ascii() || !is_bad(line) {
        return None;
    }
    let possible = candidates(line);
    for charset in ALL.into_iter().filter(|&charset| possible >> charset as u16 & 1 == 1) {
        if let Some(fixed) = reread(line, charset, done) {
            return Some(fixed).filter(|fixed| fixed != line);
        }
    }
    if let Some(fixed) = fix_parts(line, done) {
        return Some(fixed);
    }
    // Latin-1 has control characters where Windows-1252 has punctuation; nobody wants the former.
    let has_controls = line.chars().any(is_c1);
    has_controls.then(|| {
        done.add(RepairFix::Windows1252Punctuation);
        fix_controls(line)
    })
}

/// Reads a line as the UTF-8 that it was before it was read as `charset`, if it was.
fn reread(line: &str, charset: Charset, done: &mut Done) -> Option<String> {
    let mut bytes = encode(line, charset);
    let mut steps = vec![charset.fix()];
    // In MacRoman the byte before a space would be a dash.
    if charset != Charset::MacRoman
        && let Some(restored) = restore_spaces(&bytes)
    {
        bytes = restored;
        steps.push(RepairFix::SpaceInCharacter);
    }
    if charset.is_sloppy()
        && let Some(replaced) = replace_lossy(&bytes)
    {
        bytes = replaced;
        steps.push(RepairFix::LostBytes);
    }
    let fixed = decode(bytes)?;
    if fixed != line {
        for step in steps {
            done.add(step);
        }
    }
    Some(fixed)
}

/// Repairs pieces of a line that was not all read wrongly: sequences of characters that stand
/// for UTF-8, and look like mojibake by themselves.
fn fix_parts(line: &str, done: &mut Done) -> Option<String> {
    let mut fixed = String::with_capacity(line.len());
    let mut changed = false;
    let mut at = 0;
    let mut before = None;
    while at < line.len() {
        let rest = &line[at..];
        let is_free = !before.is_some_and(|ch| in_class(&CONTINUATION_STRICT, ch));
        let len = if is_free { sequences_len(rest) } else { 0 };
        let part = &rest[..len];
        if len > 0
            && len < line.len()
            && is_bad(part)
            && let Some(repaired) = fix_encoding(part, done)
        {
            fixed.push_str(&repaired);
            changed |= repaired != part;
        } else if len > 0 {
            fixed.push_str(part);
        }
        let step = if len > 0 { len } else { rest.chars().next().map_or(1, char::len_utf8) };
        if len == 0 {
            fixed.push_str(&rest[..step]);
        }
        before = rest[..step].chars().next_back();
        at += step;
    }
    if changed {
        done.add(RepairFix::EncodingInPart);
    }
    changed.then_some(fixed)
}

/// Bytes of the sequences that `text` starts with, each a character for the first byte of a UTF-8
/// sequence and the right number for the others.
fn sequences_len(text: &str) -> usize {
    let mut len = 0;
    loop {
        let mut chars = text[len..].chars();
        let Some(first) = chars.next() else { return len };
        if first.is_ascii() {
            return len;
        }
        let follow = if in_class(&FIRST_OF_2, first) {
            1
        } else if in_class(&FIRST_OF_3, first) {
            2
        } else if in_class(&FIRST_OF_4, first) {
            3
        } else {
            return len;
        };
        for _ in 0..follow {
            match chars.next() {
                Some(ch) if in_class(&CONTINUATION, ch) => {}
                _ => return len,
            }
        }
        len = text.len() - chars.as_str().len();
    }
}

fn is_c1(ch: char) -> bool {
    matches!(ch, '\u{80}'..='\u{9F}')
}

/// Reads Latin-1 control characters as Windows-1252.
pub(super) fn fix_controls(line: &str) -> String {
    line.chars().map(|ch| if is_c1(ch) { windows_1252(ch) } else { ch }).collect()
}

/// Whether there are Latin-1 control characters.
pub(super) fn has_controls(line: &str) -> bool {
    line.chars().any(is_c1)
}

/// A set of characters below U+FFFF, as ranges.
type Class = LazyLock<Vec<(char, char)>>;

fn in_class(class: &Class, ch: char) -> bool {
    let after = class.partition_point(|&(first, _)| first <= ch);
    after > 0 && ch <= class[after - 1].1
}

/// Ranges of a bracket expression's inside.
fn class(inside: &str) -> Vec<(char, char)> {
    static ITEM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"([0-9A-F]+)(?:-([0-9A-F]+))?").expect("the pattern above is sound")
    });
    let char_of = |hex: &str| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
    let range = |item: regex::Captures<'_>| {
        let first = char_of(&item[1])?;
        let last = item.get(2).map_or(Some(first), |last| char_of(last.as_str()))?;
        Some((first, last))
    };
    ITEM.captures_iter(inside).filter_map(range).collect()
}

// What the bytes of UTF-8 become in the encodings above: first bytes by the length of their
// sequence, and continuation bytes. The strict class leaves out those that end a word in sound
// text as well.
#[rustfmt::skip]
static FIRST_OF_2: Class = LazyLock::new(|| class(
    "C2-DF 100 102 106 10C 10E 110 112 116 118 11A 11E 122 12A 130 136 139 13B 141 143 145 147 \
     14C 150 158 15A 15E 160 162 16A 16E 170 172 179 17B 17D 392-3A1 3A3-3AF 412-42F",
));
#[rustfmt::skip]
static FIRST_OF_3: Class = LazyLock::new(|| class(
    "E0-EF 101 103 105 107 10D 10F 113 117 119 11B 123 12B 12F 137 13A 13C 155 17A 3B0-3BF \
     430-43F",
));
static FIRST_OF_4: Class = LazyLock::new(|| class("F0 F3 111 11F 161 3C0 3C3 440 443"));
#[rustfmt::skip]
static CONTINUATION: Class = LazyLock::new(|| class(
    "20 80-BF C6 D8 E6 F8 104 105 13D 13E 141 142 152 153 156 157 15A 15B 15E-161 164 165 \
     178-17E 192 2C6 2C7 2D8 2DB-2DD 384-386 388-38A 38C 38E 38F 401-40C 40E 40F 451-45C 45E \
     45F 490 491 2013-2015 2018-201A 201C-201E 2020-2022 2026 2030 2039 203A 20AC 2116 2122",
));
#[rustfmt::skip]
static CONTINUATION_STRICT: Class = LazyLock::new(|| class(
    "80-BF C6 D8 E6 F8 104 105 13D 13E 141 142 152 153 156 157 15A 15B 15E-161 164 165 178-17E \
     192 2C6 2C7 2D8 2DB-2DD 384-386 388-38A 38C 38E 38F 401-40C 40E 40F 451-45C 45E 45F 490 \
     491 2020 2021 2030 2039 203A 20AC 2116 2122",
));
