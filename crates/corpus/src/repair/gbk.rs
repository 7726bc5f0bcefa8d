//! Chinese that was read in the wrong encoding.
//!
//! Two accidents are common: GBK read as Latin-1 (`ÄãºÃ` for 你好) and UTF-8 read as GBK
//! (`浣犲ソ`). Both can be undone as long as no byte was lost. A run of characters is repaired
//! only if all of it reads the other way, and what comes out is common where what stands is not.

use super::options::{Done, RepairFix};
use encoding_rs::GBK;
use std::sync::LazyLock;

/// Bytes that Latin-1 shows as at least this many letters in a row are no word of a language
/// that uses them.
const MIN_LATIN_RUN: usize = 4;

/// Runs of Chinese shorter than this say too little.
const MIN_HAN_RUN: usize = 3;

/// Of the characters of real text, at least this share is of the first level of GB 2312, the
/// 3,755 common ones.
const COMMON_SHARE: f32 = 0.7;

/// Of the characters that UTF-8 read as GBK gives, a third begin with the first two bytes of a
/// UTF-8 sequence for Chinese; real text has them once in a hundred. Punctuation between lowers
/// the share.
const MIN_TELLTALES: usize = 6;

/// First and last of the unified ideographs.
const FIRST: char = '\u{4E00}';
const LAST: char = '\u{9FFF}';

/// The ideographs whose GBK bytes are the first two of a UTF-8 sequence for an ideograph, by
/// their place from the first.
static TELLTALES: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let mut telltales = vec![false; LAST as usize - FIRST as usize + 1];
    for lead in 0xE4..=0xE9 {
        for trail in 0x80..=0xBF {
            let bytes = [lead, trail];
            let text = GBK.decode_without_bom_handling(&bytes).0;
            let place =
                text.chars().next().and_then(|ch| (ch as usize).checked_sub(FIRST as usize));
            if let Some(telltale) = place.and_then(|place| telltales.get_mut(place)) {
                *telltale = true;
            }
        }
    }
    telltales
});

/// Whether a line can have any run to repair: enough of the telltale characters, or Latin-1
/// letters beside each other.
fn may_need(line: &str) -> bool {
    let telltales = &*TELLTALES;
    let (mut told, mut wide, mut last_is_latin) = (0_usize, 0_usize, false);
    let mut has_latin_pair = false;
    for ch in line.chars() {
        if ch.is_ascii() {
            last_is_latin = false;
            continue;
        }
        let is_latin = ch <= '\u{FE}';
        has_latin_pair |= is_latin && last_is_latin;
        last_is_latin = is_latin;
        wide += usize::from(!is_latin);
        let place = (ch as usize).wrapping_sub(FIRST as usize);
        told += usize::from(telltales.get(place).copied().unwrap_or(false));
    }
    has_latin_pair || (told > 0 && told * MIN_TELLTALES >= wide) || (told > 0 && wide > MANY)
}

/// In a line this long a part may be damaged and the rest not, so that shares say little.
const MANY: usize = 512;

/// Repairs the runs of a line; `None` if there is none to repair.
pub(super) fn fix_gbk(line: &str, done: &mut Done) -> Option<String> {
    if !may_need(line) {
        return None;
    }
    let mut fixed = String::with_capacity(line.len());
    let mut changed = false;
    let mut rest = line;
    while let Some(start) = rest.find(|ch: char| !ch.is_ascii()) {
        fixed.push_str(&rest[..start]);
        let len = rest[start..].find(|ch: char| ch.is_ascii()).unwrap_or(rest.len() - start);
        let run = &rest[start..start + len];
        let repaired = if run.chars().all(|ch| ('\u{A1}'..='\u{FE}').contains(&ch)) {
            latin_run(run).map(|text| (text, RepairFix::GbkAsLatin1))
        } else {
            han_run(run).map(|text| (text, RepairFix::Utf8AsGbk))
        };
        match repaired {
            Some((text, fix)) => {
                fixed.push_str(&text);
                done.add(fix);
                changed = true;
            }
            None => fixed.push_str(run),
        }
        rest = &rest[start + len..];
    }
    fixed.push_str(rest);
    changed.then_some(fixed)
}

/// The Chinese behind a run of Latin-1 letters. One that reads as UTF-8 is the business of the
/// other repair: what `Ã©Ã¨` would be in GBK are common characters too.
fn latin_run(run: &str) -> Option<String> {
    let bytes: Vec<u8> = run.chars().filter_map(|ch| u8::try_from(ch as u32).ok()).collect();
    let is_utf8 = std::str::from_utf8(&bytes).is_ok();
    if bytes.len() < MIN_LATIN_RUN || bytes.len() % 2 == 1 || is_utf8 {
        return None;
    }
    let text = GBK.decode_without_bom_handling_and_without_replacement(&bytes)?;
    (common_share(&text) >= COMMON_SHARE).then(|| text.into_owned())
}

/// The text behind a run of uncommon Chinese.
fn han_run(run: &str) -> Option<String> {
    let chars = run.chars().count();
    let is_telltale = |ch: &char| {
        TELLTALES.get((*ch as usize).wrapping_sub(FIRST as usize)).copied().unwrap_or(false)
    };
    let told = run.chars().filter(is_telltale).count();
    if chars < MIN_HAN_RUN || told * MIN_TELLTALES < chars || common_share(run) >= COMMON_SHARE {
        return None;
    }
    let (bytes, _, has_unmappable) = GBK.encode(run);
    if has_unmappable {
        return None;
    }
    let text = std::str::from_utf8(&bytes).ok()?;
    let is_shorter = text.chars().count() < chars;
    (is_shorter && common_share(text) >= COMMON_SHARE).then(|| text.to_owned())
}

/// The share of characters that are of the first level of GB 2312 or Chinese punctuation.
fn common_share(text: &str) -> f32 {
    let (mut common, mut all) = (0_u32, 0_u32);
    for ch in text.chars() {
        all += 1;
        let mut utf8 = [0; 4];
        let (bytes, ..) = GBK.encode(ch.encode_utf8(&mut utf8));
        common += u32::from(matches!(*bytes, [0xB0..=0xD7 | 0xA1 | 0xA3, 0xA1..=0xFE]));
    }
    if all == 0 { 0.0 } else { common as f32 / all as f32 }
}
