//! XML as a list of starts, ends and texts; damage ends the list.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::QName;
use quick_xml::reader::Reader;
use std::borrow::Cow;

/// One piece of a text in XML.
pub(in crate::source) enum Token<'x> {
    /// An element begins.
    Start(Element<'x>),
    /// An element without content.
    Empty(Element<'x>),
    /// The element of this name, without its prefix, ends.
    End(&'x str),
    /// Text; entities are resolved, unknown ones left as they are.
    Text(Cow<'x, str>),
}

/// The start of an element.
pub(in crate::source) struct Element<'x> {
    start: BytesStart<'x>,
    name: &'x str,
    empty: bool,
}

impl<'x> Element<'x> {
    /// Its name without prefix.
    pub(in crate::source) fn name(&self) -> &'x str {
        self.name
    }

    /// Whether it has no content.
    pub(in crate::source) fn is_empty(&self) -> bool {
        self.empty
    }

    /// The value of the attribute `name`, whatever its prefix.
    pub(in crate::source) fn attribute(&self, name: &str) -> Option<String> {
        self.value(|key| key.local_name().into_inner() == name)
    }

    /// The value of the attribute `name` with prefix and all.
    pub(in crate::source) fn exact(&self, name: &str) -> Option<String> {
        self.value(|key| key.into_inner() == name)
    }

    fn value(&self, is_it: impl Fn(QName<'_>) -> bool) -> Option<String> {
        let mut attributes = self.start.html_attributes();
        let mut attributes = attributes.with_checks(false).flatten();
        let found = attributes.find(|one| is_it(one.key))?;
        let plain = found.normalized_value(XmlVersion::Implicit1_0).ok().map(Cow::into_owned);
        Some(plain.unwrap_or_else(|| found.value.into_owned()))
    }
}

/// The pieces of `xml`.
pub(in crate::source) struct Tokens<'x> {
    xml: &'x str,
    reader: Reader<&'x [u8]>,
}

impl<'x> Tokens<'x> {
    pub(in crate::source) fn new(xml: &'x str) -> Self {
        let mut reader = Reader::from_str(xml);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        Self { xml, reader }
    }

    /// The elements called `name`, by their starts.
    pub(in crate::source) fn called(self, name: &'static str) -> impl Iterator<Item = Element<'x>> {
        self.filter_map(move |token| match token {
            Token::Start(one) | Token::Empty(one) if one.name() == name => Some(one),
            Token::Start(_) | Token::Empty(_) | Token::End(_) | Token::Text(_) => None,
        })
    }

    /// The name of the element at `start`, as a part of the whole text.
    fn element(&self, start: BytesStart<'x>, empty: bool) -> Element<'x> {
        let name = local_name(self.xml, start.name().into_inner());
        Element { start, name, empty }
    }
}

/// The name without prefix, as a part of `xml` so that it outlives the event.
fn local_name<'x>(xml: &'x str, name: &str) -> &'x str {
    let at = (name.as_ptr() as usize).wrapping_sub(xml.as_ptr() as usize);
    let name = xml.get(at..at.wrapping_add(name.len())).unwrap_or("");
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

impl<'x> Iterator for Tokens<'x> {
    type Item = Token<'x>;

    fn next(&mut self) -> Option<Token<'x>> {
        loop {
            return Some(match self.reader.read_event().ok()? {
                Event::Start(start) => Token::Start(self.element(start, false)),
                Event::Empty(start) => Token::Empty(self.element(start, true)),
                Event::End(end) => Token::End(local_name(self.xml, end.name().into_inner())),
                Event::Text(text) => Token::Text(text.into_inner()),
                Event::CData(text) => Token::Text(text.into_inner()),
                Event::GeneralRef(reference) => {
                    let ch = reference.resolve_char_ref().ok().flatten().map(String::from);
                    let named = || resolve_html5_entity(&reference).map(str::to_owned);
                    let text = ch.or_else(named);
                    Token::Text(text.unwrap_or_else(|| format!("&{};", &*reference)).into())
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
                Event::Eof => return None,
            });
        }
    }
}
