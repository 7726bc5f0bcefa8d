//! BM25 over titles and texts, through tantivy.
//!
//! Title and text are one field: on the bank scenarios that ranks better than two fields whose
//! scores are added, at any weight of the title.

use super::fuse::sort_best_first;
use super::manifest::check;
use crate::error::KnowledgeError;
use crate::split::embedding_text;
use crate::words::{analyzer, query_words};
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, Chunk};
use std::collections::BTreeMap;
use tantivy::collector::TopDocs;
use tantivy::indexer::NoMergePolicy;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{FAST, Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::{IndexReader, ReloadPolicy, TantivyDocument, TantivyError, Term};

const ANALYZER: &str = "catena";
const ORDINAL: &str = "ordinal";
/// Memory of the index writer before it flushes a segment.
const WRITER_BYTES: usize = 64 << 20;
const TEXT: &str = "text";
/// How soon repeating a word in the query stops to matter.
const QUERY_K3: f32 = 7.0;
/// Chunks between two looks at the cancel flag.
const CANCEL_EVERY: usize = 256;

/// The keyword side of an index, open for reading.
pub(super) struct KeywordIndex {
    dir: Utf8PathBuf,
    reader: IndexReader,
    text: Field,
}

/// Writes the keyword index of `chunks` into the new folder `dir`.
pub(super) fn write_keyword(
    dir: &Utf8Path,
    chunks: &[Chunk],
    cancel: &Cancel,
) -> Result<(), KnowledgeError> {
    std::fs::create_dir(dir).map_err(super::files::io("create", dir))?;
    let mut builder = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(ANALYZER)
        .set_index_option(IndexRecordOption::WithFreqs);
    let options = TextOptions::default().set_indexing_options(indexing);
    let text = builder.add_text_field(TEXT, options);
    let ordinal = builder.add_u64_field(ORDINAL, FAST);
    let index = tantivy::Index::create_in_dir(dir, builder.build()).map_err(fail(dir, "create"))?;
    index.tokenizers().register(ANALYZER, analyzer());

    let mut writer =
        index.writer_with_num_threads(1, WRITER_BYTES).map_err(fail(dir, "open a writer"))?;
    writer.set_merge_policy(Box::new(NoMergePolicy));
    for (number, chunk) in chunks.iter().enumerate() {
        if number % CANCEL_EVERY == 0 && cancel.is_cancelled() {
            return Err(KnowledgeError::Interrupted);
        }
        let mut document = TantivyDocument::default();
        document.add_text(text, embedding_text(chunk));
        document.add_u64(ordinal, number as u64);
        writer.add_document(document).map_err(fail(dir, "add a chunk"))?;
    }
    writer.commit().map_err(fail(dir, "commit"))?;
    writer.wait_merging_threads().map_err(fail(dir, "finish"))
}

impl KeywordIndex {
    /// Opens what [`write_keyword`] wrote for `count` chunks.
    pub(super) fn open(dir: &Utf8Path, count: usize) -> Result<Self, KnowledgeError> {
        let index = tantivy::Index::open_in_dir(dir).map_err(fail(dir, "open"))?;
        index.tokenizers().register(ANALYZER, analyzer());
        let text = index.schema().get_field(TEXT).map_err(fail(dir, "find its text field"))?;
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()
            .map_err(fail(dir, "open a reader"))?;
        let found = reader.searcher().num_docs();
        check(dir, "chunk count", found, count as u64)?;
        Ok(Self { dir: dir.to_owned(), reader, text })
    }

    /// The `depth` best chunks for the words of `query`: ordinal and BM25 score, best first.
    ///
    /// Function words are left out of the query unless it has no others; a word that occurs `n`
    /// times in it weighs `(k3 + 1) n / (k3 + n)` with `k3 = 7`. In long queries both matter: the
    /// bank scenarios gain ten points of recall@10 by the first and two by the second.
    ///
    /// # Source
    /// Robertson et al. 1994, "Okapi at TREC-3": `k1` 1.2, `b` 0.75 and the query weight.
    pub(super) fn search(
        &self,
        query: &str,
        depth: usize,
    ) -> Result<Vec<(usize, f32)>, KnowledgeError> {
        let mut counts: BTreeMap<String, f32> = BTreeMap::new();
        for word in query_words(query) {
            *counts.entry(word).or_insert(0.0) += 1.0;
        }
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for (word, count) in counts {
            let term = Term::from_field_text(self.text, &word);
            let query = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
            let weight = (QUERY_K3 + 1.0) * count / (QUERY_K3 + count);
            clauses.push((Occur::Should, Box::new(BoostQuery::new(query, weight))));
        }
        let searcher = self.reader.searcher();
        let top = TopDocs::with_limit(depth.max(1)).order_by_score();
        let hits = searcher
            .search(&BooleanQuery::new(clauses), &top)
            .map_err(fail(&self.dir, "search"))?;
        let mut ranked = Vec::with_capacity(hits.len());
        for (score, address) in hits {
            let segment = searcher.segment_reader(address.segment_ord);
            let ordinals = segment.fast_fields().u64(ORDINAL).map_err(fail(&self.dir, "search"))?;
            if let Some(ordinal) = ordinals.first(address.doc_id) {
                ranked.push((usize::try_from(ordinal).unwrap_or(usize::MAX), score));
            }
        }
        sort_best_first(&mut ranked);
        Ok(ranked)
    }
}

/// Names `action` on the index in `dir` in an error.
fn fail(dir: &Utf8Path, action: &'static str) -> impl FnOnce(TantivyError) -> KnowledgeError {
    let dir = dir.to_owned();
    move |source| KnowledgeError::Keyword { dir, action, source }
}
