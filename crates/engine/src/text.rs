//! From token bytes to text that is safe to show: whole characters, never part of a stop string.

/// What a token added to the output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Text that is now certain.
    pub(crate) text: String,
    /// The stop string that was completed; `text` ends before it, or with it if that was asked
    /// for.
    pub(crate) stop: Option<String>,
}

/// Assembles the text of one output.
#[derive(Debug)]
pub(crate) struct TextAssembler {
    stop: Vec<String>,
    /// Whether the stop string that ends the output is part of it.
    include_stop: bool,
    /// Bytes of a character that is not complete yet; at most 3.
    partial_char: Vec<u8>,
    /// Text that may be the beginning of a stop string.
    held: String,
}

impl TextAssembler {
    /// An empty output that ends at any of `stop`, none of them empty, or behind it if
    /// `include_stop`.
    pub(crate) fn new(stop: Vec<String>, include_stop: bool) -> Self {
        Self { stop, include_stop, partial_char: Vec::new(), held: String::new() }
    }

    /// Adds a token's bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Piece {
        self.partial_char.extend_from_slice(bytes);
        take_complete(&mut self.partial_char, &mut self.held);
        if let Some((at, len)) = self.first_stop() {
            let stop = self.held[at..at + len].to_owned();
            self.held.truncate(if self.include_stop { at + len } else { at });
            self.partial_char.clear();
            return Piece { text: std::mem::take(&mut self.held), stop: Some(stop) };
        }
        let keep = self.held_suffix();
        let tail = self.held.split_off(self.held.len() - keep);
        Piece { text: std::mem::replace(&mut self.held, tail), stop: None }
    }

    /// Ends the output: what was held back is text after all.
    pub(crate) fn finish(&mut self) -> String {
        let mut rest = std::mem::take(&mut self.held);
        rest.push_str(&String::from_utf8_lossy(&self.partial_char));
        self.partial_char.clear();
        rest
    }

    /// Where the first stop string stands in `held`, and its length; the shortest if several
    /// begin there.
    fn first_stop(&self) -> Option<(usize, usize)> {
        let found = |stop: &String| Some((self.held.find(stop.as_str())?, stop.len()));
        self.stop.iter().filter_map(found).min()
    }

    /// Bytes at the end of `held` that begin some stop string; the longest such suffix.
    fn held_suffix(&self) -> usize {
        let longest = self.stop.iter().map(|stop| stop.len().saturating_sub(1)).max().unwrap_or(0);
        (1..=longest.min(self.held.len()))
            .rev()
            .filter(|&len| self.held.is_char_boundary(self.held.len() - len))
            .find(|&len| {
                let suffix = &self.held[self.held.len() - len..];
                self.stop.iter().any(|stop| stop.len() > len && stop.starts_with(suffix))
            })
            .unwrap_or(0)
    }
}

/// Moves the decodable front of `bytes` behind `text`, invalid sequences as U+FFFD, and leaves an
/// incomplete character.
fn take_complete(bytes: &mut Vec<u8>, text: &mut String) {
    let mut rest: &[u8] = bytes;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                rest = &[];
                break;
            }
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                text.push_str(std::str::from_utf8(valid).expect("checked up to here"));
                let Some(invalid) = error.error_len() else {
                    rest = after;
                    break;
                };
                text.push(char::REPLACEMENT_CHARACTER);
                rest = &after[invalid..];
            }
        }
    }
    let taken = bytes.len() - rest.len();
    bytes.drain(..taken);
}
