//! A growing window on a stream of bytes.

use std::io::{self, Read};

/// A stream, decompressed and with its beginning known.
pub(super) type Stream = Box<dyn Read + Send>;

/// Bytes held at first; a longer row makes the window grow.
const START_BYTES: usize = 256 << 10;

/// The part of a stream that is being looked at.
pub(super) struct Window {
    stream: Stream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of the stream before the window.
    offset: u64,
}

impl Window {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, buffer: vec![0; START_BYTES], start: 0, end: 0, offset: 0 }
    }

    /// The bytes in the window.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Bytes of the stream before the window.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves the beginning of the window on.
    pub(super) fn consume(&mut self, bytes: usize) {
        assert!(bytes <= self.end - self.start, "{bytes} of {}", self.end - self.start);
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Adds bytes at the window's end; false at the end of the stream.
    pub(super) fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 && self.end == self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let read = loop {
            match self.stream.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += read;
        Ok(read > 0)
    }

    /// Fills until at least `bytes` are there or the stream ends.
    pub(super) fn want(&mut self, bytes: usize) -> io::Result<&[u8]> {
        while self.bytes().len() < bytes && self.fill()? {}
        Ok(self.bytes())
    }
}

/// What of a stream fits into `limit` bytes, and whether that is all of it.
pub(super) fn read_whole(stream: Stream, limit: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    stream.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let whole = bytes.len() as u64 <= limit;
    Ok((bytes, whole))
}

/// A stream whose first bytes were looked at.
pub(super) struct Peeked {
    head: Vec<u8>,
    at: usize,
    error: Option<io::Error>,
    rest: Stream,
}

impl Peeked {
    /// Reads up to `bytes` ahead. An error on the way is kept until the bytes before it are read.
    pub(super) fn new(mut rest: Stream, bytes: usize) -> Self {
        let mut head = Vec::new();
        let error = rest.by_ref().take(bytes as u64).read_to_end(&mut head).err();
        Self { head, at: 0, error, rest }
    }

    /// The first bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Leaves out the first bytes, such as a byte-order mark.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.at = bytes.min(self.head.len());
    }
}

impl Read for Peeked {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at < self.head.len() {
            let bytes = (self.head.len() - self.at).min(to.len());
            to[..bytes].copy_from_slice(&self.head[self.at..self.at + bytes]);
            self.at += bytes;
            return Ok(bytes);
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => self.rest.read(to),
        }
    }
}
