//! Real vocabularies: the ids of llama.cpp's own test files.
//!
//! Its source tree holds vocabularies without weights, each with texts and the ids expected of
//! them. The files are fetched, not kept here.

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8PathBuf;
use catena_text::{GgufVocab, Tokenizer};
use serde_json::{Value, json};

use crate::gguf::GgufFile;
use crate::test_support::test_model;

/// Stands between two texts of an input file.
const BETWEEN: &str = "\n__ggml_vocab_test__\n";

fn load(name: &str) -> Tokenizer {
    let file = GgufFile::open(&test_model("llama.cpp").join(name)).unwrap();
    Tokenizer::from_gguf(&file.vocab().unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn vocabularies() -> Vec<Utf8PathBuf> {
    let files = test_model("llama.cpp").read_dir_utf8().unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path().to_owned()).collect();
    files.retain(|file| file.extension() == Some("gguf"));
    files.sort();
    files
}

/// How many texts have other ids, for each vocabulary that has any.
fn disagreements() -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for file in vocabularies() {
        let (inputs, outputs) = (format!("{file}.inp"), format!("{file}.out"));
        let (Ok(inputs), Ok(outputs)) = (fs::read_to_string(inputs), fs::read_to_string(outputs))
        else {
            continue;
        };
        let name = file.file_name().unwrap();
        let tokenizer = load(name);
        let texts: Vec<&str> = inputs.split(BETWEEN).collect();
        let expected: Vec<&str> = outputs.lines().collect();
        assert!(texts.len() >= 40 && texts.len() >= expected.len(), "{name}");
        let mut wrong = Vec::new();
        for (text, expected) in texts.iter().zip(&expected) {
            let ids = tokenizer.encode(text, false, false).unwrap();
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            if ids.join(" ") != expected.trim() {
                wrong.push(format!("{text:?}: {} instead of {}", ids.join(" "), expected.trim()));
            }
        }
        all.insert(name.to_owned(), wrong);
    }
    all
}

#[test]
fn ids_are_those_of_llama_cpp() {
    let found = disagreements();
    assert!(found.len() >= 15, "{:?}", found.keys());
    let wrong: Vec<String> = found
        .iter()
        .filter(|(_, wrong)| !wrong.is_empty())
        .map(|(name, wrong)| format!("{name}: {}\n{}", wrong.len(), wrong.join("\n")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn ids_and_texts_are_those_of_sentencepiece() {
    let golden = include_str!("../../../text/tests/golden/sentencepiece_tokens.json");
    let golden: Vec<Value> = serde_json::from_str(golden).unwrap();
    assert!(golden.len() >= 500);
    let mut loaded: BTreeMap<String, Tokenizer> = BTreeMap::new();
    let mut wrong = Vec::new();
    for entry in golden {
        let name = entry["vocabulary"].as_str().unwrap();
        let tokenizer = loaded
            .entry(name.to_owned())
            .or_insert_with(|| load(&format!("ggml-vocab-{name}.gguf")));
        let text = entry["text"].as_str().unwrap();
        let ids = tokenizer.encode(text, false, false).unwrap();
        let decoded = entry["decoded"].as_str().unwrap_or(text);
        let found = tokenizer.decode(&ids, false);
        // SentencePiece writes its own sign for what it does not know, transformers the token.
        let unknown = ids.iter().any(|&id| Some(id) == tokenizer.unk_token_id());
        if json!(ids) != entry["ids"] {
            wrong.push((name.to_owned(), text.to_owned()));
        } else if found != decoded && !unknown {
            panic!("{name} {text:?} decodes to {found:?} instead of {decoded:?}");
        }
        let mut stream = tokenizer.stream();
        let mut streamed: String = ids.iter().map(|&id| stream.push(id)).collect();
        streamed.push_str(&stream.finish());
        assert_eq!(streamed, tokenizer.decode(&ids, true), "{name} {text:?}");
    }
    // FIXME: the tokenizers crate drops marks above letters of this kind of vocabulary, as it does
    // in transformers.
    let marks = ['\u{301}', '\u{308}'];
    wrong.retain(|(name, text)| name != "nomic-bert-moe" || !text.contains(marks));
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// What every vocabulary must do, whatever its kind.
#[test]
fn vocabularies_give_their_texts_back() {
    let texts =
        ["Hello, world! 你好，世界 😀 3.14", "  two  spaces\n\n\ttab ", "def f(x):\n    return x"];
    for file in vocabularies() {
        let name = file.file_name().unwrap();
        let tokenizer = load(name);
        // WordPiece and unigram normalize what they read.
        if name.contains("bert") {
            continue;
        }
        for text in texts {
            let ids = tokenizer.encode(text, false, false).unwrap();
            assert_eq!(tokenizer.decode(&ids, false), text, "{name}");
        }
    }
}

/// What is written of a SentencePiece vocabulary gives the ids of the file that it was read from.
#[test]
fn sentencepiece_vocabularies_are_written_again() {
    let mut written = 0;
    for file in vocabularies() {
        let name = file.file_name().unwrap();
        if GgufFile::open(&file).unwrap().vocab().unwrap().model != "llama" {
            continue;
        }
        let first = load(name);
        let vocab = GgufVocab::from_tokenizer(&first);
        let vocab = vocab.unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = Tokenizer::from_gguf(&vocab).unwrap();
        let texts = fs::read_to_string(format!("{file}.inp")).unwrap_or_default();
        for text in texts.split(BETWEEN) {
            let ids = |tokenizer: &Tokenizer| tokenizer.encode(text, true, true).unwrap();
            assert_eq!(ids(&again), ids(&first), "{name}: {text:?}");
        }
        written += 1;
    }
    assert!(written >= 3, "{written} vocabularies");
}
