//! GGUF files made by llama.cpp's converter against the folders that they were made from.

use super::goldens::{F32, Golden, TOLERANCE, goldens, inputs, relative_error};
use super::refusals::changed;
use crate::QuantizedProducts;
use crate::encoder::{Encoder, EncoderTask, Pooling, SentenceConfig, SequenceClassifier};
use crate::gguf::GgufFile;
use crate::linear::LoadOptions;
use camino::Utf8Path;
use catena_kernels::{DenseType, Pool};
use serde_json::json;
use std::sync::Arc;

/// A file without all of the head.
const NO_HEAD: &str = "bert_cross_encoder";
/// A file without the activation of the head and the kinds of the layers.
const OTHER_KINDS: &str = "modernbert_sequence";

/// All goldens with a file that says all of the trunk.
fn files() -> Vec<(Golden, Golden)> {
    let all = goldens(false).into_iter().chain(goldens(true));
    let files = all.filter_map(|golden| golden.gguf("model.gguf").map(|file| (golden, file)));
    let files: Vec<_> = files.filter(|(golden, _)| golden.name() != OTHER_KINDS).collect();
    assert!(files.len() >= 11, "goldens with a GGUF file");
    files
}

/// The golden's file, if there is one that says all.
pub(super) fn whole_gguf(golden: &Golden) -> Option<Golden> {
    golden.gguf("model.gguf").filter(|_| ![NO_HEAD, OTHER_KINDS].contains(&golden.name()))
}

#[test]
fn files_agree_with_transformers() {
    for golden in goldens(false).iter().filter_map(whole_gguf) {
        let error = golden.error();
        assert!(error < TOLERANCE, "{}: {error:e}", golden.path);
    }
    for golden in goldens(true).iter().filter_map(whole_gguf) {
        let error = golden.embedding_error();
        assert!(error < TOLERANCE, "{}: {error:e}", golden.path);
    }
}

#[test]
fn files_say_what_their_folders_say() {
    for (folder, file) in files() {
        let mut expected = folder.config.clone();
        expected.head.architecture.clone_from(&file.config.head.architecture);
        if expected.head.task == EncoderTask::Hidden {
            // Two labels without names, of a head that is not there.
            expected.head.labels.clear();
            expected.head.act = file.config.head.act;
        }
        assert_eq!(file.config, expected, "{}", file.path);
    }
}

#[test]
fn trunks_are_those_of_the_folders_bit_for_bit() {
    for (folder, file) in files() {
        let states = |golden: &Golden| {
            let encoder = Encoder::load_with(&golden.path, Arc::new(Pool::new(2)), F32).unwrap();
            let typed = golden.typed_tokens();
            // Embedders have no tokens of their own.
            let typed = if typed.is_empty() { texts(golden) } else { typed };
            encoder.hidden_states(&inputs(&typed)).unwrap()
        };
        let (found, expected) = (states(&file), states(&folder));
        let error = relative_error(&found, &expected);
        assert!(found == expected, "{}: {error:e}", file.path);
    }
}

/// Biases everywhere, pooling by the mean, and named labels, which the other goldens do not have.
#[test]
fn a_modern_bert_with_all_parts_is_its_folder_with_the_usual_kinds_bit_for_bit() {
    let all = goldens(false);
    let golden = all.iter().find(|golden| golden.name() == OTHER_KINDS).unwrap();
    let (full, sliding) = ("full_attention", "sliding_attention");
    let folder = changed(OTHER_KINDS, |config| {
        config["layer_types"] = json!([full, sliding, sliding, full]);
        config["classifier_activation"] = json!("gelu");
    });
    let logits = |path: &Utf8Path| {
        let classifier = SequenceClassifier::load_with(path, Arc::new(Pool::new(2)), F32).unwrap();
        (classifier.labels().to_vec(), classifier.logits(&inputs(&golden.typed_tokens())).unwrap())
    };
    let file = golden.gguf("model.gguf").unwrap();
    assert_eq!(logits(&file.path), logits(Utf8Path::from_path(folder.path()).unwrap()));
}

fn texts(golden: &Golden) -> Vec<catena_text::TypedTokens> {
    let limit = Some(golden.config.max_tokens);
    let encode = |(first, second)| golden.tokenizer.encode_typed(first, second, limit).unwrap();
    golden.texts().into_iter().map(encode).collect()
}

#[test]
fn texts_and_pairs_are_encoded_as_by_the_folders() {
    for (folder, file) in files() {
        for (text, pair) in [(folder.texts(), false), (file.texts(), true)]
            .into_iter()
            .flat_map(|(texts, pairs)| texts.into_iter().map(move |text| (text, pairs)))
        {
            // Of every vocabulary also pairs, whatever its head.
            let (first, second) = (text.0, text.1.or(pair.then_some("a pair, 15 €")));
            let encode = |golden: &Golden| {
                let mut typed = golden.tokenizer.encode_typed(first, second, Some(60)).unwrap();
                if golden.config.type_vocab_size < 2 {
                    typed.types.clear();
                }
                typed
            };
            assert_eq!(encode(&file), encode(&folder), "{}: {first:?} {second:?}", file.path);
        }
    }
}

/// Largest difference that integer products and the dequantized twin may have: activations are
/// rounded to 8 bits, a step of 1/127 of the largest in a block, in each of a few layers.
const INTEGER: f64 = 5e-2;
/// The same for unrounded activations in bf16, whose steps are 1/256.
const PRECISE: f64 = 2e-2;

#[test]
fn block_formats_are_multiplied_as_their_dequantized_twins() {
    let quantized: Vec<_> =
        goldens(false).iter().filter_map(|golden| golden.gguf("model-Q8_0.gguf")).collect();
    assert_eq!(quantized.len(), 2);
    for golden in quantized {
        let typed = golden.typed_tokens();
        let states = |quantized| {
            let options = LoadOptions { dense_type: DenseType::F32, quantized };
            let encoder =
                Encoder::load_with(&golden.path, Arc::new(Pool::new(2)), options).unwrap();
            encoder.hidden_states(&inputs(&typed)).unwrap()
        };
        let twin = states(QuantizedProducts::Dequantized);
        let error = relative_error(&twin, &golden.expected("hidden", typed.len()));
        assert!(error > 1e-4 && error < INTEGER, "{}: {error:e}", golden.path);
        for (products, tolerance) in
            [(QuantizedProducts::Integer, INTEGER), (QuantizedProducts::Precise, PRECISE)]
        {
            let error = relative_error(&states(products), &twin);
            let rounded = products == QuantizedProducts::Integer;
            assert!(!rounded || error > 1e-4, "{}: blocks were unpacked", golden.path);
            assert!(error < tolerance, "{} {products:?}: {error:e}", golden.path);
        }
    }
}

#[test]
fn pooling_is_the_files_and_vectors_are_scaled() {
    for (folder, file) in files() {
        let open = || SentenceConfig::from_gguf(&GgufFile::open(&file.path).unwrap(), 64).unwrap();
        let pooling = if folder.name() == "embed_cls" { Pooling::Cls } else { Pooling::Mean };
        let expected = SentenceConfig {
            max_seq_length: 64,
            pooling: vec![pooling],
            dense: vec![],
            normalize: true,
        };
        assert_eq!(open(), expected, "{}", file.path);
    }
}

#[test]
fn labels_are_those_of_the_file() {
    let labels = |name: &str| {
        let path = crate::test_support::golden("encoders").join(name).join("model.gguf");
        let classifier = SequenceClassifier::load_with(&path, Arc::new(Pool::new(1)), F32).unwrap();
        classifier.labels().to_vec()
    };
    assert_eq!(labels("xlm_roberta_sequence"), ["refund", "card", "transfer"]);
    assert_eq!(labels("modernbert_cross_encoder"), ["LABEL_0"]);
}
