//! Reading a shard document by document.

use super::width::TokenWidth;
use crate::error::CorpusError;
use camino::{Utf8Path, Utf8PathBuf};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// A shard of tokens, open for reading.
#[derive(Debug)]
pub struct TokenShard {
    path: Utf8PathBuf,
    file: File,
    width: TokenWidth,
    /// First byte and number of tokens of each document; all lie within the file.
    documents: Vec<(u64, u64)>,
    bytes: Vec<u8>,
}

impl TokenShard {
    pub(super) fn open(
        path: &Utf8Path,
        width: TokenWidth,
        documents: Vec<(u64, u64)>,
    ) -> Result<Self, CorpusError> {
        let file = File::open(path).map_err(CorpusError::io("read", path))?;
        Ok(Self { path: path.to_owned(), file, width, documents, bytes: Vec::new() })
    }

    /// Documents in the shard.
    pub fn documents(&self) -> usize {
        self.documents.len()
    }

    /// Tokens of all documents.
    pub fn tokens(&self) -> u64 {
        self.documents.iter().map(|document| document.1).sum()
    }

    /// Bytes of a token.
    pub fn width(&self) -> TokenWidth {
        self.width
    }

    /// Writes the tokens of a document over `tokens`.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    ///
    /// # Panics
    /// If there is no such document: a caller's bug.
    pub fn read(&mut self, document: usize, tokens: &mut Vec<u32>) -> Result<(), CorpusError> {
        let (start, count) = self.documents[document];
        tokens.clear();
        let count = usize::try_from(count).expect("a document is smaller than the address space");
        self.bytes.resize(count * self.width.bytes(), 0);
        let read = self.file.seek(SeekFrom::Start(start));
        read.and_then(|_| self.file.read_exact(&mut self.bytes))
            .map_err(CorpusError::io("read", &self.path))?;
        self.width.decode(&self.bytes, tokens);
        Ok(())
    }
}
