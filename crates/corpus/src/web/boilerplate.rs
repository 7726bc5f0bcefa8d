//! Plain text without the lines that stand on every page of a site.

use super::lines::{is_menu_word, reason_of};
use std::borrow::Cow;

/// A run of short lines is a menu from this many on.
const MENU_LINES: usize = 4;

/// The longest line of a menu, in characters.
const MENU_LINE_CHARS: usize = 24;

/// Why a line was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BoilerplateReason {
    /// A notice about cookies or consent.
    Consent,
    /// Buttons to share or follow.
    Share,
    /// A copyright or registration footer.
    Copyright,
    /// An offer to sign in, sign up or subscribe.
    SignUp,
    /// The mark of an advertisement.
    Advertisement,
    /// A menu, a trail of pages, or a link to go on.
    Navigation,
}

impl BoilerplateReason {
    /// A short name, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Share => "share",
            Self::Copyright => "copyright",
            Self::SignUp => "sign-up",
            Self::Advertisement => "advertisement",
            Self::Navigation => "navigation",
        }
    }
}

/// A line that was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DroppedLine {
    /// Its number, from 1.
    pub line: usize,
    /// What it said.
    pub text: String,
    /// Why it was dropped.
    pub reason: BoilerplateReason,
}

/// A text without boilerplate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WithoutBoilerplate<'t> {
    /// The text; borrowed if nothing was dropped.
    pub text: Cow<'t, str>,
    /// What was dropped, in order.
    pub dropped: Vec<DroppedLine>,
}

/// Drops lines that are boilerplate by a rule of their own, and runs of at least four short lines
/// of which half are words of menus. Every other line stays as it is, blank ones too.
pub fn remove_boilerplate(text: &str) -> WithoutBoilerplate<'_> {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut reasons: Vec<Option<BoilerplateReason>> =
        lines.iter().map(|line| reason_of(line)).collect();
    mark_menus(&lines, &mut reasons);
    if reasons.iter().all(Option::is_none) {
        return WithoutBoilerplate { text: Cow::Borrowed(text), dropped: Vec::new() };
    }
    let mut kept = Vec::with_capacity(lines.len());
    let mut dropped = Vec::new();
    for (at, (&line, reason)) in lines.iter().zip(reasons).enumerate() {
        match reason {
            Some(reason) => dropped.push(DroppedLine { line: at + 1, text: line.into(), reason }),
            None => kept.push(line),
        }
    }
    WithoutBoilerplate { text: Cow::Owned(kept.join("\n")), dropped }
}

/// Marks runs of lines that are menus. Blank lines do not end a run.
fn mark_menus(lines: &[&str], reasons: &mut [Option<BoilerplateReason>]) {
    let mut at = 0;
    while at < lines.len() {
        let run = lines[at..].iter().take_while(|line| may_be_menu(line)).count();
        if run < MENU_LINES {
            at += run + 1;
            continue;
        }
        let entries = || lines[at..at + run].iter().filter(|line| !line.trim().is_empty());
        let words = entries().filter(|line| is_menu_word(line)).count();
        if entries().count() >= MENU_LINES && words * 2 >= entries().count() {
            for (line, reason) in lines[at..at + run].iter().zip(&mut reasons[at..at + run]) {
                if !line.trim().is_empty() {
                    reason.get_or_insert(BoilerplateReason::Navigation);
                }
            }
        }
        at += run + 1;
    }
}

/// Whether a line is short and no sentence.
fn may_be_menu(line: &str) -> bool {
    let line = line.trim();
    line.len() <= MENU_LINE_CHARS * 3
        && line.chars().count() <= MENU_LINE_CHARS
        && !line.ends_with(['.', '!', '?', ':', ',', ';', '。', '！', '？', '：', '，', '；'])
}
