//! Real vocabularies: the ids of llama.cpp's own test files.
//!
//! Its source tree holds vocabularies without weights, each with texts and the ids expected of
//! them. The files are fetched, not kept here.

use std::collections::BTreeMap;
use std::fs;

use camino::Utf8PathBuf;
use catena_text::Tokenizer;

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
