//! Decompression, with a guard against what grows too much.

use super::format::Compression;
use super::reason::BadReason;
use super::window::Stream;
use flate2::bufread::MultiGzDecoder;
use std::fmt;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Growth is only judged beyond this: a short file may well be all the same letter.
const RATIO_FROM_BYTES: u64 = 64 << 20;

/// Bytes read from a file at once.
const READ_BYTES: usize = 128 << 10;

/// Why a stream ended before its end.
pub(super) enum Fault {
    /// The system could not read the file.
    System(io::Error),
    /// The bytes are bad.
    Bad(BadReason),
}

impl From<io::Error> for Fault {
    /// Tells the file's errors from the system's, which [`open`] has marked.
    fn from(error: io::Error) -> Self {
        let kind = error.kind();
        let message = error.to_string();
        let Some(inner) = error.into_inner() else {
            return Self::Bad(if kind == io::ErrorKind::UnexpectedEof {
                BadReason::Truncated
            } else {
                BadReason::Compression { message }
            });
        };
        let inner = match inner.downcast::<SystemError>() {
            Ok(system) => return Self::System(system.0),
            Err(inner) => inner,
        };
        match inner.downcast::<Bomb>() {
            Ok(bomb) => Self::Bad(BadReason::Bomb { ratio: bomb.ratio }),
            Err(_) if kind == io::ErrorKind::UnexpectedEof => Self::Bad(BadReason::Truncated),
            Err(_) => Self::Bad(BadReason::Compression { message }),
        }
    }
}

/// The decompressed bytes of `raw`; errors become a [`Fault`].
pub(super) fn open(raw: Stream, compression: Compression, max_ratio: u64) -> io::Result<Stream> {
    if compression == Compression::None {
        return Ok(Box::new(Marked { raw, bytes: None }));
    }
    let compressed = Arc::new(AtomicU64::new(0));
    let raw = Marked { raw, bytes: Some(Arc::clone(&compressed)) };
    let raw = BufReader::with_capacity(READ_BYTES, raw);
    let plain: Stream = match compression {
        Compression::Gzip => Box::new(MultiGzDecoder::new(raw)),
        Compression::Zstd | Compression::None => {
            Box::new(zstd::stream::read::Decoder::with_buffer(raw)?)
        }
    };
    Ok(Box::new(Guard { plain, compressed, produced: 0, max_ratio }))
}

/// Marks an error as the system's.
pub(super) fn system(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::Interrupted {
        return error;
    }
    io::Error::new(error.kind(), SystemError(error))
}

/// Marks the errors of the system and counts the bytes of the file.
struct Marked {
    raw: Stream,
    bytes: Option<Arc<AtomicU64>>,
}

impl Read for Marked {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(to);
        let read = read.map_err(system)?;
        if let Some(bytes) = &self.bytes {
            bytes.fetch_add(read as u64, Ordering::Relaxed);
        }
        Ok(read)
    }
}

/// Stops what grows too much.
struct Guard {
    plain: Stream,
    compressed: Arc<AtomicU64>,
    produced: u64,
    max_ratio: u64,
}

impl Read for Guard {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.plain.read(to)?;
        self.produced += read as u64;
        let allowed = self.compressed.load(Ordering::Relaxed).saturating_mul(self.max_ratio);
        if self.produced > RATIO_FROM_BYTES && self.produced > allowed {
            return Err(io::Error::other(Bomb { ratio: self.max_ratio }));
        }
        Ok(read)
    }
}

/// An error of the system, inside the error that a decoder hands on.
#[derive(Debug)]
struct SystemError(io::Error);

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SystemError {}

#[derive(Debug)]
struct Bomb {
    ratio: u64,
}

impl fmt::Display for Bomb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it grows to more than {} times its size", self.ratio)
    }
}

impl std::error::Error for Bomb {}
