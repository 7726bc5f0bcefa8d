//! Reads calls out of an answer while it comes.
//!
//! The answer is held to the grammar of [`super::grammar`], so what stands around names and arguments
//! is known: the parser follows it and passes on what lies between.

use super::cursor::Cursor;
use super::json::ObjectScanner;
use catena_engine::{CallMark, ToolPiece, ToolSyntax};

/// A piece of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What the model thought before its answer.
    Thought(String),
    /// Words.
    Text(String),
    /// A call begins.
    CallStart {
        /// Its place among the calls of the answer.
        index: usize,
        /// Its identity.
        id: String,
        /// The tool.
        name: String,
    },
    /// More of a call's arguments.
    CallArguments {
        /// The call's place.
        index: usize,
        /// A piece of JSON.
        json: String,
    },
}

/// Names the calls: a new identity each time.
pub(crate) type CallIds = Box<dyn FnMut() -> String + Send>;

/// The parser of one answer.
pub(crate) struct CallParser {
    syntax: ToolSyntax,
    mark: CallMark,
    state: State,
    /// Text that may be the beginning of a call, or space before one.
    held: String,
    /// Bytes at the beginning of `held` that are known to be space.
    held_space: usize,
    /// Whether words were passed on.
    has_text: bool,
    calls: usize,
    /// Whether the last call's arguments are whole.
    is_whole: bool,
    ids: CallIds,
}

enum State {
    /// Words, until the mark of a call.
    Text,
    /// Up to the next name.
    Lead(Cursor),
    /// A name so far.
    Name(String),
    /// Between name and arguments.
    Middle(Cursor),
    Arguments(ObjectScanner),
    /// Behind a call: another one or the end.
    Behind {
        next: Option<Cursor>,
        close: Option<Cursor>,
    },
}

impl CallParser {
    /// A parser of calls in `syntax`; with `required` the answer begins with one.
    ///
    /// # Panics
    /// If `syntax` has no mark: such a syntax is never read off a template.
    pub(crate) fn new(syntax: ToolSyntax, required: bool, ids: CallIds) -> Self {
        let mark = syntax.mark().expect("a syntax has a mark");
        let state =
            if required { State::Lead(Cursor::new(&syntax.open_from_mark())) } else { State::Text };
        let held = String::new();
        Self {
            syntax,
            mark,
            state,
            held,
            held_space: 0,
            has_text: false,
            calls: 0,
            is_whole: false,
            ids,
        }
    }

    /// Whether there are calls and the last one is whole.
    pub(crate) fn has_whole_calls(&self) -> bool {
        self.is_whole
    }

    /// Takes a token with the text that became certain with it.
    pub(crate) fn push(&mut self, token: u32, text: &str) -> Vec<Part> {
        let mut parts = Parts::default();
        self.special(token, &mut parts);
        for c in text.chars() {
            self.character(c, &mut parts);
        }
        parts.0
    }

    /// Takes text that came with earlier tokens.
    pub(crate) fn push_text(&mut self, text: &str) -> Vec<Part> {
        let mut parts = Parts::default();
        for c in text.chars() {
            self.character(c, &mut parts);
        }
        parts.0
    }

    /// Takes the text that no token brought, and ends.
    pub(crate) fn finish(&mut self, tail: &str) -> Vec<Part> {
        let mut parts = Parts::default();
        for c in tail.chars() {
            self.character(c, &mut parts);
        }
        parts.text(&std::mem::take(&mut self.held));
        parts.0
    }

    fn special(&mut self, token: u32, parts: &mut Parts) {
        match &mut self.state {
            State::Text if self.mark == CallMark::Special(token) => {
                // Space before a call is not worth telling.
                self.held.clear();
                self.held_space = 0;
                let mut lead = Cursor::new(&self.syntax.open_from_mark());
                lead.take_special(token);
                self.lead(lead);
            }
            State::Text | State::Arguments(_) => {}
            State::Lead(cursor) | State::Middle(cursor) => {
                cursor.take_special(token);
                self.go_on();
            }
            State::Name(name) => {
                let mut middle = Cursor::new(&self.syntax.middle);
                if middle.take_special(token) {
                    let name = std::mem::take(name);
                    self.start_call(name, middle, parts);
                }
            }
            State::Behind { next, close } => {
                let take = |cursor: &mut Option<Cursor>| {
                    cursor.as_mut().is_some_and(|cursor| cursor.take_special(token))
                };
                // Other tokens have text, which comes next.
                match (take(next), take(close)) {
                    (true, false) => *close = None,
                    (false, true) => *next = None,
                    (true, true) | (false, false) => {}
                }
                self.go_on();
            }
        }
    }

    fn character(&mut self, c: char, parts: &mut Parts) {
        match &mut self.state {
            State::Text => self.text(c, parts),
            State::Lead(cursor) | State::Middle(cursor) => {
                cursor.take_char(c);
                self.go_on();
            }
            State::Name(name) => {
                name.push(c);
                let Some(ToolPiece::Text(end)) = self.syntax.middle.first() else { return };
                if let Some(name) = name.strip_suffix(end.as_str()) {
                    let name = name.to_owned();
                    let middle = Cursor::new(&self.syntax.middle[1..]);
                    self.start_call(name, middle, parts);
                }
            }
            State::Arguments(scanner) => {
                let is_last = scanner.ends_with(c);
                if scanner.has_begun() || is_last {
                    parts.arguments(self.calls - 1, c);
                }
                if is_last {
                    self.is_whole = true;
                    let next = self.syntax.next.as_deref().map(Cursor::new);
                    let close = Some(Cursor::new(&self.syntax.close));
                    self.state = State::Behind { next, close };
                }
            }
            State::Behind { next, close } => {
                for cursor in [next, close] {
                    if cursor.as_mut().is_some_and(|cursor| !cursor.take_char(c)) {
                        *cursor = None;
                    }
                }
                self.go_on();
            }
        }
    }

    /// A character of words: passed on unless it may belong to a call.
    fn text(&mut self, c: char, parts: &mut Parts) {
        self.held.push(c);
        let found = match &self.mark {
            CallMark::Special(_) => None,
            // It ends with this character: one that ended before was found before.
            CallMark::Text(mark) => {
                self.held.ends_with(mark.as_str()).then(|| self.held.len() - mark.len())
            }
            CallMark::Start(_) if self.has_text => None,
            CallMark::Start(mark) => (self.held == *mark).then_some(0),
        };
        if let Some(at) = found {
            parts.text(self.held[..at].trim_end());
            let mut lead = Cursor::new(&self.syntax.open_from_mark());
            for c in self.held[at..].chars() {
                lead.take_char(c);
            }
            self.held.clear();
            self.held_space = 0;
            self.lead(lead);
            return;
        }
        let (space, begun) = self.held_suffix();
        self.held_space = space;
        let passed = self.held.len() - space - begun;
        if passed > 0 {
            self.has_text = true;
            parts.text(&self.held[..passed]);
            self.held.drain(..passed);
        }
    }

    /// Bytes at the end of `held` that may belong to a call: space, and the beginning of the mark. Looks at
    /// no space that it has seen before: an answer of nothing else is read in linear time.
    fn held_suffix(&self) -> (usize, usize) {
        let held = self.held.as_str();
        let begun = match &self.mark {
            CallMark::Start(mark) if !self.has_text && mark.starts_with(held) => {
                return (0, held.len());
            }
            CallMark::Special(_) | CallMark::Start(_) => 0,
            CallMark::Text(mark) => (1..mark.len().min(held.len() + 1))
                .rev()
                .filter(|&len| held.is_char_boundary(held.len() - len))
                .find(|&len| mark.starts_with(&held[held.len() - len..]))
                .unwrap_or(0),
        };
        let end = held.len() - begun;
        let known = self.held_space.min(end);
        let words = held[known..end].trim_end();
        let space = if words.is_empty() { end } else { end - known - words.len() };
        (space, begun)
    }

    fn lead(&mut self, cursor: Cursor) {
        self.state = State::Lead(cursor);
        self.go_on();
    }

    /// Leaves states whose text has come.
    fn go_on(&mut self) {
        if let State::Middle(cursor) = &self.state {
            if cursor.is_done() {
                self.state = State::Arguments(ObjectScanner::default());
            }
        } else if let State::Lead(cursor) | State::Behind { next: Some(cursor), .. } = &self.state
            && cursor.is_done()
        {
            self.name();
        }
    }

    fn name(&mut self) {
        self.is_whole = false;
        self.state = State::Name(String::new());
    }

    fn start_call(&mut self, name: String, middle: Cursor, parts: &mut Parts) {
        let id = (self.ids)();
        parts.0.push(Part::CallStart { index: self.calls, id, name });
        self.calls += 1;
        self.state = State::Middle(middle);
        self.go_on();
    }
}

/// Parts so far, neighbours of one kind joined.
#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(Part::Text(known)) => known.push_str(text),
            _ => self.0.push(Part::Text(text.to_owned())),
        }
    }

    fn arguments(&mut self, index: usize, c: char) {
        match self.0.last_mut() {
            Some(Part::CallArguments { json, .. }) => json.push(c),
            _ => self.0.push(Part::CallArguments { index, json: c.to_string() }),
        }
    }
}
