//! A place in text that is known beforehand.

use catena_engine::{CALL_ID_CHARS, ToolPiece};

/// How far an output has come in `pieces`.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    pieces: Vec<ToolPiece>,
    piece: usize,
    /// Bytes of a text or characters of an identity that came.
    came: usize,
}

impl Cursor {
    /// At the beginning of `pieces`.
    pub(super) fn new(pieces: &[ToolPiece]) -> Self {
        Self { pieces: pieces.to_vec(), piece: 0, came: 0 }
    }

    /// Whether all of it came.
    pub(super) fn is_done(&self) -> bool {
        self.piece == self.pieces.len()
    }

    /// Goes on by `c`, if that is what comes next.
    pub(super) fn take_char(&mut self, c: char) -> bool {
        let (comes, step, len) = match self.pieces.get(self.piece) {
            Some(ToolPiece::Text(text)) => {
                (text[self.came..].starts_with(c), c.len_utf8(), text.len())
            }
            Some(ToolPiece::CallId) => (c.is_ascii_alphanumeric(), 1, CALL_ID_CHARS),
            Some(ToolPiece::Special(_)) | None => return false,
        };
        if comes {
            self.came += step;
            if self.came == len {
                (self.piece, self.came) = (self.piece + 1, 0);
            }
        }
        comes
    }

    /// Goes on by a control token, if that is what comes next.
    pub(super) fn take_special(&mut self, token: u32) -> bool {
        let comes =
            self.came == 0 && self.pieces.get(self.piece) == Some(&ToolPiece::Special(token));
        self.piece += usize::from(comes);
        comes
    }
}
