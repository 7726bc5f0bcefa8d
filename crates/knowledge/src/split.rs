//! Cutting documents into chunks that fit the embedder.

use crate::embedder::Embedder;
use crate::error::KnowledgeError;
use catena_protocol::{Chunk, Document, Span};
use text_splitter::{ChunkConfig, ChunkSizer, MarkdownSplitter};

/// The smallest chunk size allowed, in tokens.
const LEAST_CHUNK_TOKENS: usize = 16;

/// How documents are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SplitConfig {
    /// Most tokens of a chunk's text, by the embedder's count, the title not counted.
    pub chunk_tokens: usize,
}

impl Default for SplitConfig {
    /// 120 tokens: three passages and a question fit a small model's prompt.
    fn default() -> Self {
        Self { chunk_tokens: 120 }
    }
}

/// Cuts `document` along Markdown structure, then sentences, then words, into chunks of at most
/// `config.chunk_tokens` tokens that also fit the embedder together with the title.
///
/// Every chunk's `text` equals `content[span]`; chunks do not overlap, stand in order, and hold
/// everything but white space between them. Chinese sentences are recognised. An empty document
/// gives no chunks.
///
/// # Errors
/// [`KnowledgeError::ChunkSize`] for fewer than 16 tokens.
pub fn split(
    document: &Document,
    config: &SplitConfig,
    embedder: &dyn Embedder,
) -> Result<Vec<Chunk>, KnowledgeError> {
    let least = LEAST_CHUNK_TOKENS;
    if config.chunk_tokens < least {
        return Err(KnowledgeError::ChunkSize { max_tokens: config.chunk_tokens, least });
    }
    let room = embedder.max_tokens().saturating_sub(embedder.count_tokens(&document.title));
    let capacity = config.chunk_tokens.min(room).max(least);
    let splitter = MarkdownSplitter::new(ChunkConfig::new(capacity).with_sizer(Sizer(embedder)));
    let chunk = |(ordinal, (start, text)): (usize, (usize, &str))| Chunk {
        id: format!("{}#{ordinal}", document.id),
        document_id: document.id.clone(),
        title: document.title.clone(),
        text: text.to_owned(),
        span: Span { start, end: start + text.len() },
    };
    Ok(splitter.chunk_indices(&document.content).enumerate().map(chunk).collect())
}

/// The text that stands for `chunk` in both sides of the index: its title, a line break, its text.
pub fn embedding_text(chunk: &Chunk) -> String {
    if chunk.title.is_empty() {
        chunk.text.clone()
    } else {
        format!("{}\n{}", chunk.title, chunk.text)
    }
}

/// Measures by the embedder's tokens.
struct Sizer<'a>(&'a dyn Embedder);

impl ChunkSizer for Sizer<'_> {
    fn size(&self, chunk: &str) -> usize {
        self.0.count_tokens(chunk)
    }
}
