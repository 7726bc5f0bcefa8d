//! Every family against `transformers`, from both kinds of files.

use super::LogitsFor;
use super::tests::{Bench, check_invariance, exact};
use crate::Checkpoint;
use crate::safetensors::SafetensorsFile;
use crate::test_support::{golden, tokens};

/// Largest error of a logit relative to the largest logit, all arithmetic in f32; keys and values
/// are rounded to bf16 in both.
const TOLERANCE: f32 = 1e-4;

fn names() -> Vec<String> {
    let folder = golden("families");
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries.map(|entry| name(entry).into_string().unwrap()).collect();
    names.sort();
    names
}

/// Error of the logits of the golden's tokens.
fn error(name: &str, file: &str) -> f32 {
    let folder = golden("families").join(name);
    let checkpoint = Checkpoint::open(&folder.join(file)).unwrap();
    let golden = SafetensorsFile::open(&folder.join("forward.safetensors")).unwrap();
    let expected = golden.tensor("logits").unwrap().to_f32().unwrap();
    let mut bench = Bench::new(&checkpoint, 2, exact());
    let tokens = tokens(&golden, "tokens");
    let found = bench.step(512, &[(0, &tokens, 0, LogitsFor::From(0))]);
    assert_eq!(found.len(), expected.len(), "{name}");
    let largest = expected.iter().fold(0f32, |max, x| max.max(x.abs()));
    let error = found.iter().zip(&expected).fold(0f32, |max, (a, b)| max.max((a - b).abs()));
    error / largest
}

#[test]
fn every_family_agrees_with_transformers() {
    let mut wrong = Vec::new();
    for name in names() {
        for file in ["", "model.gguf"] {
            if golden("families").join(&name).join(file).exists() {
                let error = error(&name, file);
                if error.is_nan() || error > TOLERANCE {
                    wrong.push(format!("{name}/{file}: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn logits_of_no_family_depend_on_the_batch() {
    for name in names() {
        let checkpoint = Checkpoint::open(&golden("families").join(&name)).unwrap();
        check_invariance(&checkpoint, exact(), 96);
    }
}
