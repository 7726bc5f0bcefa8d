//! The one error of this crate.

use camino::Utf8PathBuf;

/// What can go wrong with splitting, indexing and retrieving.
///
/// Grouped by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    // Fix the input.
    /// There is nothing to index.
    #[error("there is no text to index in {dir}: the document set has no chunks")]
    NoChunks {
        /// Where the index was to be written.
        dir: Utf8PathBuf,
    },
    /// Two chunks share an id.
    #[error("chunk id `{id}` occurs twice: document ids must be unique")]
    DuplicateChunk {
        /// The id.
        id: String,
    },
    /// The chunk size leaves no room for text.
    #[error("chunk size is {max_tokens} tokens, at least {least} are needed")]
    ChunkSize {
        /// What was asked for.
        max_tokens: usize,
        /// The smallest size allowed.
        least: usize,
    },
    /// A query is longer than the limit.
    #[error("query has {found} bytes, the limit is {limit}")]
    QueryTooLong {
        /// Its length.
        found: usize,
        /// The longest allowed.
        limit: usize,
    },
    /// The index was made with another embedder.
    #[error("index {dir} holds vectors of `{expected}`, the embedder is `{found}`")]
    OtherEmbedder {
        /// The index.
        dir: Utf8PathBuf,
        /// Identity of the embedder it was built with.
        expected: String,
        /// Identity of the embedder given now.
        found: String,
    },

    // Build the index again.
    /// There is no index in the folder.
    #[error("there is no index in {dir}")]
    NoIndex {
        /// The folder.
        dir: Utf8PathBuf,
    },
    /// A file of the index is damaged.
    #[error("index file {path} is damaged: {what} is {found}, expected {expected}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// Which property disagrees.
        what: &'static str,
        /// Its value in the file.
        found: u64,
        /// The value it should have.
        expected: u64,
    },
    /// A description file of the index cannot be read as JSON.
    #[error("index file {path} is not valid JSON (line {line})")]
    Json {
        /// The file.
        path: Utf8PathBuf,
        /// Where in the file.
        line: usize,
        /// The parser's word.
        #[source]
        source: serde_json::Error,
    },

    // Fix the machine.
    /// A file could not be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// `read`, `write`, `create`, `rename` or `remove`.
        action: &'static str,
        /// The file or folder.
        path: Utf8PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// The keyword index refused an operation.
    #[error("keyword index {dir} cannot {action}")]
    Keyword {
        /// Its folder.
        dir: Utf8PathBuf,
        /// What it was asked to do.
        action: &'static str,
        /// The engine's word.
        #[source]
        source: tantivy::TantivyError,
    },
    /// The embedder failed.
    #[error("cannot embed {count} texts")]
    Embed {
        /// How many texts were given.
        count: usize,
        /// The implementer's error; erased because implementers live in layers above this one.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The classifier failed.
    #[error("cannot score {count} texts")]
    Classify {
        /// How many texts or pairs were given.
        count: usize,
        /// The implementer's error, erased as that of an embedder.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    // Stopped.
    /// The caller asked the work to stop.
    #[error("indexing was interrupted")]
    Interrupted,

    // Report a bug.
    /// The embedder broke its promise.
    #[error("embedder `{identity}` gave {found} for {what}, expected {expected}")]
    EmbedderShape {
        /// Which embedder.
        identity: String,
        /// `vectors` or `dimensions`.
        what: &'static str,
        /// What came back.
        found: usize,
        /// What was due.
        expected: usize,
    },
}

impl KnowledgeError {
    /// Wraps an embedder's own error.
    pub fn embed(
        count: usize,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Embed { count, source: source.into() }
    }

    /// Wraps a classifier's failure.
    pub fn classify(
        count: usize,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Classify { count, source: source.into() }
    }

    /// One thing to try next, if there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoChunks { .. } => {
                Some("check that the documents have content and were not all dropped by cleaning")
            }
            Self::DuplicateChunk { .. } => Some("give each document its own id"),
            Self::ChunkSize { .. } => Some("raise `chunk_tokens`"),
            Self::QueryTooLong { .. } => Some("shorten the question"),
            Self::OtherEmbedder { .. }
            | Self::NoIndex { .. }
            | Self::Damaged { .. }
            | Self::Json { .. } => Some("build the index again"),
            Self::Io { .. } | Self::Keyword { .. } => {
                Some("check that the folder exists, is writable and has space left")
            }
            Self::Embed { .. }
            | Self::Classify { .. }
            | Self::Interrupted
            | Self::EmbedderShape { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
