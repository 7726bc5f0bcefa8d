//! The repair of a whole text.

use super::characters::{
    is_control, is_form, ligature, straight_quote, usual_width, without_terminal_escapes,
};
use super::encoding::{fix_controls, fix_encoding, has_controls};
use super::entities::unescape;
use super::gbk::fix_gbk;
use super::options::{Done, RepairFix, RepairOptions, Repaired};
use super::scan::{kind, kinds_in};
use std::borrow::Cow;

/// Rounds over a line, each of which may uncover more (an entity that was mojibake).
const MAX_ROUNDS: usize = 8;

/// Longer lines are cut into pieces of this many bytes before their encoding is looked at.
const MAX_LINE_BYTES: usize = 1 << 20;

/// The three characters that two replacement characters become when read as GBK.
const LOST_AS_GBK: &str = "锟斤拷";

/// Repairs a text line by line, each as its own damage asks.
pub fn repair<'t>(text: &'t str, options: &RepairOptions) -> Repaired<'t> {
    let mut done = Done::default();
    let kinds = kinds_in(text);
    if !may_need_repair(kinds, *options) {
        return Repaired { text: Cow::Borrowed(text), fixes: Vec::new(), lost: 0 };
    }
    let mut options = *options;
    let mut repaired = String::new();
    let mut copied = 0;
    let mut start = 0;
    for line in lines_of(text) {
        let end = start + line.len();
        let line_kinds = kinds_in(line);
        options.entities &= line_kinds & kind::MARKUP == 0;
        if may_need_repair(line_kinds, options)
            && let Some(fixed) = repair_line(line, options, &mut done)
        {
            repaired.push_str(&text[copied..start]);
            repaired.push_str(&fixed);
            copied = end;
        }
        start = end;
    }
    let text = if copied == 0 {
        done.0.clear();
        Cow::Borrowed(text)
    } else {
        repaired.push_str(&text[copied..]);
        Cow::Owned(repaired)
    };
    let lost = if kinds & (kind::FORM | kind::ASIAN | kind::SINGLE_BYTE) == 0 {
        0
    } else {
        text.matches(char::REPLACEMENT_CHARACTER).count() + 2 * text.matches(LOST_AS_GBK).count()
    };
    Repaired { text, fixes: done.0, lost }
}

/// Whether bytes of these kinds can need any repair that is wanted.
fn may_need_repair(kinds: u8, options: RepairOptions) -> bool {
    let mut wanted = kind::FORM;
    let entry = |on: bool, kinds: u8| if on { kinds } else { 0 };
    wanted |= entry(options.encoding, kind::SINGLE_BYTE | kind::SIGN);
    wanted |= entry(options.gbk, kind::SINGLE_BYTE | kind::ASIAN);
    wanted |= entry(options.entities, kind::ENTITY);
    wanted |= entry(options.terminal_escapes || options.control_characters, kind::CONTROL);
    wanted |= entry(options.ligatures, kind::SINGLE_BYTE);
    wanted |= entry(options.width, kind::ASIAN);
    wanted |= entry(options.quotes, kind::SIGN | kind::SINGLE_BYTE);
    kinds & wanted != 0
}

/// Lines with their ends; very long ones in pieces.
fn lines_of(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let bytes = &rest.as_bytes()[..rest.len().min(MAX_LINE_BYTES)];
        let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1);
        let end = (end..rest.len()).find(|&at| rest.is_char_boundary(at)).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after;
        Some(line)
    })
}

/// Repairs one line; `None` if nothing was to be done.
fn repair_line(line: &str, options: RepairOptions, done: &mut Done) -> Option<String> {
    let mut fixed: Option<String> = None;
    for _ in 0..MAX_ROUNDS {
        match repair_once(fixed.as_deref().unwrap_or(line), options, done) {
            Some(next) => fixed = Some(next),
            None => break,
        }
    }
    fixed.filter(|fixed| fixed != line)
}

/// One round of all repairs.
fn repair_once(line: &str, options: RepairOptions, done: &mut Done) -> Option<String> {
    let mut text = Cow::Borrowed(line);
    if options.entities
        && let Some(unescaped) = unescape(&text)
    {
        done.add(RepairFix::Entities);
        text = Cow::Owned(unescaped);
    }
    // Before the repair by pieces, which would take some of its bytes for UTF-8.
    if options.gbk
        && let Some(fixed) = fix_gbk(&text, done)
    {
        text = Cow::Owned(fixed);
    }
    if options.encoding {
        if let Some(fixed) = fix_encoding(&text, done) {
            text = Cow::Owned(fixed);
        }
        if has_controls(&text) {
            done.add(RepairFix::Windows1252Punctuation);
            text = Cow::Owned(fix_controls(&text));
        }
    }
    if options.terminal_escapes
        && let Some(plain) = without_terminal_escapes(&text)
    {
        done.add(RepairFix::TerminalEscapes);
        text = Cow::Owned(plain);
    }
    if let Some(fixed) = repair_characters(&text, options, done) {
        text = Cow::Owned(fixed);
    }
    match text {
        Cow::Owned(fixed) if fixed != line => Some(fixed),
        Cow::Owned(_) | Cow::Borrowed(_) => None,
    }
}

/// Repairs of single characters; `None` if there are none.
fn repair_characters(line: &str, options: RepairOptions, done: &mut Done) -> Option<String> {
    let fix_of = |ch: char| {
        if ch.is_ascii() && !ch.is_ascii_control() {
            None
        } else if options.ligatures && ligature(ch).is_some() {
            Some(RepairFix::Ligatures)
        } else if options.width && is_form(ch) {
            Some(RepairFix::Width)
        } else if options.quotes && straight_quote(ch).is_some() {
            Some(RepairFix::Quotes)
        } else if options.control_characters && is_control(ch) {
            Some(RepairFix::ControlCharacters)
        } else {
            None
        }
    };
    let first = line.find(|ch| fix_of(ch).is_some())?;
    let mut fixed = String::with_capacity(line.len());
    fixed.push_str(&line[..first]);
    for ch in line[first..].chars() {
        let fix = fix_of(ch);
        if let Some(fix) = fix {
            done.add(fix);
        }
        match fix {
            Some(RepairFix::Ligatures) => fixed.push_str(ligature(ch).unwrap_or_default()),
            Some(RepairFix::Width) => fixed.extend(usual_width(ch)),
            Some(RepairFix::Quotes) => fixed.extend(straight_quote(ch)),
            Some(RepairFix::ControlCharacters) => {}
            _ => fixed.push(ch),
        }
    }
    Some(fixed)
}
