//! The text around calls.

use super::pieces::{Specials, ToolPiece};
use super::probe;
use crate::template::ChatTemplate;
use crate::tokenizer::Tokenizer;

/// Characters of a call's identity where the model writes it itself, as Mistral's templates ask.
pub const CALL_ID_CHARS: usize = 9;

/// The text around the names and arguments of calls. Arguments are one JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolSyntax {
    /// From the beginning of the calls to the first one's name.
    pub open: Vec<ToolPiece>,
    /// From a call's name to its arguments.
    pub middle: Vec<ToolPiece>,
    /// From a call's arguments to the next one's name; nothing if a turn has one call at most.
    pub next: Option<Vec<ToolPiece>>,
    /// From the last call's arguments to the end of the turn.
    pub close: Vec<ToolPiece>,
}

/// What tells a call from other text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallMark {
    /// This control token, wherever it stands.
    Special(u32),
    /// This text, wherever it stands.
    Text(String),
    /// This text at the beginning of the answer: the call has nothing around it.
    Start(String),
}

impl ToolSyntax {
    /// The syntax that `template` shows; turns end at `eos_tokens`.
    pub fn read(
        template: &ChatTemplate,
        tokenizer: &Tokenizer,
        eos_tokens: &[u32],
    ) -> Option<Self> {
        probe::read(template, &Specials::of(tokenizer, eos_tokens))
    }

    /// Hermes' form, for models whose template shows none: `<tool_call>`, a line of JSON with `name`
    /// and `arguments`, `</tool_call>`.
    pub fn plain() -> Self {
        let text = |text: &str| vec![ToolPiece::Text(text.to_owned())];
        Self {
            open: text("<tool_call>\n{\"name\": \""),
            middle: text("\", \"arguments\": "),
            next: Some(text("}\n</tool_call>\n<tool_call>\n{\"name\": \"")),
            close: text("}\n</tool_call>"),
        }
    }

    /// Whether the model writes the identities of its calls.
    pub fn writes_ids(&self) -> bool {
        let next = self.next.iter().flatten();
        let mut pieces = self.open.iter().chain(&self.middle).chain(next).chain(&self.close);
        pieces.any(|piece| matches!(piece, ToolPiece::CallId))
    }

    /// What tells a call from text; nothing if nothing does.
    pub fn mark(&self) -> Option<CallMark> {
        match self.open_from_mark().first()? {
            ToolPiece::Special(token) => Some(CallMark::Special(*token)),
            ToolPiece::CallId => None,
            ToolPiece::Text(text) => text_mark(text),
        }
    }

    /// [`ToolSyntax::open`] without the space before its mark.
    pub fn open_from_mark(&self) -> Vec<ToolPiece> {
        let mut pieces = self.open.clone();
        while let Some(ToolPiece::Text(text)) = pieces.first_mut() {
            *text = text.trim_start().to_owned();
            if !text.is_empty() {
                break;
            }
            pieces.remove(0);
        }
        pieces
    }
}

/// The shortest beginning of `open` that no other text is likely to hold.
fn text_mark(open: &str) -> Option<CallMark> {
    if open.starts_with(['{', '[']) && !open.contains(']') {
        // A key in quotes; without one any list or object would be a call.
        let key = open.find("\":").map(|at| at + 1)?;
        return Some(CallMark::Start(open[..key].to_owned()));
    }
    let end = open
        .find(['>', ']'])
        .map(|at| at + 1)
        .or_else(|| open.find(|c: char| c.is_whitespace() || c == '{'));
    let mark = &open[..end.unwrap_or(open.len())];
    const SHORTEST: usize = 3;
    (mark.len() >= SHORTEST).then(|| CallMark::Text(mark.to_owned()))
}
