//! The text of every error.

use super::*;

#[test]
fn every_error_has_its_text() {
    let dir = || Utf8PathBuf::from("project/.catena/index");
    let file = || dir().join("gen-0badcafe/vectors.f32");
    let io = || std::io::Error::from(std::io::ErrorKind::StorageFull);
    let json = || serde_json::from_str::<u8>("x").unwrap_err();
    let keyword = || tantivy::TantivyError::InvalidArgument("bad".to_owned());
    let (expected, found) = ("all-minilm-l6-v2".to_owned(), "other".to_owned());
    let errors = [
        KnowledgeError::NoChunks { dir: dir() },
        KnowledgeError::DuplicateChunk { id: "fees#0".to_owned() },
        KnowledgeError::ChunkSize { max_tokens: 3, least: 16 },
        KnowledgeError::QueryTooLong { found: 70_000, limit: 65_536 },
        KnowledgeError::OtherEmbedder { dir: dir(), expected, found },
        KnowledgeError::NoIndex { dir: dir() },
        KnowledgeError::Damaged { path: file(), what: "length", found: 3, expected: 1560 },
        KnowledgeError::Json { path: dir().join("manifest.json"), line: 2, source: json() },
        KnowledgeError::Io { action: "write", path: file(), source: io() },
        KnowledgeError::Keyword { dir: dir(), action: "commit", source: keyword() },
        KnowledgeError::embed(32, io()),
        KnowledgeError::classify(32, io()),
        KnowledgeError::Interrupted,
        KnowledgeError::EmbedderShape {
            identity: "words".to_owned(),
            what: "dimensions",
            found: 63,
            expected: 64,
        },
    ];
    let lines: Vec<String> = errors
        .iter()
        .map(|error| format!("{error}\n  hint: {}", error.hint().unwrap_or("-")))
        .collect();
    insta::assert_snapshot!("every_error", lines.join("\n"));
}
