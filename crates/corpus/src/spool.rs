//! Documents kept on disk: read once, looked at as often and in whatever order it takes.

use crate::dedup::SpillFile;
use crate::error::CorpusError;
use crate::source::{Markup, Place, SourceDocument};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::io;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// Documents on disk, in a file without a name: nothing is left of them, however the run ends.
///
/// In memory stand 16 bytes for each document and a buffer of a megabyte.
#[derive(Debug)]
pub struct DocumentSpool {
    folder: Utf8PathBuf,
    file: SpillFile,
    buffer: Vec<u8>,
    /// Where each document ends.
    ends: Vec<u64>,
    sizes: Vec<u64>,
}

/// A document as it is stored. Its metadata is a text, so that it nests no deeper than it came.
#[derive(Serialize, Deserialize)]
struct Stored<'d> {
    id: Cow<'d, str>,
    text: Cow<'d, str>,
    markup: Option<Markup>,
    source: Cow<'d, str>,
    place: Cow<'d, Place>,
    metadata: String,
    turns: bool,
}

impl DocumentSpool {
    /// No documents, with their file in `folder`, which must be there.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    pub fn create(folder: &Utf8Path) -> Result<Self, CorpusError> {
        let (folder, file) = (folder.to_owned(), SpillFile::create(folder)?);
        Ok(Self { folder, file, buffer: Vec::new(), ends: Vec::new(), sizes: Vec::new() })
    }

    /// Adds a document after the others.
    ///
    /// # Errors
    /// [`CorpusError::SpillFull`], [`CorpusError::Io`].
    pub fn push(&mut self, document: &SourceDocument) -> Result<(), CorpusError> {
        let stored = Stored {
            id: Cow::Borrowed(&document.id),
            text: Cow::Borrowed(&document.text),
            markup: document.markup,
            source: Cow::Borrowed(&document.source),
            place: Cow::Borrowed(&document.place),
            metadata: serde_json::to_string(&document.metadata).expect("JSON becomes JSON"),
            turns: document.turns,
        };
        serde_json::to_writer(&mut self.buffer, &stored).expect("a document is plain data");
        self.ends.push(self.file.len() + self.buffer.len() as u64);
        self.sizes.push(document.text.len() as u64);
        if self.buffer.len() >= BUFFER_BYTES {
            self.file.append(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// How many there are.
    pub fn num_documents(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of the text of each.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// The document `row`, counted from 0.
    ///
    /// # Errors
    /// [`CorpusError::Io`].
    ///
    /// # Panics
    /// If there is no such document: a caller's bug.
    pub fn get(&self, row: usize) -> Result<SourceDocument, CorpusError> {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        let whole = "it was in memory when it was stored";
        let len = usize::try_from(self.ends[row] - start).expect(whole);
        let mut bytes = vec![0; len];
        match start.checked_sub(self.file.len()) {
            None => self.file.read_at(start, &mut bytes)?,
            Some(at) => {
                let at = usize::try_from(at).expect(whole);
                bytes.copy_from_slice(&self.buffer[at..at + len]);
            }
        }
        let stored = serde_json::from_slice::<Stored<'_>>(&bytes);
        stored.and_then(Stored::into_document).map_err(|error| CorpusError::Io {
            action: "read from",
            path: self.folder.clone(),
            source: io::Error::from(error),
        })
    }

    /// All of them, one after the other.
    pub fn documents(&self) -> impl Iterator<Item = Result<SourceDocument, CorpusError>> {
        (0..self.num_documents()).map(|row| self.get(row))
    }

    /// Their texts.
    pub fn texts(&self) -> impl Iterator<Item = Result<String, CorpusError>> {
        self.documents().map(|document| document.map(|document| document.text))
    }
}

impl Stored<'_> {
    fn into_document(self) -> serde_json::Result<SourceDocument> {
        Ok(SourceDocument {
            metadata: serde_json::from_str(&self.metadata)?,
            id: self.id.into_owned(),
            text: self.text.into_owned(),
            markup: self.markup,
            source: self.source.into_owned(),
            place: self.place.into_owned(),
            turns: self.turns,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(at: u64) -> SourceDocument {
        let nested = (0..120).fold(json!(at), |inner, _| json!([inner]));
        let metadata = json!({"z": 0.1 + at as f64 / 3.0, "a": u64::MAX, "nested": nested});
        SourceDocument {
            id: format!("d\u{0}\"{at}"),
            text: "a line\n".repeat(usize::try_from(at * 100).unwrap()),
            markup: at.is_multiple_of(2).then_some(Markup::Html),
            source: "in.jsonl".to_owned(),
            place: Place { file: "in.jsonl".into(), start: at, row: at + 1 },
            metadata: metadata.as_object().unwrap().clone(),
            turns: at.is_multiple_of(3),
        }
    }

    #[test]
    fn documents_come_back_as_they_were_in_any_order() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        let mut spool = DocumentSpool::create(folder).unwrap();
        // Some are on disk then, the last ones still in the buffer.
        for at in 0..100 {
            spool.push(&document(at)).unwrap();
        }
        assert!(spool.file.len() > 0 && !spool.buffer.is_empty());
        assert_eq!(spool.num_documents(), 100);
        for at in [99, 0, 50, 99] {
            assert_eq!(spool.get(at).unwrap(), document(at as u64), "document {at}");
        }
        let all: Result<Vec<_>, _> = spool.documents().collect();
        assert_eq!(all.unwrap(), (0..100).map(document).collect::<Vec<_>>());
        let sizes: Vec<u64> = spool.texts().map(|text| text.unwrap().len() as u64).collect();
        assert_eq!(spool.sizes(), sizes);
        assert_eq!(dir.path().read_dir().unwrap().count(), 0, "the file has no name");
    }
}
