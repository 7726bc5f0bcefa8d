//! The values of a JSON list, or of JSON values one after the other, found without parsing them,
//! so that one that is broken or too long does not spoil the others.

use super::raw::sample;
use super::window::{Stream, Window};
use memchr::{memchr_iter, memchr2};
use std::io;

/// One value, as bytes.
pub(super) enum Chunk<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Longer than allowed: only its length and its beginning are known.
    TooLong { bytes: u64, limit: u64, sample: String },
    /// Something between the values is wrong.
    Broken(&'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first byte.
    Start,
    /// In a list, before its first value.
    First,
    /// In a list, behind a value.
    Next,
    /// Behind the list.
    After,
    /// Values stand one after the other.
    Sequence,
    /// Nothing follows.
    Ended,
}

/// The values of a stream.
pub(super) struct Chunks {
    window: Window,
    limit: usize,
    state: State,
    line: u64,
    /// Bytes of the window that the value before took.
    taken: usize,
}

impl Chunks {
    pub(super) fn new(stream: Stream, limit: usize) -> Self {
        Self { window: Window::new(stream), limit, state: State::Start, line: 1, taken: 0 }
    }

    /// The line that is being read, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next value and the line where it begins; none at the end.
    pub(super) fn next_chunk(&mut self) -> io::Result<Option<(u64, Chunk<'_>)>> {
        let taken = std::mem::take(&mut self.taken);
        self.pass(taken);
        loop {
            let byte = self.skip_space()?;
            let line = self.line;
            let broken = |message| Ok(Some((line, Chunk::Broken(message))));
            match (self.state, byte) {
                (State::Start, Some(b'[')) | (State::Next, Some(b',')) => {
                    self.step(1, State::First);
                }
                (State::Start, _) => self.state = State::Sequence,
                (State::First | State::Next, Some(b']')) => self.step(1, State::After),
                (State::Next, Some(_)) => {
                    self.state = State::First;
                    return broken("expected `,` or `]` behind a value of the list");
                }
                (State::First | State::Next, None) => {
                    self.state = State::Ended;
                    return broken("the file ends in the middle of a list");
                }
                (State::After, Some(_)) => {
                    self.state = State::Ended;
                    return broken("something follows the list");
                }
                (State::After | State::Sequence | State::Ended, None) | (State::Ended, _) => {
                    return Ok(None);
                }
                (State::First, Some(_)) => {
                    self.state = State::Next;
                    return Ok(Some((line, self.value()?)));
                }
                (State::Sequence, Some(_)) => return Ok(Some((line, self.value()?))),
            }
        }
    }

    fn step(&mut self, bytes: usize, state: State) {
        self.window.consume(bytes);
        self.state = state;
    }

    /// Moves on by `bytes` and counts their lines.
    fn pass(&mut self, bytes: usize) {
        self.line += memchr_iter(b'\n', &self.window.bytes()[..bytes]).count() as u64;
        self.window.consume(bytes);
    }

    /// The first byte that is no white space.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            let bytes = self.window.bytes();
            let space = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = bytes.get(space).copied();
            self.pass(space);
            if next.is_some() || !self.window.fill()? {
                return Ok(next);
            }
        }
    }

    fn value(&mut self) -> io::Result<Chunk<'_>> {
        let mut scan = Scan::default();
        let mut scanned = 0;
        loop {
            let bytes = self.window.bytes();
            if let Some(length) = scan.end_of(bytes, scanned) {
                self.taken = length;
                return Ok(self.chunk(length));
            }
            scanned = bytes.len();
            if scanned > self.limit {
                return self.skip_rest(scan);
            }
            if !self.window.fill()? {
                self.taken = scanned;
                return Ok(self.chunk(scanned));
            }
        }
    }

    fn chunk(&self, length: usize) -> Chunk<'_> {
        let bytes = &self.window.bytes()[..length];
        if length <= self.limit {
            return Chunk::Whole(bytes);
        }
        let (bytes, sample) = (length as u64, sample(bytes));
        Chunk::TooLong { bytes, limit: self.limit as u64, sample }
    }

    /// Passes over a value that is too long.
    fn skip_rest(&mut self, mut scan: Scan) -> io::Result<Chunk<'_>> {
        let (limit, sample) = (self.limit as u64, sample(self.window.bytes()));
        let mut length = self.window.bytes().len() as u64;
        self.pass(self.window.bytes().len());
        loop {
            if !self.window.fill()? {
                return Ok(Chunk::TooLong { bytes: length, limit, sample });
            }
            if let Some(end) = scan.end_of(self.window.bytes(), 0) {
                self.taken = end;
                return Ok(Chunk::TooLong { bytes: length + end as u64, limit, sample });
            }
            let held = self.window.bytes().len();
            length += held as u64;
            self.pass(held);
        }
    }
}

/// Follows brackets and strings to the end of a value.
#[derive(Default)]
struct Scan {
    depth: u64,
    in_text: bool,
    escaped: bool,
    started: bool,
}

impl Scan {
    /// Where the value ends, looking at `bytes` from `at` on.
    fn end_of(&mut self, bytes: &[u8], mut at: usize) -> Option<usize> {
        while at < bytes.len() {
            if self.escaped {
                self.escaped = false;
                at += 1;
            } else if self.in_text {
                at += memchr2(b'"', b'\\', &bytes[at..]).unwrap_or(bytes.len() - at);
                match bytes.get(at) {
                    Some(b'"') => self.in_text = false,
                    Some(_) => self.escaped = true,
                    None => return None,
                }
                at += 1;
                if !self.in_text && self.depth == 0 {
                    return Some(at);
                }
            } else {
                let first = !self.started;
                self.started = true;
                match bytes[at] {
                    b'"' if first || self.depth > 0 => self.in_text = true,
                    b'{' | b'[' if first || self.depth > 0 => self.depth += 1,
                    b'}' | b']' if self.depth > 0 => {
                        self.depth -= 1;
                        if self.depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    // A bare word ends before the next mark; a mark in its place is one byte.
                    b',' | b'"' | b'{' | b'[' | b'}' | b']' if self.depth == 0 => {
                        return Some(if first { at + 1 } else { at });
                    }
                    byte if byte.is_ascii_whitespace() && self.depth == 0 => return Some(at),
                    _ => {}
                }
                at += 1;
            }
        }
        None
    }
}
