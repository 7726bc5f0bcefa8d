//! What to repair, and what was.

use super::charsets::Charset;
use std::borrow::Cow;

/// Which repairs are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepairOptions {
    /// Undo reading UTF-8 as a single-byte encoding.
    pub encoding: bool,
    /// Undo reading GBK as Latin-1, and UTF-8 as GBK.
    pub gbk: bool,
    /// Put characters in place of HTML entities, up to the first line with a `<`: after that the
    /// text is taken for HTML, where entities mean something.
    pub entities: bool,
    /// Take out terminal escape sequences (colours).
    pub terminal_escapes: bool,
    /// Take out control characters that are no white space.
    pub control_characters: bool,
    /// Write single-character ligatures of Latin letters as letters.
    pub ligatures: bool,
    /// Write full-width ASCII and half-width kana in their usual width. Off by default, because
    /// full-width punctuation is right in Chinese and Japanese.
    pub width: bool,
    /// Write curly quotes as straight ones. Off by default.
    pub quotes: bool,
}

impl Default for RepairOptions {
    fn default() -> Self {
        Self {
            encoding: true,
            gbk: true,
            entities: true,
            terminal_escapes: true,
            control_characters: true,
            ligatures: true,
            width: false,
            quotes: false,
        }
    }
}

/// A text after repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired<'t> {
    /// The text; borrowed if nothing was done.
    pub text: Cow<'t, str>,
    /// What was done, each once, in the order of first use.
    pub fixes: Vec<RepairFix>,
    /// Characters that are lost for good: replacement characters, and the `锟斤拷` that they
    /// become when read as GBK (two lost characters each).
    pub lost: usize,
}

/// One kind of repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RepairFix {
    /// UTF-8 had been read as this encoding.
    Encoding(Charset),
    /// Pieces of the text had been.
    EncodingInPart,
    /// A byte between words had been turned from a no-break space to a space inside a character.
    SpaceInCharacter,
    /// What was left of characters whose bytes are lost became replacement characters.
    LostBytes,
    /// Latin-1 control characters were Windows-1252 punctuation.
    Windows1252Punctuation,
    /// GBK had been read as Latin-1.
    GbkAsLatin1,
    /// UTF-8 had been read as GBK.
    Utf8AsGbk,
    /// HTML entities.
    Entities,
    /// Terminal escapes.
    TerminalEscapes,
    /// Control characters.
    ControlCharacters,
    /// Ligatures.
    Ligatures,
    /// Wide and narrow forms.
    Width,
    /// Curly quotes.
    Quotes,
}

impl RepairFix {
    /// A short name, for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Encoding(charset) => charset.name(),
            Self::EncodingInPart => "encoding-in-part",
            Self::SpaceInCharacter => "space-in-character",
            Self::LostBytes => "lost-bytes",
            Self::Windows1252Punctuation => "windows-1252-punctuation",
            Self::GbkAsLatin1 => "gbk-as-latin-1",
            Self::Utf8AsGbk => "utf-8-as-gbk",
            Self::Entities => "entities",
            Self::TerminalEscapes => "terminal-escapes",
            Self::ControlCharacters => "control-characters",
            Self::Ligatures => "ligatures",
            Self::Width => "width",
            Self::Quotes => "quotes",
        }
    }
}

/// The repairs of a text so far.
#[derive(Debug, Default)]
pub(super) struct Done(pub(super) Vec<RepairFix>);

impl Done {
    pub(super) fn add(&mut self, fix: RepairFix) {
        if !self.0.contains(&fix) {
            self.0.push(fix);
        }
    }
}
