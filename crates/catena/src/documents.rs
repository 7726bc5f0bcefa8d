//! Documents as the index, the questions and the studio know them: an id, a title, a text.

use camino::Utf8Path;
use catena_corpus::{CorpusError, Format, ReadOptions, Row, SourceDocument, plan_shards};
use catena_protocol::Document;
use serde_json::Value;

/// Bytes of one row. A document of a cleaned set is one, whatever the file it came from had.
const MAX_ROW_BYTES: usize = 1 << 30;
/// Endings that say how a file is packed.
const PACKED: [&str; 4] = [".gz", ".gzip", ".zst", ".zstd"];

/// The documents that the stage `data` left in `folder`.
pub(crate) fn read_clean_documents(folder: &Utf8Path) -> Result<Vec<Document>, CorpusError> {
    read_documents(&folder.join("data"))
}

/// Every document of the file or folder `path`, in the order of `catena data`.
///
/// # Errors
/// Those of reading; a row that is no document is one.
pub(crate) fn read_documents(path: &Utf8Path) -> Result<Vec<Document>, CorpusError> {
    let mut options = ReadOptions { strict: true, ..ReadOptions::default() };
    options.limits.max_row_bytes = MAX_ROW_BYTES;
    let mut documents = Vec::new();
    for shard in plan_shards(&[path.to_string()], &options)? {
        for row in shard.open(&options)? {
            match row? {
                Row::Document(document) => documents.push(known(document)),
                Row::Bad(bad) => {
                    return Err(CorpusError::BadRow { place: bad.place, reason: bad.reason });
                }
            }
        }
    }
    Ok(documents)
}

fn known(document: SourceDocument) -> Document {
    let title = title(&document);
    Document { id: document.id, title, content: document.text }
}

/// Its own title; that of a file without one is its first heading, or else its name.
fn title(document: &SourceDocument) -> String {
    if let Some(title) = document.metadata.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    // A file that is one text has its name as id; a row of a table without a title has none.
    if document.id != document.source {
        return String::new();
    }
    let heading = |line: &str| line.strip_prefix("# ").map(|title| title.trim().to_owned());
    let is_markdown = Format::of_name(&document.source).0 == Format::Markdown;
    let heading = document.text.lines().find_map(heading).filter(|_| is_markdown);
    heading.unwrap_or_else(|| name(&document.source))
}

/// The name of a file in words.
fn name(path: &str) -> String {
    let plain = PACKED.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path);
    Utf8Path::new(plain).file_stem().unwrap_or_default().replace(['_', '-'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_document_has_an_id_and_files_have_a_title() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = Utf8Path::from_path(dir.path()).expect("a plain path");
        let put = |name: &str, text: &str| fs::write(path.join(name), text).expect("it is written");
        put("a.jsonl", "{\"id\":\"a\",\"title\":\"A\",\"content\":\"x\"}\n{\"content\":\"y\"}\n");
        put("b_fees.md", "Intro\n# Fees\ntext");
        put("c.txt", "# No heading");
        put("how_to-pay.txt", "text");
        let found = read_documents(path).expect("they are read");
        let found: Vec<_> =
            found.iter().map(|one| (&*one.id, &*one.title, &*one.content)).collect();
        let expected = [
            ("a", "A", "x"),
            ("a.jsonl:2", "", "y"),
            ("b_fees.md", "Fees", "Intro\n# Fees\ntext"),
            ("c.txt", "c", "# No heading"),
            ("how_to-pay.txt", "how to pay", "text"),
        ];
        assert_eq!(found, expected);
        assert_eq!(name("x/old-prices.md.gz"), "old prices");
    }
}
