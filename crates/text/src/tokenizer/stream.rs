//! Text of generated tokens as they come.

use super::encode::Tokenizer;
use super::token_table::{Leading, TokenTable};

/// Turns ids into text piece by piece. The pieces, put together with [`TokenStream::finish`],
/// equal [`Tokenizer::decode`] of all ids with control tokens dropped; no piece ends inside a
/// character.
#[derive(Debug)]
pub struct TokenStream<'t> {
    tokenizer: &'t Tokenizer,
    /// Bytes of an unfinished character (vocabularies whose tokens are bytes).
    pending: Vec<u8>,
    leading: LeadingSpaces,
    /// Ids of the current window (other vocabularies), whose first `prefix_ids` are written.
    window: Vec<u32>,
    prefix_ids: usize,
    prefix_text: String,
}

impl<'t> TokenStream<'t> {
    pub(super) fn new(tokenizer: &'t Tokenizer) -> Self {
        Self {
            tokenizer,
            pending: Vec::new(),
            leading: LeadingSpaces::new(&tokenizer.table),
            window: Vec::new(),
            prefix_ids: 0,
            prefix_text: String::new(),
        }
    }

    /// The text that `id` completes; empty while a character is unfinished or for a control token.
    pub fn push(&mut self, id: u32) -> String {
        if self.tokenizer.is_special(id) {
            return String::new();
        }
        if self.tokenizer.table.is_concatenation() {
            let bytes = self.leading.cut(self.tokenizer.table.bytes(id));
            self.pending.extend_from_slice(bytes);
            take_complete(&mut self.pending)
        } else {
            self.push_window(id)
        }
    }

    /// The rest: U+FFFD for an unfinished character.
    pub fn finish(self) -> String {
        if self.tokenizer.table.is_concatenation() {
            return String::from_utf8_lossy(&self.pending).into_owned();
        }
        let text = self.tokenizer.decode(&self.window, true);
        text.strip_prefix(self.prefix_text.as_str()).map_or_else(String::new, ToOwned::to_owned)
    }

    /// For decoders that look at neighbours: decode a short window with and without the new id and
    /// write the difference once it ends on a whole character.
    fn push_window(&mut self, id: u32) -> String {
        self.window.push(id);
        let text = self.tokenizer.decode(&self.window, true);
        if text.len() <= self.prefix_text.len() || text.ends_with('\u{fffd}') {
            return String::new();
        }
        let piece = text.strip_prefix(self.prefix_text.as_str()).unwrap_or_default().to_owned();
        self.window.drain(..self.prefix_ids);
        self.prefix_ids = self.window.len();
        self.prefix_text = self.tokenizer.decode(&self.window, true);
        piece
    }
}

/// Drops the spaces at the begin of a text that its tokenizer put there.
#[derive(Debug)]
pub(super) struct LeadingSpaces(Leading);

impl LeadingSpaces {
    pub(super) fn new(table: &TokenTable) -> Self {
        Self(table.leading)
    }

    /// What is left of the next token's bytes.
    pub(super) fn cut<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let most = match self.0 {
            Leading::Kept => return bytes,
            Leading::Dropped(most) => most,
            Leading::OfFirstToken => bytes.len(),
        };
        let spaces = bytes.iter().take(most).take_while(|&&byte| byte == b' ').count();
        let ended = spaces < bytes.len() || self.0 == Leading::OfFirstToken || spaces == most;
        self.0 = if ended { Leading::Kept } else { Leading::Dropped(most - spaces) };
        &bytes[spaces..]
    }
}

/// Moves all complete characters out of `pending`; invalid bytes become U+FFFD, as in
/// [`String::from_utf8_lossy`] of the whole.
fn take_complete(pending: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut done = 0;
    loop {
        match std::str::from_utf8(&pending[done..]) {
            Ok(rest) => {
                text.push_str(rest);
                done = pending.len();
                break;
            }
            Err(error) => {
                let valid = &pending[done..done + error.valid_up_to()];
                text.push_str(&String::from_utf8_lossy(valid));
                done += error.valid_up_to();
                let Some(invalid) = error.error_len() else { break };
                text.push('\u{fffd}');
                done += invalid;
            }
        }
    }
    pending.drain(..done);
    text
}
