//! A snapshot of every error's text.

use std::error::Error;
use std::fmt::Write;
use std::io;

use camino::Utf8PathBuf;
use catena_text::TextError;
use safetensors::SafeTensorError;

use crate::ModelError;
use crate::gguf::{GgmlType, GgufError};

fn path() -> Utf8PathBuf {
    Utf8PathBuf::from("./tiny-chat")
}

fn model_errors() -> Vec<ModelError> {
    use ModelError as E;
    let file = path;
    let json = serde_json::from_str::<bool>("[").expect_err("broken JSON");
    vec![
        E::Io { path: path(), source: io::ErrorKind::NotFound.into() },
        E::NotAModel { path: path() },
        E::TooLarge { path: path(), size: 99_000_000, limit: 67_108_864 },
        E::Gguf { path: path(), source: GgufError::Version { found: 1 } },
        E::Safetensors { path: path(), source: SafeTensorError::HeaderTooSmall },
        E::ShardName { path: path(), shard: "../x".into() },
        E::ShardTensor {
            path: path(),
            name: "lm_head.weight".into(),
            shard: "1.safetensors".into(),
        },
        E::Json { path: path(), source: json },
        E::MissingKey { file: file(), key: "llama.block_count".into() },
        E::InvalidConfig {
            key: "num_key_value_heads",
            value: "2".into(),
            reason: "must divide num_attention_heads",
            file: file(),
        },
        E::UnsupportedArchitecture {
            found: "gemma3n".into(),
            nearest: Some("gemma3_text".into()),
            known: vec!["gemma3_text", "llama"],
            file: file(),
        },
        E::NotConverted { model_type: "gemma2", what: "capped scores", file: file() },
        E::WrongHead {
            architecture: "BertForTokenClassification".into(),
            wanted: "a sequence classifier",
            nearest: "a token classifier",
            file: file(),
        },
        E::HeadLeftOut { file: file() },
    ]
}

fn tensor_errors() -> Vec<ModelError> {
    use ModelError as E;
    let file = path;
    vec![
        E::MissingTensor {
            name: "model.layers.3.mlp.up_proj.weight".into(),
            file: file(),
            nearest: Some("model.layers.2.mlp.up_proj.weight".into()),
        },
        E::UnexpectedTensor {
            name: "rope_freqs.weight".into(),
            architecture: "llama",
            file: file(),
        },
        E::ShapeMismatch {
            name: "model.layers.3.self_attn.k_proj.weight".into(),
            found: vec![1024, 2048],
            expected: vec![512, 2048],
        },
        E::UnsupportedType {
            name: "lm_head.weight".into(),
            found: "IQ4_XS".into(),
            supported: GgmlType::SUPPORTED,
        },
        E::NotInBlocks {
            name: "lm_head.weight".into(),
            columns: 100,
            format: GgmlType::Q8_0,
            block: 32,
        },
        E::UnsupportedAdapter {
            path: path(),
            key: "use_dora",
            value: "true".into(),
            reason: "supported is false",
        },
        E::UnknownAdapterTensor { name: "x".into() },
        E::AdapterPair { name: "x.lora_A.weight".into(), partner: "x.lora_B.weight".into() },
        E::AdapterTarget { name: "model.layers.40.mlp.up_proj.weight".into(), nearest: None },
        E::AdapterModule { name: "model.layers.3.mlp.experts.1.up_proj.weight".into() },
        E::PrefixNotMerged,
        E::AdapterNotGguf { what: "magnitudes" },
        E::NotAnAdapter {
            path: path(),
            key: "general.type",
            found: "model".into(),
            expected: "adapter",
        },
        E::AdapterRank { name: "lm_head.weight".into(), rank: 4096, limit: 1024 },
        E::Text(TextError::EmptyVocab),
        E::Kernel(catena_kernels::KernelError::OutOfMemory { what: "a matrix", bytes: 1 << 40 }),
    ]
}

fn gguf_errors() -> Vec<GgufError> {
    use GgufError as E;
    let name = || "blk.0.attn_q.weight".to_owned();
    let key = || "general.alignment".to_owned();
    vec![
        E::Magic { found: b"GGML".to_vec() },
        E::Version { found: 1 },
        E::Truncated { what: "a key", offset: 100, needed: 8, available: 3 },
        E::Limit { what: "the number of keys", offset: 16, found: u64::MAX, limit: 65_536 },
        E::Utf8 { what: "a key", offset: 32 },
        E::ValueType { key: key(), found: 13 },
        E::Bool { offset: 99, found: 2 },
        E::ArrayDepth { key: key(), limit: 4 },
        E::DuplicateKey { key: key() },
        E::KeyType { key: key(), found: "a string".into(), expected: "u32" },
        E::Alignment { found: 3, min: 8, max: 65_536 },
        E::DuplicateTensor { name: name() },
        E::TensorType { name: name(), found: 99 },
        E::Dimensions { name: name(), format: "Q8_0", dimensions: vec![0, 31] },
        E::Misaligned { name: name(), offset: 4, alignment: 32 },
        E::OutOfFile { name: name(), offset: 64, bytes: 1 << 40, available: 256 },
        E::Overlap { first: name(), second: "blk.0.attn_k.weight".into() },
        E::SplitPart { found: 2, found_count: 3, number: 1, count: 3 },
        E::SplitName { count: 3 },
        E::SplitTensors { count: 3, found: 200, expected: 272 },
    ]
}

fn text(errors: &[&dyn Error]) -> String {
    let mut text = String::new();
    for &error in errors {
        writeln!(text, "{error}").unwrap();
        let mut cause = error.source();
        while let Some(error) = cause {
            writeln!(text, "  cause: {error}").unwrap();
            cause = error.source();
        }
    }
    text
}

#[test]
fn every_error_reads_well() {
    let errors: Vec<_> = model_errors().into_iter().chain(tensor_errors()).collect();
    let errors: Vec<&dyn Error> = errors.iter().map(|error| error as &dyn Error).collect();
    insta::assert_snapshot!("model_errors", text(&errors));
    let errors = gguf_errors();
    let errors: Vec<&dyn Error> = errors.iter().map(|error| error as &dyn Error).collect();
    insta::assert_snapshot!("gguf_errors", text(&errors));
}

#[test]
fn a_damaged_file_has_other_advice_than_a_model_that_does_not_run() {
    let hint = |error: ModelError| error.hint().unwrap_or_default();
    let damaged = hint(ModelError::Gguf { path: path(), source: GgufError::Version { found: 1 } });
    let unknown = hint(ModelError::UnsupportedArchitecture {
        found: "gemma3n".into(),
        nearest: None,
        known: vec!["llama"],
        file: path(),
    });
    assert!(damaged.contains("catena pull NAME --verify"), "{damaged}");
    assert!(unknown.contains("docs/families.md"), "{unknown}");
    assert_eq!(ModelError::PrefixNotMerged.hint(), None, "its text says what to do");
}
