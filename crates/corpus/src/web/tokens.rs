//! A page as tags and text.

/// A piece of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'h> {
    /// Text between tags, entities and all.
    Text(&'h str),
    /// A start tag with its attributes as they stand.
    Start {
        /// The name as written.
        name: &'h str,
        /// Everything after the name.
        attributes: &'h str,
    },
    /// An end tag.
    End(&'h str),
    /// What stands in an element whose inside is no markup: script, style, title.
    Raw {
        /// The element's name as written.
        name: &'h str,
        /// Its attributes as they stand.
        attributes: &'h str,
        /// Its inside.
        text: &'h str,
    },
}

/// Elements whose inside is text up to their end tag.
const RAW: [&str; 9] =
    ["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "noscript"];

/// Reads tokens from left to right, as browsers do with broken markup.
pub(super) struct Tokens<'h> {
    rest: &'h str,
    /// Quotes that are known not to come any more, so that looking for them is not repeated.
    no_quotes: [bool; 2],
}

impl<'h> Tokens<'h> {
    pub(super) fn new(html: &'h str) -> Self {
        Self { rest: html, no_quotes: [false; 2] }
    }

    /// Bytes from `rest` (which starts behind a tag's `<`) to its `>`, which may not be in quotes
    /// after an equals sign; all of it if the tag is never closed.
    fn tag_len(&mut self, tag: &str) -> usize {
        let bytes = tag.as_bytes();
        let mut at = 0;
        let mut after_equals = false;
        while at < bytes.len() {
            let byte = bytes[at];
            at += 1;
            match byte {
                b'>' => return at - 1,
                b'"' | b'\'' if after_equals => {
                    let kind = usize::from(byte == b'"');
                    let end =
                        if self.no_quotes[kind] { None } else { tag[at..].find(byte as char) };
                    match end {
                        Some(len) => at += len + 1,
                        None => self.no_quotes[kind] = true,
                    }
                    after_equals = false;
                }
                b'=' => after_equals = true,
                _ if byte.is_ascii_whitespace() => {}
                _ => after_equals = false,
            }
        }
        bytes.len()
    }

    fn skip(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or_default();
    }

    /// A comment, declaration or processing instruction.
    fn skip_declaration(&mut self) {
        let end = if self.rest.starts_with("<!--") {
            self.rest[4..].find("-->").map(|at| at + 7)
        } else if self.rest.starts_with("<![CDATA[") {
            self.rest.find("]]>").map(|at| at + 3)
        } else {
            self.rest.find('>').map(|at| at + 1)
        };
        self.skip(end.unwrap_or(self.rest.len()));
    }

    /// The token at a `<` that starts a tag.
    fn tag(&mut self) -> Token<'h> {
        let is_end = self.rest.starts_with("</");
        let inside = &self.rest[if is_end { 2 } else { 1 }..];
        let is_name_end = |ch: char| ch.is_ascii_whitespace() || ch == '/' || ch == '>';
        let name_len = inside.find(is_name_end).unwrap_or(inside.len());
        let len = name_len + self.tag_len(&inside[name_len..]);
        let (name, attributes) = (&inside[..name_len], &inside[name_len..len]);
        self.rest = inside.get(len + 1..).unwrap_or_default();
        if is_end {
            return Token::End(name);
        }
        if RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
            let text_len = raw_len(self.rest, name);
            let text = &self.rest[..text_len];
            self.skip(text_len);
            return Token::Raw { name, attributes, text };
        }
        Token::Start { name, attributes }
    }
}

/// Bytes before the end tag of `name`.
fn raw_len(text: &str, name: &str) -> usize {
    let is_end = |&at: &usize| {
        text.as_bytes()[at + 2..]
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    };
    text.match_indices("</").map(|(at, _)| at).find(is_end).unwrap_or(text.len())
}

/// Whether a `<` before `rest` starts markup: otherwise it is text.
fn is_markup(rest: &str) -> bool {
    match rest.as_bytes() {
        [b'!' | b'?', ..] => true,
        [b'/', next, ..] | [next, ..] => next.is_ascii_alphabetic(),
        [] => false,
    }
}

impl<'h> Iterator for Tokens<'h> {
    type Item = Token<'h>;

    fn next(&mut self) -> Option<Token<'h>> {
        while !self.rest.is_empty() {
            let start = self
                .rest
                .match_indices('<')
                .map(|(at, _)| at)
                .find(|&at| is_markup(&self.rest[at + 1..]))
                .unwrap_or(self.rest.len());
            if start > 0 {
                let text = &self.rest[..start];
                self.skip(start);
                return Some(Token::Text(text));
            }
            if matches!(self.rest.as_bytes(), [_, b'!' | b'?', ..]) {
                self.skip_declaration();
            } else {
                return Some(self.tag());
            }
        }
        None
    }
}
