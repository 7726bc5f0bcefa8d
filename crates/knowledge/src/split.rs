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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_embedder::WordEmbedder;
    use proptest::prelude::*;

    fn document(content: &str) -> Document {
        Document { id: "d".into(), title: "A title of words".into(), content: content.into() }
    }

    fn texts(content: &str, chunk_tokens: usize) -> Vec<String> {
        let chunks = split(&document(content), &SplitConfig { chunk_tokens }, &WordEmbedder::new());
        chunks.unwrap().into_iter().map(|chunk| chunk.text).collect()
    }

    #[test]
    fn sections_stay_together() {
        let section = |name: &str| format!("## {name}\n- one two three\n- four five six\n");
        let content = format!("{}\n{}\n{}", section("A"), section("B"), section("C"));
        let chunks = texts(&content, 16);
        assert_eq!(chunks.len(), 2, "{chunks:?}");
        assert!(chunks[0].starts_with("## A") && chunks[0].contains("## B"), "{chunks:?}");
        assert!(chunks[1].starts_with("## C"), "{chunks:?}");
    }

    #[test]
    fn chinese_is_cut_between_sentences() {
        let chunks = texts("一二三四五六七八。甲乙丙丁戊己庚辛壬癸。子丑寅卯辰巳午未。", 20);
        assert_eq!(chunks, ["一二三四五六七八。甲乙丙丁戊己庚辛壬癸。", "子丑寅卯辰巳午未。"]);
    }

    #[test]
    fn an_empty_document_has_no_chunks_and_a_tiny_size_is_refused() {
        assert!(texts(" \n", 20).is_empty());
        let refused = split(&document("x"), &SplitConfig { chunk_tokens: 3 }, &WordEmbedder::new());
        assert!(matches!(refused, Err(KnowledgeError::ChunkSize { max_tokens: 3, .. })));
    }

    proptest! {
        #[test]
        fn chunks_are_exact_ordered_small_and_lose_nothing(
            content in "([a-z]{1,8}[ .\n]|# [a-z]{2,5}\n|- |年费。|\n\n){0,120}"
        ) {
            let document = document(&content);
            let embedder = WordEmbedder::new();
            let chunks = split(&document, &SplitConfig { chunk_tokens: 16 }, &embedder).unwrap();
            let mut last = 0;
            for (ordinal, chunk) in chunks.iter().enumerate() {
                prop_assert_eq!(&chunk.text, &content[chunk.span.start..chunk.span.end]);
                prop_assert_eq!(&chunk.id, &format!("d#{ordinal}"));
                prop_assert!(content[last..chunk.span.start].trim().is_empty());
                prop_assert!(embedder.count_tokens(&chunk.text) <= 16);
                last = chunk.span.end;
            }
            prop_assert!(content[last..].trim().is_empty());
        }
    }
}
