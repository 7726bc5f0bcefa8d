//! Where a JSON object ends.

/// Follows one JSON object character by character.
#[derive(Debug, Default)]
pub(super) struct ObjectScanner {
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

impl ObjectScanner {
    /// Whether the object has begun.
    pub(super) fn has_begun(&self) -> bool {
        self.depth > 0
    }

    /// Takes the next character; says whether it is the object's last.
    pub(super) fn ends_with(&mut self, c: char) -> bool {
        if self.in_string {
            let was_escaped = std::mem::take(&mut self.is_escaped);
            match c {
                '\\' if !was_escaped => self.is_escaped = true,
                '"' if !was_escaped => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match c {
            '"' => self.in_string = true,
            '{' | '[' => self.depth += 1,
            '}' | ']' => {
                self.depth = self.depth.saturating_sub(1);
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
