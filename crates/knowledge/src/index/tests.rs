//! Build, search, restart, and damage.

use super::*;
use crate::error::KnowledgeError;
use crate::test_embedder::WordEmbedder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_protocol::{Cancel, Chunk, NoProgress, Span};

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().join("index")).unwrap();
    (folder, path)
}

fn chunk(document: &str, ordinal: usize, title: &str, text: &str) -> Chunk {
    Chunk {
        id: format!("{document}#{ordinal}"),
        document_id: document.to_owned(),
        title: title.to_owned(),
        text: text.to_owned(),
        span: Span { start: 0, end: text.len() },
    }
}

fn chunks() -> Vec<Chunk> {
    vec![
        chunk("cards", 0, "Gold card", "The annual fee of the card is $95."),
        chunk("cards", 1, "Gold card", "Travel purchases earn three points per dollar."),
        chunk("loans", 0, "Car loans", "Interest on car loans starts at 5 percent."),
        chunk("zh", 0, "信用卡", "信用卡的年费为零，逾期费为四十元。"),
    ]
}

fn build(dir: &Utf8Path, chunks: &[Chunk]) -> Result<BuildReport, KnowledgeError> {
    Index::build(dir, chunks, &WordEmbedder::new(), &NoProgress, &Cancel::new())
}

fn found(index: &Index, query: &str, method: Method) -> Vec<String> {
    let passages = index.search(query, method, 2, &WordEmbedder::new()).unwrap();
    passages.into_iter().map(|passage| passage.chunk.id).collect()
}

#[test]
fn every_method_finds_the_right_chunk_after_a_restart() {
    let (_guard, dir) = folder();
    let report = build(&dir, &chunks()).unwrap();
    assert_eq!((report.num_documents, report.num_chunks, report.dim), (3, 4, 64));
    for _restart in 0..2 {
        let index = Index::open(&dir).unwrap();
        assert_eq!(index.chunks(), chunks());
        for method in Method::ALL {
            let first = |query: &str| found(&index, query, method)[0].clone();
            assert_eq!(first("annual fees of a card"), "cards#0", "{}", method.name());
            assert_eq!(first("points for traveling"), "cards#1", "{}", method.name());
            assert_eq!(first("逾期费是多少"), "zh#0", "{}", method.name());
        }
    }
}

#[test]
fn titles_count_and_unknown_words_find_nothing_by_keyword() {
    let (_guard, dir) = folder();
    build(&dir, &chunks()).unwrap();
    let index = Index::open(&dir).unwrap();
    let mut gold = found(&index, "gold", Method::Keyword);
    gold.sort();
    assert_eq!(gold, ["cards#0", "cards#1"]);
    assert!(found(&index, "zebra !?", Method::Keyword).is_empty());
    assert!(found(&index, "", Method::Keyword).is_empty());
}

#[test]
fn documents_are_ranked_once_with_their_best_passage() {
    let (_guard, dir) = folder();
    build(&dir, &chunks()).unwrap();
    let index = Index::open(&dir).unwrap();
    for method in Method::ALL {
        let query = "points per dollar of travel with the gold card";
        let hits = index.search_documents(query, method, 10, &WordEmbedder::new()).unwrap();
        let ids: Vec<&str> = hits.iter().map(|hit| hit.document_id.as_str()).collect();
        let unique: std::collections::HashSet<&&str> = ids.iter().collect();
        assert_eq!((ids[0], unique.len()), ("cards", ids.len()), "{}", method.name());
        assert_eq!(hits[0].passage.chunk.id, "cards#1", "{}", method.name());
        let every = index.search_documents_by_all(query, 10, &WordEmbedder::new()).unwrap();
        assert!(every.contains(&(method, hits)), "{}", method.name());
    }
}

#[test]
fn a_long_query_is_read_to_its_end() {
    let (_guard, dir) = folder();
    build(&dir, &chunks()).unwrap();
    let index = Index::open(&dir).unwrap();
    let filler = "Nothing of note here today. ".repeat(20);
    let query = format!("{filler}\nInterest on car loans, please.");
    assert_eq!(found(&index, &query, Method::Dense)[0], "loans#0");
}

#[test]
fn a_new_build_replaces_the_old_one_and_a_failed_one_does_not() {
    let (_guard, dir) = folder();
    build(&dir, &chunks()).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped = Index::build(&dir, &chunks()[..1], &WordEmbedder::new(), &NoProgress, &cancel);
    assert!(matches!(stopped, Err(KnowledgeError::Interrupted)));
    assert_eq!(Index::open(&dir).unwrap().chunks().len(), 4);

    let reader = Index::open(&dir).unwrap();
    build(&dir, &chunks()[..1]).unwrap();
    assert_eq!(Index::open(&dir).unwrap().chunks().len(), 1);
    let folders = dir.read_dir_utf8().unwrap().filter(|one| one.as_ref().unwrap().path().is_dir());
    assert_eq!(folders.count(), 1, "only the current generation is left");
    assert_eq!(found(&reader, "car loans", Method::Hybrid)[0], "loans#0", "open ones stay usable");
}

#[test]
fn any_damaged_file_is_detected() {
    let (_guard, dir) = folder();
    build(&dir, &chunks()).unwrap();
    let mut files = Vec::new();
    list(&dir, &mut files);
    assert!(files.len() >= 8, "{files:?}");
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        for damage in [flip_middle(&bytes), bytes[..bytes.len() - 1].to_vec(), Vec::new()] {
            std::fs::write(&file, damage).unwrap();
            assert!(Index::open(&dir).is_err(), "damage of {file} was not seen");
        }
        std::fs::write(&file, bytes).unwrap();
    }
    assert!(Index::open(&dir).is_ok());
}

fn flip_middle(bytes: &[u8]) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    damaged[bytes.len() / 2] ^= 1;
    damaged
}

fn list(folder: &Utf8Path, files: &mut Vec<Utf8PathBuf>) {
    for entry in folder.read_dir_utf8().unwrap() {
        let path = entry.unwrap().path().to_owned();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension() != Some("lock") {
            files.push(path);
        }
    }
}

#[test]
fn bad_sets_embedders_and_queries_are_refused() {
    let (_guard, dir) = folder();
    assert!(matches!(Index::open(&dir), Err(KnowledgeError::NoIndex { .. })));
    assert!(matches!(build(&dir, &[]), Err(KnowledgeError::NoChunks { .. })));
    let twice = [chunks()[0].clone(), chunks()[0].clone()];
    assert!(matches!(build(&dir, &twice), Err(KnowledgeError::DuplicateChunk { .. })));
    let broken = WordEmbedder { broken_dim: Some(63), ..WordEmbedder::new() };
    let refused = Index::build(&dir, &chunks(), &broken, &NoProgress, &Cancel::new());
    assert!(matches!(refused, Err(KnowledgeError::EmbedderShape { found: 63, .. })));

    build(&dir, &chunks()).unwrap();
    let index = Index::open(&dir).unwrap();
    let other = WordEmbedder { identity: "other", ..WordEmbedder::new() };
    let refused = index.search("fee", Method::Hybrid, 1, &other);
    assert!(matches!(refused, Err(KnowledgeError::OtherEmbedder { .. })));
    let long = "x".repeat(70_000);
    let refused = index.search(&long, Method::Keyword, 1, &other);
    assert!(matches!(refused, Err(KnowledgeError::QueryTooLong { found: 70_000, .. })));
}
