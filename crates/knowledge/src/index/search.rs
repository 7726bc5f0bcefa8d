//! Opening an index and searching it.

use super::build::embed_checked;
use super::dense::DenseIndex;
use super::files::read;
use super::fuse::{reciprocal_rank, sort_best_first};
use super::keyword::KeywordIndex;
use super::manifest::{check, open_current};
use crate::embedder::Embedder;
use crate::error::KnowledgeError;
use crate::sentence::sentences;
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Chunk, Passage};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

pub(super) const CHUNKS: &str = "chunks.jsonl";
pub(super) const VECTORS: &str = "vectors.f32";
pub(super) const KEYWORD: &str = "keyword";
/// Results taken from each method before they are fused.
const FUSION_DEPTH: usize = 100;
/// Longest query accepted.
const MAX_QUERY_BYTES: usize = 64 << 10;

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// BM25 over the words of title and text.
    Keyword,
    /// Cosine of embeddings.
    Dense,
    /// Both, fused by reciprocal rank.
    Hybrid,
}

impl Method {
    /// Every method, in the order reports show them.
    pub const ALL: [Self; 3] = [Self::Keyword, Self::Dense, Self::Hybrid];

    /// Its name in configuration and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Dense => "dense",
            Self::Hybrid => "hybrid",
        }
    }
}

/// One document found, with its best passage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DocumentHit {
    /// The document.
    pub document_id: String,
    /// Score of the method; comparable within one list only.
    pub score: f32,
    /// Its best chunk, with the same score.
    pub passage: Passage,
}

/// An index open for searching. It never changes; many threads may search it at once.
pub struct Index {
    dir: Utf8PathBuf,
    embedder: String,
    chunks: Vec<Chunk>,
    /// For each chunk, the number of its document in order of first chunk.
    document_of: Vec<usize>,
    keyword: KeywordIndex,
    dense: DenseIndex,
}

impl Index {
    /// Opens the current index of the folder `dir` and checks all its files.
    ///
    /// # Errors
    /// [`KnowledgeError::NoIndex`], [`KnowledgeError::Damaged`] for any changed, cut or foreign
    /// file, [`KnowledgeError::Json`] and file errors.
    pub fn open(dir: &Utf8Path) -> Result<Self, KnowledgeError> {
        let (generation, manifest) = open_current(dir)?;
        let chunks = read_chunks(&generation.join(CHUNKS))?;
        check(&generation, "chunk count", chunks.len() as u64, manifest.num_chunks as u64)?;
        let mut numbers = HashMap::new();
        let mut document_of = Vec::with_capacity(chunks.len());
        for chunk in &chunks {
            let next = numbers.len();
            document_of.push(*numbers.entry(chunk.document_id.as_str()).or_insert(next));
        }
        Ok(Self {
            dir: dir.to_owned(),
            keyword: KeywordIndex::open(&generation.join(KEYWORD), chunks.len())?,
            dense: DenseIndex::open(&generation.join(VECTORS), manifest.dim, chunks.len())?,
            embedder: manifest.embedder,
            document_of,
            chunks,
        })
    }

    /// The chunks in order of their ordinals.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Identity of the embedder the index was built with.
    pub fn embedder_identity(&self) -> &str {
        &self.embedder
    }

    /// The `k` best chunks for `query`, best first.
    ///
    /// The dense side reads a query longer than the embedder's limit in windows of whole
    /// sentences and takes the mean of their similarities. A query without words finds nothing by
    /// keyword.
    ///
    /// # Errors
    /// [`KnowledgeError::QueryTooLong`], [`KnowledgeError::OtherEmbedder`] and what embedder and
    /// keyword index meet.
    pub fn search(
        &self,
        query: &str,
        method: Method,
        k: usize,
        embedder: &dyn Embedder,
    ) -> Result<Vec<Passage>, KnowledgeError> {
        let mut ranked = self.rank_chunks(query, method, k, embedder)?;
        ranked.truncate(k);
        Ok(ranked.into_iter().map(|(ordinal, score)| self.passage(ordinal, score)).collect())
    }

    /// The `k` best documents for `query`, each ranked by its best chunk.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn search_documents(
        &self,
        query: &str,
        method: Method,
        k: usize,
        embedder: &dyn Embedder,
    ) -> Result<Vec<DocumentHit>, KnowledgeError> {
        let ranked = self.rank_chunks(query, method, self.chunks.len(), embedder)?;
        let mut seen = vec![false; self.chunks.len()];
        let mut hits = Vec::new();
        for (ordinal, score) in ranked {
            if hits.len() < k && !std::mem::replace(&mut seen[self.document_of[ordinal]], true) {
                let passage = self.passage(ordinal, score);
                let document_id = passage.chunk.document_id.clone();
                hits.push(DocumentHit { document_id, score, passage });
            }
        }
        Ok(hits)
    }

    /// At least the `depth` best ordinals where the method can tell that many.
    fn rank_chunks(
        &self,
        query: &str,
        method: Method,
        depth: usize,
        embedder: &dyn Embedder,
    ) -> Result<Vec<(usize, f32)>, KnowledgeError> {
        if query.len() > MAX_QUERY_BYTES {
            let found = query.len();
            return Err(KnowledgeError::QueryTooLong { found, limit: MAX_QUERY_BYTES });
        }
        match method {
            Method::Keyword => self.keyword.search(query, depth),
            Method::Dense => self.rank_dense(query, depth, embedder),
            Method::Hybrid => {
                let keyword = self.keyword.search(query, FUSION_DEPTH)?;
                let dense = self.rank_dense(query, FUSION_DEPTH, embedder)?;
                Ok(reciprocal_rank(&[keyword, dense]))
            }
        }
    }

    /// The `depth` chunks most similar to `query`.
    fn rank_dense(
        &self,
        query: &str,
        depth: usize,
        embedder: &dyn Embedder,
    ) -> Result<Vec<(usize, f32)>, KnowledgeError> {
        if embedder.identity() != self.embedder {
            return Err(KnowledgeError::OtherEmbedder {
                dir: self.dir.clone(),
                expected: self.embedder.clone(),
                found: embedder.identity().to_owned(),
            });
        }
        let windows = windows(query, embedder);
        let mut sums = vec![0.0; self.chunks.len()];
        for embedding in embed_checked(embedder, &windows)? {
            for (sum, score) in sums.iter_mut().zip(self.dense.scores(&embedding)) {
                *sum += score / windows.len() as f32;
            }
        }
        let mut ranked: Vec<(usize, f32)> = sums.into_iter().enumerate().collect();
        sort_best_first(&mut ranked);
        ranked.truncate(depth);
        Ok(ranked)
    }

    fn passage(&self, ordinal: usize, score: f32) -> Passage {
        Passage { chunk: self.chunks[ordinal].clone(), score }
    }
}

/// `query` in consecutive pieces of whole sentences that fit the embedder: itself if it fits.
fn windows<'a>(query: &'a str, embedder: &dyn Embedder) -> Vec<&'a str> {
    let limit = embedder.max_tokens();
    if embedder.count_tokens(query) <= limit {
        return vec![query];
    }
    let mut windows: Vec<&str> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for span in sentences(query) {
        open = match open {
            Some((start, _)) if embedder.count_tokens(&query[start..span.end]) <= limit => {
                Some((start, span.end))
            }
            closed => {
                windows.extend(closed.map(|(start, end)| &query[start..end]));
                Some((span.start, span.end))
            }
        };
    }
    windows.extend(open.map(|(start, end)| &query[start..end]));
    if windows.is_empty() { vec![query] } else { windows }
}

/// Reads one chunk a line.
fn read_chunks(path: &Utf8Path) -> Result<Vec<Chunk>, KnowledgeError> {
    let bytes = read(path)?;
    let lines = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let mut chunks = Vec::new();
    for (index, line) in lines.enumerate() {
        chunks.push(serde_json::from_slice(line).map_err(|source| KnowledgeError::Json {
            path: path.to_owned(),
            line: index + 1,
            source,
        })?);
    }
    Ok(chunks)
}
