//! Lines of a stream, none of them held beyond a limit.

use super::raw::sample;
use super::window::{Stream, Window};
use memchr::memchr;
use std::io;

/// One line without its end.
pub(super) enum Line<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// Longer than allowed: only its length and its beginning are known.
    TooLong { bytes: u64, limit: u64, sample: String },
}

/// The lines of a stream.
pub(super) struct Lines {
    window: Window,
    limit: usize,
    /// Lines that begin at or after this byte of the stream belong to the next part of the file.
    end: Option<u64>,
    /// Bytes of the window that the line before took.
    taken: usize,
    number: u64,
}

impl Lines {
    /// The lines of `stream` of at most `limit` bytes each.
    pub(super) fn new(stream: Stream, limit: usize) -> Self {
        Self { window: Window::new(stream), limit, end: None, taken: 0, number: 0 }
    }

    /// The lines that begin in the first `bytes` of `stream` after its first line end: the part of
    /// a file, opened one byte before it begins.
    pub(super) fn part(stream: Stream, limit: usize, bytes: u64) -> io::Result<Self> {
        let mut lines = Self::new(stream, limit);
        lines.next_line()?;
        lines.number = 0;
        lines.end = Some(bytes + 1);
        Ok(lines)
    }

    /// Stops before the first line that begins at `bytes` or later.
    pub(super) fn end_at(mut self, bytes: u64) -> Self {
        self.end = Some(bytes);
        self
    }

    /// Number of the last line handed out, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line; none at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.window.consume(std::mem::take(&mut self.taken));
        if self.end.is_some_and(|end| self.window.offset() >= end) {
            return Ok(None);
        }
        let mut scanned = 0;
        loop {
            let bytes = self.window.bytes();
            if let Some(at) = memchr(b'\n', &bytes[scanned..]) {
                let length = scanned + at;
                self.number += 1;
                self.taken = length + 1;
                return Ok(Some(self.line(length)));
            }
            scanned = bytes.len();
            if scanned > self.limit {
                self.number += 1;
                return self.skip_rest().map(Some);
            }
            if !self.window.fill()? {
                if scanned == 0 {
                    return Ok(None);
                }
                self.number += 1;
                self.taken = scanned;
                return Ok(Some(self.line(scanned)));
            }
        }
    }

    fn line(&self, length: usize) -> Line<'_> {
        let bytes = &self.window.bytes()[..length];
        match bytes.strip_suffix(b"\r").unwrap_or(bytes) {
            long if long.len() > self.limit => {
                let (bytes, limit) = (long.len() as u64, self.limit as u64);
                Line::TooLong { bytes, limit, sample: sample(long) }
            }
            line => Line::Whole(line),
        }
    }

    /// Passes over a line that is too long.
    fn skip_rest(&mut self) -> io::Result<Line<'_>> {
        let (limit, sample) = (self.limit as u64, sample(self.window.bytes()));
        let mut length = 0;
        loop {
            let bytes = self.window.bytes();
            if let Some(at) = memchr(b'\n', bytes) {
                self.taken = at + 1;
                let bytes = length + at as u64;
                return Ok(Line::TooLong { bytes, limit, sample });
            }
            let held = bytes.len();
            length += held as u64;
            self.window.consume(held);
            if !self.window.fill()? {
                return Ok(Line::TooLong { bytes: length, limit, sample });
            }
        }
    }
}
