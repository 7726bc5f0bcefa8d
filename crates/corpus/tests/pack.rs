//! Shards against what DataTrove, Megatron-LM and NumPy write.

#![expect(clippy::unwrap_used, reason = "tests: what fails shall panic")]

use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{TokenShard, TokenWidth, open_datatrove, open_megatron, shard_writer};
use serde::Deserialize;

#[derive(Deserialize)]
struct Documents {
    letters: Vec<Vec<u32>>,
    wide: Vec<Vec<u32>>,
}

fn golden() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pack")
}

fn documents() -> [(&'static str, TokenWidth, Vec<Vec<u32>>); 2] {
    let text = std::fs::read_to_string(golden().join("documents.json")).unwrap();
    let Documents { letters, wide } = serde_json::from_str(&text).unwrap();
    [("letters", TokenWidth::U16, letters), ("wide", TokenWidth::U32, wide)]
}

fn read(mut shard: TokenShard) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    for document in 0..shard.documents() {
        let mut tokens = Vec::new();
        shard.read(document, &mut tokens).unwrap();
        all.push(tokens);
    }
    all
}

#[test]
fn their_shards_are_read() {
    for (name, width, expected) in documents() {
        let shard = open_datatrove(&golden().join(format!("{name}.ds"))).unwrap();
        assert_eq!(shard.width(), width);
        assert_eq!(read(shard), expected);
        let shard = open_megatron(&golden().join(name)).unwrap();
        assert_eq!(shard.width(), width);
        assert_eq!(read(shard), expected);
    }
}

#[test]
fn our_shards_are_theirs_byte_for_byte() {
    let kept = tempfile::tempdir().unwrap();
    let folder = Utf8PathBuf::from_path_buf(kept.path().to_owned()).unwrap();
    for (name, width, documents) in documents() {
        for format in ["datatrove", "megatron", "numpy"] {
            let mut writer = shard_writer(format, &folder.join(name), "letters", width).unwrap();
            for tokens in &documents {
                writer.write("", tokens).unwrap();
            }
            writer.finish().unwrap();
        }
        for extension in ["ds", "ds.index", "ds.metadata", "bin", "idx", "npy"] {
            let file = format!("{name}.{extension}");
            let Ok(theirs) = std::fs::read(golden().join(&file)) else {
                assert_eq!(file, "wide.npy", "the only file that is not golden");
                continue;
            };
            assert!(std::fs::read(folder.join(&file)).unwrap() == theirs, "{file} differs");
        }
    }
}
