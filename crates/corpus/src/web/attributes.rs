//! Attributes of a tag.

use html_escape::decode_html_entities;
use std::borrow::Cow;

/// More attributes than this are not looked at.
const MAX_ATTRIBUTES: usize = 64;

/// Reads names and raw values of attributes, as they stand in a tag.
pub(super) struct Attributes<'h> {
    rest: &'h str,
}

impl<'h> Attributes<'h> {
    pub(super) fn new(attributes: &'h str) -> Self {
        Self { rest: attributes }
    }

    /// The raw value of one attribute.
    pub(super) fn raw(attributes: &'h str, wanted: &str) -> Option<&'h str> {
        Self::new(attributes)
            .take(MAX_ATTRIBUTES)
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    }

    /// The value of one attribute, without entities and outer space; `None` if empty.
    pub(super) fn value(attributes: &'h str, wanted: &str) -> Option<Cow<'h, str>> {
        let value = decode_html_entities(Self::raw(attributes, wanted)?.trim());
        (!value.is_empty()).then_some(value)
    }
}

impl<'h> Iterator for Attributes<'h> {
    type Item = (&'h str, &'h str);

    fn next(&mut self) -> Option<Self::Item> {
        let is_gap = |ch: char| ch.is_ascii_whitespace() || ch == '/';
        self.rest = self.rest.trim_start_matches(is_gap);
        if self.rest.is_empty() {
            return None;
        }
        // An equals sign at the start belongs to the name.
        let after_first = self.rest.chars().next().map_or(0, char::len_utf8);
        let name_len = self.rest[after_first..]
            .find(|ch: char| is_gap(ch) || ch == '=')
            .map_or(self.rest.len(), |at| at + after_first);
        let (name, rest) = self.rest.split_at(name_len);
        let Some(value) = rest.trim_ascii_start().strip_prefix('=') else {
            self.rest = rest;
            return Some((name, ""));
        };
        let value = value.trim_ascii_start();
        let quoted =
            |quote: char| value.strip_prefix(quote).and_then(|rest| rest.split_once(quote));
        let (value, rest) = quoted('"').or_else(|| quoted('\'')).unwrap_or_else(|| {
            let len = value.find(|ch: char| ch.is_ascii_whitespace()).unwrap_or(value.len());
            value.split_at(len)
        });
        self.rest = rest;
        Some((name, value))
    }
}
