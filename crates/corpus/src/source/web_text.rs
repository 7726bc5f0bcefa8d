//! The plain text of XHTML, as electronic books hold it: all of it, in the lines in which it
//! would be shown. What of a web page is its content is another matter, and not decided here.

use super::office::xml::{Token, Tokens};

/// Elements that stand in lines of their own.
const BLOCKS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];

/// Elements whose blocks are parted by a blank line.
const APART: [&str; 12] =
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol", "table"];

/// Elements that are not text.
const HIDDEN: [&str; 7] = ["head", "script", "style", "svg", "math", "template", "noscript"];

/// The text of a page of XHTML. Damaged markup ends the text where it is damaged.
pub(in crate::source) fn text_of(page: &str) -> String {
    let mut text = Flow::default();
    let (mut hidden, mut kept) = (0usize, 0usize);
    for token in Tokens::new(page) {
        match token {
            Token::Start(element) | Token::Empty(element) if HIDDEN.contains(&element.name()) => {
                hidden += usize::from(!element.is_empty());
            }
            Token::End(name) if HIDDEN.contains(&name) => hidden = hidden.saturating_sub(1),
            _ if hidden > 0 => {}
            Token::Start(element) | Token::Empty(element) => {
                let name = element.name();
                match name {
                    "br" => text.line(),
                    "td" | "th" => text.cell(),
                    _ if APART.contains(&name) => text.apart(),
                    _ if BLOCKS.contains(&name) => text.line(),
                    _ => {}
                }
                kept += usize::from(name == "pre" && !element.is_empty());
            }
            Token::End(name) => {
                kept -= usize::from(name == "pre").min(kept);
                if APART.contains(&name) {
                    text.apart();
                } else if BLOCKS.contains(&name) {
                    text.line();
                }
            }
            Token::Text(words) if kept > 0 => text.keep(&words),
            Token::Text(words) => text.add(&words),
        }
    }
    text.finish()
}

/// Text that is being put together: white space is folded, and breaks are only made between two
/// pieces of text.
#[derive(Default)]
pub(in crate::source) struct Flow {
    text: String,
    gap: Gap,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Cell,
    Line,
    Apart,
}

impl Flow {
    /// The next text begins a line.
    pub(in crate::source) fn line(&mut self) {
        self.gap = self.gap.max(Gap::Line);
    }

    /// A blank line stands before the next text.
    pub(in crate::source) fn apart(&mut self) {
        self.gap = Gap::Apart;
    }

    /// A tab stands before the next text of the line.
    pub(in crate::source) fn cell(&mut self) {
        self.gap = self.gap.max(Gap::Cell);
    }

    /// Adds text, its white space folded.
    pub(in crate::source) fn add(&mut self, words: &str) {
        let is_space = |ch: char| ch.is_ascii_whitespace();
        if words.starts_with(is_space) {
            self.gap = self.gap.max(Gap::Space);
        }
        for word in words.split(is_space).filter(|word| !word.is_empty()) {
            self.close();
            self.text.push_str(word);
            self.gap = Gap::Space;
        }
        if !words.ends_with(is_space) && !words.is_empty() {
            self.gap = if self.gap == Gap::Space { Gap::None } else { self.gap };
        }
    }

    /// Adds text as it stands.
    pub(in crate::source) fn keep(&mut self, words: &str) {
        if !words.is_empty() {
            self.close();
            self.text.push_str(words);
        }
    }

    fn close(&mut self) {
        let gap = std::mem::take(&mut self.gap);
        if self.text.is_empty() {
            return;
        }
        self.text.push_str(match gap {
            Gap::None => "",
            Gap::Space if self.text.ends_with(char::is_whitespace) => "",
            Gap::Space => " ",
            Gap::Cell => "\t",
            Gap::Line => "\n",
            Gap::Apart => "\n\n",
        });
    }

    /// The text.
    pub(in crate::source) fn finish(self) -> String {
        self.text
    }
}
