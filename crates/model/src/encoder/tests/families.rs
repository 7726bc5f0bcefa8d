//! Tiny checkpoints of every family and head against `transformers` and
//! `sentence-transformers`, and the page that lists them.

use crate::encoder::{
    Encoder, EncoderConfig, EncoderInput, EncoderTask, SequenceClassifier, TextEmbedder,
    TokenClassifier, encoder_families,
};
use crate::linear::LoadOptions;
use crate::safetensors::SafetensorsFile;
use crate::test_support::golden;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::{DenseType, Pool};
use catena_text::{Tokenizer, TypedTokens};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Largest error over the largest value, in f32: two orders of its rounding, for sums of other
/// orders.
const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Inputs {
    texts: Vec<String>,
    pairs: Vec<(String, String)>,
}

/// A tiny checkpoint with what the reference makes of the inputs.
struct Golden {
    dir: Utf8PathBuf,
    config: EncoderConfig,
    forward: SafetensorsFile,
    tokenizer: Tokenizer,
    inputs: Inputs,
}

/// The folders whose names do or do not begin with `embed_`, sorted.
fn goldens(embedders: bool) -> Vec<Golden> {
    let root = golden("encoders");
    let mut dirs: Vec<_> = root
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_dir())
        .filter(|path| path.file_name().unwrap().starts_with("embed_") == embedders)
        .collect();
    dirs.sort();
    assert!(dirs.len() >= 5, "{root} holds the goldens");
    dirs.into_iter().map(Golden::open).collect()
}

impl Golden {
    fn open(dir: Utf8PathBuf) -> Self {
        let inputs = std::fs::read(golden("encoders").join("inputs.json")).unwrap();
        let tokenizer = std::fs::read(dir.join("tokenizer.json")).unwrap();
        Self {
            config: EncoderConfig::open(&dir).unwrap(),
            forward: SafetensorsFile::open(&dir.join("forward.safetensors")).unwrap(),
            tokenizer: Tokenizer::from_json_bytes(&tokenizer).unwrap(),
            inputs: serde_json::from_slice(&inputs).unwrap(),
            dir,
        }
    }

    /// The inputs as the reference's tokenizer gives them; the last is no text.
    fn typed_tokens(&self) -> Vec<TypedTokens> {
        let ids = |name: String| -> Vec<u32> {
            let bytes = self.forward.tensor(&name).unwrap().bytes;
            bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
        };
        let names = |i: &usize| self.forward.contains(&format!("tokens_{i}"));
        let input = |i: usize| TypedTokens {
            ids: ids(format!("tokens_{i}")),
            types: ids(format!("types_{i}")),
        };
        (0..99).take_while(names).map(input).collect()
    }

    fn expected(&self, kind: &str, count: usize) -> Vec<Vec<f32>> {
        let value = |i| self.forward.tensor(&format!("{kind}_{i}")).unwrap().to_f32().unwrap();
        (0..count).map(value).collect()
    }

    /// What we make of the inputs.
    fn found(&self, threads: usize, inputs: &[EncoderInput<'_>]) -> Vec<Vec<f32>> {
        let pool = Arc::new(Pool::new(threads));
        match self.config.head.task() {
            EncoderTask::Hidden => {
                Encoder::load_with(&self.dir, pool, F32).unwrap().hidden_states(inputs)
            }
            EncoderTask::SequenceClassification => {
                SequenceClassifier::load_with(&self.dir, pool, F32).unwrap().logits(inputs)
            }
            EncoderTask::TokenClassification => {
                TokenClassifier::load_with(&self.dir, pool, F32).unwrap().logits(inputs)
            }
        }
        .unwrap()
    }

    /// Largest error of any input over its largest value.
    fn error(&self) -> f64 {
        let typed = self.typed_tokens();
        let kind = if self.config.head.task() == EncoderTask::Hidden { "hidden" } else { "logits" };
        let expected = self.expected(kind, typed.len());
        relative_error(&self.found(2, &inputs(&typed)), &expected)
    }

    fn embedding_error(&self) -> f64 {
        let embedder = TextEmbedder::load_with(&self.dir, Arc::new(Pool::new(2)), F32).unwrap();
        let expected = self.forward.tensor("embeddings").unwrap().to_f32().unwrap();
        let expected: Vec<_> = expected.chunks_exact(embedder.dim()).map(<[f32]>::to_vec).collect();
        let tokens = |text: &String| {
            let mut ids = self.tokenizer.encode(text, true, false).unwrap();
            embedder.truncate(&mut ids);
            ids
        };
        let batch: Vec<_> = self.inputs.texts.iter().map(tokens).collect();
        relative_error(&embedder.embed(&batch).unwrap(), &expected)
    }
}

const F32: LoadOptions =
    LoadOptions { dense_type: DenseType::F32, quantized: crate::QuantizedProducts::Integer };

fn inputs(typed: &[TypedTokens]) -> Vec<EncoderInput<'_>> {
    typed
        .iter()
        .map(|TypedTokens { ids, types }| EncoderInput { tokens: ids, token_types: types })
        .collect()
}

fn relative_error(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f64 {
    assert_eq!(found.len(), expected.len(), "inputs");
    let one = |(found, expected): (&Vec<f32>, &Vec<f32>)| {
        assert_eq!(found.len(), expected.len(), "values of an input");
        let largest = expected.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
        let difference = |(a, b): (&f32, &f32)| f64::from((a - b).abs());
        let error = found.iter().zip(expected).map(difference).fold(0.0, f64::max);
        assert!(found.iter().all(|x| x.is_finite()));
        error / largest
    };
    found.iter().zip(expected).map(one).fold(0.0, f64::max)
}

#[test]
fn every_family_and_head_agrees_with_transformers() {
    for golden in goldens(false) {
        let error = golden.error();
        assert!(error < TOLERANCE, "{}: {error:e}", golden.dir);
    }
}

#[test]
fn embeddings_agree_with_sentence_transformers() {
    for golden in goldens(true) {
        let error = golden.embedding_error();
        assert!(error < TOLERANCE, "{}: {error:e}", golden.dir);
    }
}

#[test]
fn texts_and_pairs_are_encoded_as_transformers_does() {
    for golden in goldens(false) {
        let expected = golden.typed_tokens();
        let texts: Vec<(&str, Option<&str>)> = if golden.config.head.labels == ["LABEL_0"] {
            golden.inputs.pairs.iter().map(|(a, b)| (a.as_str(), Some(b.as_str()))).collect()
        } else {
            golden.inputs.texts.iter().map(|text| (text.as_str(), None)).collect()
        };
        assert_eq!(texts.len() + 1, expected.len());
        let max_tokens = Some(golden.config.max_tokens);
        for ((first, second), expected) in texts.into_iter().zip(&expected) {
            let found = golden.tokenizer.encode_typed(first, second, max_tokens).unwrap();
            assert_eq!(&found, expected, "{}: {first:?} {second:?}", golden.dir);
        }
    }
}

#[test]
fn results_do_not_depend_on_the_batch_or_the_threads() {
    for golden in goldens(false) {
        let typed = golden.typed_tokens();
        let inputs = inputs(&typed);
        let together = golden.found(2, &inputs);
        let many: Vec<_> = inputs.iter().rev().cycle().take(40 * inputs.len()).copied().collect();
        let many = golden.found(3, &many);
        for (i, (input, found)) in inputs.iter().zip(&together).enumerate() {
            let alone = golden.found(1, &[*input]);
            assert_eq!(&alone[0], found, "{}: input {i} alone", golden.dir);
            for repeated in many.chunks_exact(inputs.len()) {
                assert_eq!(&repeated[inputs.len() - 1 - i], found, "{}: {i} of many", golden.dir);
            }
        }
    }
}

#[test]
fn labels_are_those_of_the_file() {
    let open = |name: &str| EncoderConfig::open(&golden("encoders").join(name)).unwrap().head;
    assert_eq!(open("bert_sequence").labels, ["refund", "card", "transfer"]);
    assert_eq!(open("roberta_tokens").labels, ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]);
    assert_eq!(open("modernbert_cross_encoder").labels, ["LABEL_0"]);
    // transformers leaves out two labels without names of their own.
    assert_eq!(open("bert").labels, ["LABEL_0", "LABEL_1"]);
}

/// The row of a checkpoint: family, its name in the file, what was compared.
type Row = (usize, String, &'static str);

fn rows() -> BTreeMap<Row, (usize, f64)> {
    let mut rows = BTreeMap::new();
    let mut add = |golden: &Golden, what, error| {
        let model_type = golden.config.model_type.clone();
        let family = encoder_families().position(|(_, types)| types.contains(&&*model_type));
        let (count, largest) = rows.entry((family.unwrap(), model_type, what)).or_insert((0, 0.0));
        (*count, *largest) = (*count + 1, f64::max(*largest, error));
    };
    for golden in goldens(false) {
        let what = match golden.config.head.task() {
            EncoderTask::Hidden => "hidden states",
            EncoderTask::SequenceClassification if golden.config.head.labels.len() == 1 => {
                "cross-encoder"
            }
            EncoderTask::SequenceClassification => "sequence classification",
            EncoderTask::TokenClassification => "token classification",
        };
        add(&golden, what, golden.error());
    }
    for golden in goldens(true) {
        add(&golden, "text embeddings", golden.embedding_error());
    }
    rows
}

/// The page, and the same without the measured errors, which differ between instruction sets.
fn page() -> String {
    let mut page = String::from(
        "# Encoders\n\n\
         Families of encoders that Catena runs, and the largest error of each head against \
         `transformers` (text\nembeddings: `sentence-transformers`) in f32, over the largest value, \
         on tiny random checkpoints. This page\nis generated by the tests that compare them: \
         `UPDATE_DOCS=1 cargo test -p catena-model encoder`.\n\n\
         | family | `model_type` | head | checkpoints | error |\n|---|---|---|---|---|\n",
    );
    for ((family, model_type, what), (count, error)) in rows() {
        let (name, _) = encoder_families().nth(family).unwrap();
        writeln!(page, "| {name} | `{model_type}` | {what} | {count} | {error:.0e} |").unwrap();
    }
    page
}

fn without_errors(page: &str) -> String {
    let line = |line: &str| match line.trim_end_matches(" |").rsplit_once(" | ") {
        Some((before, _)) => before.to_owned(),
        None => line.to_owned(),
    };
    page.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_of_encoders_is_up_to_date() {
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/encoders.md");
    let wanted = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        without_errors(&found) == without_errors(&wanted),
        "{path} is stale: UPDATE_DOCS=1 cargo test -p catena-model encoder"
    );
    for (model_type, types) in encoder_families().flat_map(|(_, types)| types).map(|t| (t, &found))
    {
        assert!(types.contains(&format!("`{model_type}`")), "{model_type} has no golden");
    }
}
