//! `catena data semantic`: documents that say the same in other words.

use super::account::Account;
use super::args::SemanticArgs;
use super::documents::failed;
use crate::failure::{Exit, Failure};
use crate::machine::pool;
use crate::models::LocalEmbedder;
use crate::output::print_line;
use crate::progress::{for_stderr, say};
use crate::pull::Finder;
use camino::Utf8Path;
use catena_corpus::{
    CorpusError, DocumentSpool, Embeddings, Judge, KMeansOptions, KeepRule, MinHashConfig, Sample,
    SimilarPairs, SourceDocument, cosine_pairs, semantic_pairs, spherical_kmeans,
};
use catena_knowledge::Embedder;
use catena_protocol::{Cancel, Progress};
use serde_json::json;

const GOAL: &str = "cannot compare the documents";
/// Documents embedded at a time.
const BATCH: usize = 32;
/// Pairs that are told.
const SHOWN: usize = 10;
/// Documents up to which every pair is compared; beyond, only pairs of a cluster.
const ALL_PAIRS: usize = 20_000;

/// Runs `catena data semantic`.
pub(super) fn run(
    args: &SemanticArgs,
    flag: Option<usize>,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let progress = for_stderr();
    let finder = Finder { project: Utf8Path::new("."), progress: progress.as_ref(), cancel };
    let path = crate::bench::find_model(&args.embedder, &finder)?;
    let embedder = LocalEmbedder::open(&path, path.to_string(), pool(flag))
        .map_err(|error| Failure::new(Exit::Environment, GOAL, error))?;
    let mut account =
        Account::of_folder((GOAL, "semantic"), (&args.out, &args.read.set_part), cancel)?;
    account.set("embedder", args.embedder.as_str());
    account.set("threshold", args.threshold);
    account.set("clusters", args.clusters);
    account.set("seed", args.seed);
    account.add_model(&path)?;
    let documents = account.spool(&args.read.inputs)?;
    let vectors = embed(&embedder, &documents, progress.as_ref(), cancel)?;
    let shapes = documents.documents().map(|document| Ok(shape(&document?)));
    let shapes: Vec<u64> = shapes.collect::<Result<_, _>>().map_err(|error| failed(GOAL, error))?;
    let found = pairs(&vectors, embedder.dim(), args, progress.as_ref(), cancel)
        .and_then(|mut pairs| {
            pairs.retain(|stays, other| shapes[stays] == shapes[other]);
            pairs.duplicates(args.threshold, Judge::Kept)
        })
        .map_err(|error| failed(GOAL, error))?;
    let id_of = |row: usize| documents.get(row).map(|document| document.id);
    let repeats = found.iter().enumerate().filter_map(|(row, repeat)| Some((row, (*repeat)?)));
    for (row, repeat) in repeats.take(SHOWN) {
        let ids = id_of(row).and_then(|id| Ok((id, id_of(repeat.of)?)));
        let (id, of) = ids.map_err(|error| failed(GOAL, error))?;
        say(&format!("  {id} repeats {of}, cosine {:.3}", repeat.similarity));
    }
    let kept = (0..found.len()).filter(|&row| found[row].is_none());
    account.write(&args.form.format, kept.map(|row| documents.get(row)))?;
    account.write_decisions(documents.documents().zip(&found).map(|(document, repeat)| {
        let document = document?;
        let of = repeat.map(|one| id_of(one.of)).transpose()?;
        let similarity = repeat.map(|one| one.similarity);
        let (id, place) = (document.id, document.place.to_string());
        Ok::<_, CorpusError>(
            json!({"id": id, "place": place, "duplicate_of": of, "similarity": similarity}),
        )
    }))?;
    let num_dropped = found.iter().flatten().count();
    account.card.count("documents dropped", num_dropped as u64);
    account.finish()?;
    say(&format!("  {num_dropped} of {} documents dropped", documents.num_documents()));
    print_line(args.out.as_str());
    Ok(())
}

/// What must be the same in documents of which one may be dropped, since the meaning of a whole
/// text does not show it: as for near copies at their usual threshold.
fn shape(document: &SourceDocument) -> u64 {
    let sample = if document.turns {
        Sample::of_turns(&document.metadata, None)
    } else {
        Sample::beside_text(&document.metadata)
    };
    sample.shape(MinHashConfig::default().threshold)
}

/// The vectors of all documents, one after the other.
fn embed(
    embedder: &LocalEmbedder,
    documents: &DocumentSpool,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<f32>, Failure> {
    let num_documents = documents.num_documents();
    progress.begin("embedding documents", Some(num_documents as u64), "documents");
    let mut vectors = Vec::with_capacity(num_documents * embedder.dim());
    let mut left = documents.texts();
    let mut num_done = 0;
    while num_done < num_documents {
        if cancel.is_cancelled() {
            return Err(failed(GOAL, CorpusError::Interrupted));
        }
        let texts = left.by_ref().take(BATCH).collect::<Result<Vec<String>, _>>();
        let texts = texts.map_err(|error| failed(GOAL, error))?;
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let found =
            embedder.embed(&texts).map_err(|error| Failure::new(Exit::Environment, GOAL, error))?;
        for vector in &found {
            vectors.extend_from_slice(vector);
        }
        num_done += texts.len();
        progress.update(num_done as u64);
    }
    progress.end();
    Ok(vectors)
}

fn pairs(
    vectors: &[f32],
    dim: usize,
    args: &SemanticArgs,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<SimilarPairs, CorpusError> {
    let embeddings = Embeddings::new(vectors, dim)?;
    let rows = embeddings.rows();
    if rows <= ALL_PAIRS {
        return cosine_pairs(embeddings, args.threshold, cancel);
    }
    let clusters = args.clusters.unwrap_or_else(|| rows.isqrt());
    let options = KMeansOptions { clusters, seed: args.seed, ..KMeansOptions::default() };
    let clustering = spherical_kmeans(embeddings, &options, progress, cancel)?;
    semantic_pairs(embeddings, &clustering, args.threshold, KeepRule::First, cancel)
}
