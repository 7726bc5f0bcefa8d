//! The sentence encoder of the test models; families, GGUF files and refusals in files of their own.

mod families;
mod gguf;
mod gguf_refusals;
mod goldens;
mod refusals;

use super::{EncodeError, TextEmbedder};
use crate::linear::LoadOptions;
use crate::safetensors::SafetensorsFile;
use crate::test_support::{golden, test_model};
use catena_kernels::{DenseType, Pool};
use std::sync::Arc;

const NUM_TEXTS: usize = 12;

fn minilm(threads: usize, dense_type: DenseType) -> TextEmbedder {
    let options = LoadOptions { dense_type, ..LoadOptions::default() };
    let pool = Arc::new(Pool::new(threads));
    TextEmbedder::load_with(&test_model("all-minilm-l6-v2"), pool, options).unwrap()
}

/// Token ids (cut to the encoder's limit) and embeddings.
fn expected(encoder: &TextEmbedder) -> (Vec<Vec<u32>>, Vec<Vec<f32>>) {
    let file = SafetensorsFile::open(&golden("minilm_forward.safetensors")).unwrap();
    let texts = (0..NUM_TEXTS).map(|text| {
        let bytes = file.tensor(&format!("tokens_{text:02}")).unwrap().bytes;
        let ids = bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap()));
        let mut tokens: Vec<u32> = ids.collect();
        encoder.truncate(&mut tokens);
        tokens
    });
    let embeddings = file.tensor("embeddings").unwrap().to_f32().unwrap();
    let rows = embeddings.chunks_exact(encoder.dim()).map(<[f32]>::to_vec).collect();
    (texts.collect(), rows)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| x as f64 * y as f64).sum();
    let (ab, aa, bb): (f64, f64, f64) = (dot(a, b), dot(a, a), dot(b, b));
    ab / (aa * bb).sqrt()
}

#[test]
fn minilm_agrees_with_sentence_transformers() {
    for (dense_type, least) in [(DenseType::F32, 0.999_999), (DenseType::Bf16, 0.999)] {
        let encoder = minilm(2, dense_type);
        let (texts, expected) = expected(&encoder);
        let found = encoder.embed(&texts).unwrap();
        assert_eq!(found.len(), expected.len());
        for (text, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let (cosine, length) = (cosine(found, expected), cosine_length(found));
            assert!(cosine >= least, "{dense_type:?}, text {text}: cosine {cosine}");
            assert!((length - 1.0).abs() < 1e-5, "{dense_type:?}, text {text}: length {length}");
        }
    }
}

fn cosine_length(vector: &[f32]) -> f64 {
    vector.iter().map(|&x| x as f64 * x as f64).sum::<f64>().sqrt()
}

#[test]
fn embeddings_do_not_depend_on_the_batch() {
    let (one, two) = (minilm(1, DenseType::Bf16), minilm(2, DenseType::Bf16));
    let (texts, _) = expected(&two);
    let together = two.embed(&texts).unwrap();
    for (text, (tokens, found)) in texts.iter().zip(&together).enumerate() {
        let alone = &one.embed(std::slice::from_ref(tokens)).unwrap()[0];
        let equal = alone.iter().zip(found).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(equal, "text {text}");
    }
}

#[test]
fn truncation_is_the_callers_and_is_counted() {
    let encoder = minilm(1, DenseType::Bf16);
    let mut tokens: Vec<u32> = (1000..1300).collect();
    assert_eq!(encoder.truncate(&mut tokens), 44);
    assert_eq!((tokens.len(), tokens[254], tokens[255]), (256, 1254, 1299));
    assert_eq!(encoder.truncate(&mut tokens), 0);
}

#[test]
fn wrong_texts_are_refused() {
    let encoder = minilm(1, DenseType::Bf16);
    let ok = vec![101, 102];
    let check = |tokens: Vec<u32>| encoder.embed(&[ok.clone(), tokens]).unwrap_err();
    assert_eq!(check(vec![]), EncodeError::Empty { text: 1 });
    let too_long = EncodeError::TooLong { text: 1, tokens: 257, max_tokens: 256 };
    assert_eq!(check(vec![7; 257]), too_long);
    let unknown = EncodeError::UnknownToken { text: 1, token: 30522, vocab_size: 30522 };
    assert_eq!(check(vec![30522]), unknown);
}

#[test]
fn every_error_reads_well() {
    let errors = [
        EncodeError::Empty { text: 1 },
        EncodeError::TooLong { text: 0, tokens: 300, max_tokens: 256 },
        EncodeError::UnknownToken { text: 3, token: 30522, vocab_size: 30522 },
        EncodeError::TypeCount { text: 0, tokens: 12, types: 11 },
        EncodeError::UnknownType { text: 2, found: 2, type_vocab_size: 2 },
    ];
    insta::assert_snapshot!(errors.map(|error| error.to_string()).join("\n"), @r"
    text 1 of the batch has no tokens
    text 0 of the batch has 300 tokens, the encoder takes at most 256
    text 3 of the batch has token 30522, the vocabulary has 30522
    text 0 of the batch has 12 tokens and 11 token types
    text 2 of the batch has token type 2, the encoder has 2
    ");
}
