//! The SHA-256 of a file that is being written.

use sha2::{Digest as _, Sha256};
use std::fmt::Write;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Chunks that may wait for the thread that digests them.
const WAITING: usize = 4;

/// What digests the bytes of a file, chunk by chunk.
pub(super) enum Digest {
    /// Where they are written.
    Here(Box<Sha256>),
    /// In a thread of its own.
    Apart(Apart),
}

/// The thread, and the ways there and back: buffers are used again.
pub(super) struct Apart {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    thread: JoinHandle<Sha256>,
}

impl Digest {
    /// Nothing seen yet. Where there is no thread to be had, the work is done here.
    pub(super) fn new(apart: bool) -> Self {
        let started = apart.then(Apart::start).flatten();
        started.map_or_else(|| Self::Here(Box::default()), Self::Apart)
    }

    /// Takes the next bytes and gives an empty buffer.
    pub(super) fn update(&mut self, mut chunk: Vec<u8>) -> Vec<u8> {
        match self {
            Self::Here(hash) => {
                hash.update(&chunk);
                chunk.clear();
                chunk
            }
            Self::Apart(Apart { full, empty, .. }) => {
                full.send(chunk).expect("the thread ends after the last chunk");
                empty.try_recv().unwrap_or_default()
            }
        }
    }

    /// The digest of all bytes as hexadecimal digits.
    pub(super) fn finish(self) -> String {
        let hash = match self {
            Self::Here(hash) => *hash,
            Self::Apart(Apart { full, thread, .. }) => {
                drop(full);
                thread.join().expect("digesting cannot fail")
            }
        };
        hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("writing to a string cannot fail");
            hex
        })
    }
}

impl Apart {
    fn start() -> Option<Self> {
        let (full, chunks) = sync_channel::<Vec<u8>>(WAITING);
        let (back, empty) = channel();
        let thread = Builder::new().name("digest".to_owned());
        let thread = thread.spawn(move || digest(&chunks, &back)).ok()?;
        Some(Self { full, empty, thread })
    }
}

fn digest(chunks: &Receiver<Vec<u8>>, back: &Sender<Vec<u8>>) -> Sha256 {
    let mut hash = Sha256::new();
    for mut chunk in chunks {
        hash.update(&chunk);
        chunk.clear();
        // Nobody wants it back after the last chunk.
        let _ = back.send(chunk);
    }
    hash
}
