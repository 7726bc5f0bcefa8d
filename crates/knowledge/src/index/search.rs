//! Opening an index and searching it.

use super::build::embed_checked;
use super::dense::DenseIndex;
use super::files::read;
use super::fuse::reciprocal_rank;
use super::keyword::KeywordIndex;
use super::manifest::{check, open_current};
use super::similarity::{Similarity, windows};
use crate::embedder::Embedder;
use crate::error::KnowledgeError;
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
        let mut ranked = match method {
            Method::Keyword => self.keyword_chunks(query, k)?,
            Method::Dense => self.similarity(query, embedder)?.chunks(),
            Method::Hybrid => {
                let mut dense = self.similarity(query, embedder)?.chunks();
                dense.truncate(FUSION_DEPTH);
                reciprocal_rank(&[self.keyword_chunks(query, FUSION_DEPTH)?, dense])
            }
        };
        ranked.truncate(k);
        Ok(ranked.into_iter().map(|(ordinal, score)| self.passage(ordinal, score)).collect())
    }

    /// The `k` best documents for `query`, best first.
    ///
    /// By keyword a document scores as its best chunk; densely as the mean, over the query's
    /// windows, of the best chunk for each; hybrid fuses these two rankings of documents. The
    /// passage of a hit is the document's best chunk by the same method.
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
        let keyword = match method {
            Method::Keyword | Method::Hybrid => self.keyword_chunks(query, self.chunks.len())?,
            Method::Dense => Vec::new(),
        };
        let similarity = match method {
            Method::Dense | Method::Hybrid => self.similarity(query, embedder)?,
            Method::Keyword => Similarity::new(Vec::new()),
        };
        Ok(self.document_hits(method, &keyword, &similarity, k))
    }

    /// [`search_documents`](Self::search_documents) by every method, in the order of
    /// [`Method::ALL`], with the query embedded only once: for comparing them.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn search_documents_by_all(
        &self,
        query: &str,
        k: usize,
        embedder: &dyn Embedder,
    ) -> Result<[(Method, Vec<DocumentHit>); 3], KnowledgeError> {
        let keyword = self.keyword_chunks(query, self.chunks.len())?;
        let similarity = self.similarity(query, embedder)?;
        Ok(Method::ALL.map(|method| (method, self.document_hits(method, &keyword, &similarity, k))))
    }

    /// The `k` best documents by `method`, from what its sides found; a side it does not use may
    /// be empty.
    fn document_hits(
        &self,
        method: Method,
        keyword: &[(usize, f32)],
        similarity: &Similarity,
        k: usize,
    ) -> Vec<DocumentHit> {
        let (documents, chunks) = match method {
            Method::Keyword => (self.first_of_each_document(keyword), keyword.to_vec()),
            Method::Dense => (similarity.documents(&self.document_of), similarity.chunks()),
            Method::Hybrid => {
                let mut lists =
                    [self.first_of_each_document(keyword), similarity.documents(&self.document_of)];
                for list in &mut lists {
                    list.truncate(FUSION_DEPTH);
                }
                let chunks = reciprocal_rank(&[keyword.to_vec(), similarity.chunks()]);
                (reciprocal_rank(&lists), chunks)
            }
        };
        let mut best_chunk = vec![None; self.chunks.len()];
        for &(ordinal, _) in &chunks {
            best_chunk[self.document_of[ordinal]].get_or_insert(ordinal);
        }
        let hit = |&(document, score): &(usize, f32)| {
            let passage = self.passage(best_chunk[document]?, score);
            Some(DocumentHit { document_id: passage.chunk.document_id.clone(), score, passage })
        };
        documents.iter().filter_map(hit).take(k).collect()
    }

    /// The `depth` best chunks by keyword.
    fn keyword_chunks(
        &self,
        query: &str,
        depth: usize,
    ) -> Result<Vec<(usize, f32)>, KnowledgeError> {
        check_query(query)?;
        self.keyword.search(query, depth)
    }

    /// The similarity of every window of `query` with every chunk.
    fn similarity(
        &self,
        query: &str,
        embedder: &dyn Embedder,
    ) -> Result<Similarity, KnowledgeError> {
        check_query(query)?;
        if embedder.identity() != self.embedder {
            return Err(KnowledgeError::OtherEmbedder {
                dir: self.dir.clone(),
                expected: self.embedder.clone(),
                found: embedder.identity().to_owned(),
            });
        }
        let embeddings = embed_checked(embedder, &windows(query, embedder))?;
        Ok(Similarity::new(embeddings.iter().map(|one| self.dense.scores(one)).collect()))
    }

    /// From ranked chunks to ranked documents: each stands where its best chunk stands.
    fn first_of_each_document(&self, ranked: &[(usize, f32)]) -> Vec<(usize, f32)> {
        let mut seen = vec![false; self.chunks.len()];
        let document = |&(ordinal, score): &(usize, f32)| (self.document_of[ordinal], score);
        let is_first =
            |&(document, _): &(usize, f32)| !std::mem::replace(&mut seen[document], true);
        ranked.iter().map(document).filter(is_first).collect()
    }

    fn passage(&self, ordinal: usize, score: f32) -> Passage {
        Passage { chunk: self.chunks[ordinal].clone(), score }
    }
}

/// Refuses a query beyond the limit.
fn check_query(query: &str) -> Result<(), KnowledgeError> {
    if query.len() > MAX_QUERY_BYTES {
        return Err(KnowledgeError::QueryTooLong { found: query.len(), limit: MAX_QUERY_BYTES });
    }
    Ok(())
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
