//! Tells thoughts from the answer while it comes.

use catena_engine::Vocabulary;

/// What thoughts begin with.
pub(super) const OPEN: &str = "<think>";
/// What they end with.
pub(super) const CLOSE: &str = "</think>";
/// Most bytes that are held because they may be a mark, or space before one.
const MAX_HELD: usize = 256;

/// The parser of one answer.
pub(crate) struct ThoughtParser {
    state: State,
    /// Text that may belong to a mark, or is space around thoughts.
    held: String,
    has_thoughts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but space and the beginning of a mark came.
    Start,
    Thoughts,
    /// Space between thoughts and answer.
    Behind,
    Answer,
}

/// What became certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Thoughts, without the space around them.
    pub(crate) thoughts: String,
    /// The answer.
    pub(crate) answer: String,
}

impl ThoughtParser {
    /// A parser; with `opened` the prompt ended where thoughts begin.
    pub(crate) fn new(opened: bool) -> Self {
        let state = if opened { State::Thoughts } else { State::Start };
        Self { state, held: String::new(), has_thoughts: false }
    }

    /// Whether what comes is thoughts.
    pub(crate) fn is_thinking(&self) -> bool {
        self.state == State::Thoughts
    }

    /// Takes the text that comes next; once the answer has begun it is passed on as it is.
    pub(crate) fn take(&mut self, text: String) -> Told {
        match self.state {
            State::Answer => Told { answer: text, ..Told::default() },
            State::Start | State::Thoughts | State::Behind => self.push(&text),
        }
    }

    /// Takes the text that comes next.
    pub(crate) fn push(&mut self, text: &str) -> Told {
        let mut told = Told::default();
        for c in text.chars() {
            self.character(c, &mut told);
        }
        told
    }

    /// Takes a mark that came as a control token: where it means nothing it is no text.
    pub(crate) fn mark(&mut self, mark: &str) -> Told {
        match (self.state, mark) {
            (State::Start, OPEN) | (State::Thoughts, CLOSE) => self.push(mark),
            (State::Start | State::Thoughts | State::Behind | State::Answer, _) => {
                Told { answer: self.give_up(), ..Told::default() }
            }
        }
    }

    /// Gives the text that was held because thoughts might begin: they do not.
    pub(crate) fn give_up(&mut self) -> String {
        if self.state != State::Start {
            return String::new();
        }
        self.state = State::Answer;
        std::mem::take(&mut self.held)
    }

    /// Takes the last text, and gives what was held.
    pub(crate) fn finish(&mut self, tail: &str) -> Told {
        let mut told = self.push(tail);
        match self.state {
            State::Start | State::Answer => told.answer.push_str(&self.held),
            State::Thoughts => self.think(self.held.trim_end().len(), &mut told),
            State::Behind => {}
        }
        self.held.clear();
        told
    }

    fn character(&mut self, c: char, told: &mut Told) {
        match self.state {
            State::Answer => told.answer.push(c),
            State::Behind if c.is_whitespace() => {}
            State::Behind => {
                self.state = State::Answer;
                told.answer.push(c);
            }
            State::Start => {
                self.held.push(c);
                let begun = self.held.trim_start();
                if begun == OPEN {
                    self.held.clear();
                    self.state = State::Thoughts;
                } else if !OPEN.starts_with(begun) || self.held.len() > MAX_HELD {
                    told.answer.push_str(&self.give_up());
                }
            }
            State::Thoughts => {
                self.held.push(c);
                if let Some(thoughts) = self.held.strip_suffix(CLOSE) {
                    self.think(thoughts.trim_end().len(), told);
                    self.held.clear();
                    self.state = State::Behind;
                } else {
                    let certain = self.held.len() - self.begun_mark();
                    let words = self.held[..certain].trim_end().len();
                    self.think(if certain > MAX_HELD { certain } else { words }, told);
                }
            }
        }
    }

    /// Bytes at the end of what is held that may be the beginning of the mark.
    fn begun_mark(&self) -> usize {
        let most = self.held.len().min(CLOSE.len() - 1);
        let begun = (1..=most).rev().find(|&len| self.held.ends_with(&CLOSE[..len]));
        begun.unwrap_or(0)
    }

    /// Tells the first `len` bytes of what is held, without space before the first thought.
    fn think(&mut self, len: usize, told: &mut Told) {
        let thoughts = &self.held[..len];
        let thoughts = if self.has_thoughts { thoughts } else { thoughts.trim_start() };
        if !thoughts.is_empty() {
            self.has_thoughts = true;
            told.thoughts.push_str(thoughts);
        }
        self.held.drain(..len);
    }
}

/// The mark that the control token `token` is; in some vocabularies they are no text.
pub(crate) fn mark_text(vocabulary: &Vocabulary, token: u32) -> Option<&'static str> {
    let is = |mark: &&str| vocabulary.token_bytes(token) == mark.as_bytes();
    [OPEN, CLOSE].into_iter().find(is).filter(|_| vocabulary.is_special(token))
}
