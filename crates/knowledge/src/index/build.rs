//! Building an index.

use super::dense::write_vectors;
use super::files::write;
use super::keyword::write_keyword;
use super::manifest::{begin_generation, publish};
use super::search::Index;
use crate::embedder::Embedder;
use crate::error::KnowledgeError;
use crate::split::embedding_text;
use camino::Utf8Path;
use catena_protocol::{Cancel, Chunk, Progress};
use std::collections::HashSet;

/// Texts embedded in one call.
const EMBED_BATCH: usize = 32;

/// What was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct BuildReport {
    /// Documents with at least one chunk.
    pub num_documents: usize,
    /// Chunks indexed.
    pub num_chunks: usize,
    /// Tokens embedded, titles included, what exceeds the embedder's limit not counted.
    pub num_tokens: usize,
    /// Length of the vectors.
    pub dim: usize,
}

impl Index {
    /// Builds the index of `chunks` in the folder `dir` and makes it the current one.
    ///
    /// An index already there stays readable until the new one is complete on disk, and stays for
    /// good if the build fails, is cancelled or is killed.
    ///
    /// # Errors
    /// [`KnowledgeError::NoChunks`], [`KnowledgeError::DuplicateChunk`],
    /// [`KnowledgeError::Interrupted`], what the embedder meets, and file errors.
    pub fn build(
        dir: &Utf8Path,
        chunks: &[Chunk],
        embedder: &dyn Embedder,
        progress: &dyn Progress,
        cancel: &Cancel,
    ) -> Result<BuildReport, KnowledgeError> {
        check_chunks(dir, chunks)?;
        let build = begin_generation(dir)?;
        let texts: Vec<String> = chunks.iter().map(embedding_text).collect();
        let (vectors, num_tokens) = embed_texts(&texts, embedder, progress, cancel)?;
        write_vectors(&build.join(super::search::VECTORS), embedder.dim(), &vectors)?;
        let mut lines = Vec::new();
        for chunk in chunks {
            serde_json::to_writer(&mut lines, chunk).expect("a chunk is plain data");
            lines.push(b'\n');
        }
        write(&build.join(super::search::CHUNKS), &lines)?;
        write_keyword(&build.join(super::search::KEYWORD), chunks, cancel)?;
        publish(dir, &build, embedder.identity(), embedder.dim(), chunks.len())?;
        let documents: HashSet<&str> = chunks.iter().map(|one| one.document_id.as_str()).collect();
        Ok(BuildReport {
            num_documents: documents.len(),
            num_chunks: chunks.len(),
            num_tokens,
            dim: embedder.dim(),
        })
    }
}

/// The vectors of all texts row by row, and the tokens read for them. Texts of similar length are
/// embedded together, so that no batch waits for one long text.
///
/// # Errors
/// [`KnowledgeError::Interrupted`], and what the embedder meets.
pub fn embed_texts(
    texts: &[String],
    embedder: &dyn Embedder,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<(Vec<f32>, usize), KnowledgeError> {
    let all: Vec<&str> = texts.iter().map(String::as_str).collect();
    let max_tokens = embedder.max_tokens();
    let lengths: Vec<usize> =
        embedder.count_all(&all).into_iter().map(|length| length.min(max_tokens)).collect();
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|&ordinal| (lengths[ordinal], ordinal));
    let dim = embedder.dim();
    let mut vectors = vec![0.0; texts.len() * dim];
    progress.begin("embedding chunks", Some(texts.len() as u64), "chunks");
    for (batch_idx, batch) in order.chunks(EMBED_BATCH).enumerate() {
        if cancel.is_cancelled() {
            progress.end();
            return Err(KnowledgeError::Interrupted);
        }
        let batch_texts: Vec<&str> = batch.iter().map(|&at| texts[at].as_str()).collect();
        let embeddings = embed_checked(embedder, &batch_texts)?;
        for (&ordinal, embedding) in batch.iter().zip(embeddings) {
            vectors[ordinal * dim..][..dim].copy_from_slice(&embedding);
        }
        progress.update((batch_idx * EMBED_BATCH + batch.len()) as u64);
    }
    progress.end();
    Ok((vectors, lengths.iter().sum()))
}

/// Refuses an empty set and repeated ids.
fn check_chunks(dir: &Utf8Path, chunks: &[Chunk]) -> Result<(), KnowledgeError> {
    if chunks.is_empty() {
        return Err(KnowledgeError::NoChunks { dir: dir.to_owned() });
    }
    let mut seen = HashSet::new();
    match chunks.iter().find(|chunk| !seen.insert(chunk.id.as_str())) {
        Some(twice) => Err(KnowledgeError::DuplicateChunk { id: twice.id.clone() }),
        None => Ok(()),
    }
}

/// Embeds `texts` and checks that the embedder gave what it promises.
pub(super) fn embed_checked(
    embedder: &dyn Embedder,
    texts: &[&str],
) -> Result<Vec<Vec<f32>>, KnowledgeError> {
    let embeddings = embedder.embed(texts)?;
    let broken = |what, found, expected| KnowledgeError::EmbedderShape {
        identity: embedder.identity().to_owned(),
        what,
        found,
        expected,
    };
    if embeddings.len() != texts.len() {
        return Err(broken("vectors", embeddings.len(), texts.len()));
    }
    match embeddings.iter().find(|one| one.len() != embedder.dim()) {
        Some(wrong) => Err(broken("dimensions", wrong.len(), embedder.dim())),
        None => Ok(embeddings),
    }
}
