//! Every family written as GGUF, against the files of llama.cpp's converter, and as a folder of
//! these, against those of transformers.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::gguf::{architecture_keys, gguf_layout, write_with};
use super::huggingface::{config_json, write_weights, written_config};
use super::{ExportSource, FloatType, GgufRule};
use crate::gguf::{GgmlType, GgufFile, MetaValue};
use crate::safetensors::{Dtype, SafetensorsFile};
use crate::test_support::{composite_gemma3, families, golden};
use crate::{Checkpoint, ModelConfig, ModelError};

/// Keys of the converter's files that say nothing of the model, one that it gets wrong for `glm`, and
/// one that only matters where positions are scaled.
const UNSAID: &[&str] = &[
    "general.",
    "tokenizer.",
    "chatglm.context_length",
    "phi3.rope.scaling.original_context_length",
];

fn same(found: &MetaValue, expected: &MetaValue) -> bool {
    match (found.as_f32(), expected.as_f32()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-6 * b.abs(),
        _ => found == expected,
    }
}

fn written(name: &str) -> Result<(tempfile::TempDir, GgufFile), ModelError> {
    let checkpoint = Checkpoint::open(&golden("families").join(name)).unwrap();
    let (config, guard) = (checkpoint.config(), tempfile::tempdir().unwrap());
    let path = Utf8Path::from_path(guard.path()).unwrap().join("model.gguf");
    let keys = architecture_keys(config, &gguf_layout(config), checkpoint.path())?;
    let rule = GgufRule { linear: GgmlType::BF16, embedding: GgmlType::BF16 };
    write_with(&path, &ExportSource::new(&checkpoint), rule, keys)?;
    let again = Checkpoint::open(&path).unwrap();
    for tensor in checkpoint.tensor_names() {
        let (found, expected) = (again.dequantize(tensor)?, checkpoint.dequantize(tensor)?);
        assert_eq!(found, expected, "{name}: {tensor}");
    }
    let file = GgufFile::open(&path)?;
    Ok((guard, file))
}

/// What differs between our file and the converter's.
fn differences(name: &str, found: &GgufFile, expected: &GgufFile) -> Vec<String> {
    let mut wrong = Vec::new();
    for (key, value) in expected.keys() {
        let found = found.metadata(key);
        let said = !UNSAID.iter().any(|start| key.starts_with(start));
        if said && !found.is_some_and(|found| same(found, value)) {
            wrong.push(format!("{name}: {key} is {found:?}, not {value:?}"));
        }
    }
    let shapes = |file: &GgufFile| -> BTreeMap<String, (Vec<usize>, GgmlType)> {
        let tensors = file.tensors().iter();
        tensors.map(|t| (t.name.clone(), (t.shape.clone(), t.ggml_type))).collect()
    };
    if shapes(found) != shapes(expected) {
        wrong.push(format!("{name}: {:?}, not {:?}", shapes(found), shapes(expected)));
        return wrong;
    }
    for tensor in expected.tensors() {
        let bytes = |file: &GgufFile| file.tensor_bytes(&tensor.name).unwrap().to_vec();
        // Factors of frequencies are computed in f64 here.
        if !tensor.name.starts_with("rope_") && bytes(found) != bytes(expected) {
            wrong.push(format!("{name}: the values of {}", tensor.name));
        }
    }
    wrong
}

#[test]
fn files_of_every_family_are_those_of_the_converter() {
    let mut wrong = Vec::new();
    for name in families() {
        let reference = golden("families").join(&name).join("model.gguf");
        if reference.exists() {
            let (_guard, found) = written(&name).unwrap();
            wrong.extend(differences(&name, &found, &GgufFile::open(&reference).unwrap()));
        } else {
            let refused = written(&name).map(|_| ());
            assert!(matches!(refused, Err(ModelError::NotConverted { .. })), "{name}: {refused:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Writes the weights and the configuration of a GGUF golden, which has no tokenizer, as a folder.
fn folder_of(file: &Utf8Path, folder: &Utf8Path) -> ModelConfig {
    let checkpoint = Checkpoint::open(file).unwrap();
    let source = ExportSource::new(&checkpoint);
    let config = written_config(&source).unwrap();
    write_weights(folder, &source, &config, FloatType::Bf16).unwrap();
    let json = config_json(&checkpoint, &config, FloatType::Bf16).unwrap();
    crate::files::write_json(&folder.join("config.json"), &json).unwrap();
    config
}

/// Type and bytes of the tensors of a folder, which `save_pretrained` wrote or we did.
fn stored(folder: &Utf8Path) -> BTreeMap<String, (Vec<usize>, Vec<u8>)> {
    let file = SafetensorsFile::open(&folder.join("model.safetensors")).unwrap();
    let of = |name: &str| {
        let tensor = file.tensor(name).unwrap();
        assert_eq!(tensor.dtype, Dtype::BF16, "{name}");
        (name.to_owned(), (tensor.shape.to_vec(), tensor.bytes.to_vec()))
    };
    file.names().map(of).collect()
}

/// The `model_type` and the class of a folder.
fn class(folder: &Utf8Path) -> (serde_json::Value, serde_json::Value) {
    let json = std::fs::read_to_string(folder.join("config.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    (json["model_type"].clone(), json["architectures"].clone())
}

#[test]
fn folders_of_gguf_files_are_those_that_transformers_wrote() {
    for name in families() {
        let reference = golden("families").join(&name);
        let file = reference.join("model.gguf");
        if !file.exists() {
            continue;
        }
        let guard = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(guard.path()).unwrap();
        let config = folder_of(&file, folder);
        let again = Checkpoint::open(folder).unwrap();
        assert_eq!(config.difference(again.config()), None, "{name}");
        let first = Checkpoint::open(&file).unwrap();
        for tensor in again.tensor_names() {
            let (found, expected) = (again.dequantize(tensor), first.dequantize(tensor));
            assert_eq!(found.unwrap(), expected.unwrap(), "{name}: {tensor}");
        }
        // GGUF files of ChatGLM3 are read as `glm`, which computes the same under other names.
        if name != "chatglm" {
            assert!(stored(folder) == stored(&reference), "{name}: other tensors");
        }
        // Those of Mistral say that they are a Llama's.
        let (found, expected) = (class(folder), class(&reference));
        assert!(found.0 != expected.0 || found.1 == expected.1, "{name}: {found:?}");
    }
}

/// Of a model that also sees pictures the part that writes is saved, as a model of its own.
#[test]
fn the_part_that_writes_is_saved_alone() {
    let guard = composite_gemma3(|name| format!("language_model.{name}"), "");
    let checkpoint = Checkpoint::open(Utf8Path::from_path(guard.path()).unwrap()).unwrap();
    let (source, config) = (ExportSource::new(&checkpoint), checkpoint.config());
    let saved = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(saved.path()).unwrap();
    write_weights(folder, &source, config, FloatType::Bf16).unwrap();
    let json = config_json(&checkpoint, config, FloatType::Bf16).unwrap();
    crate::files::write_json(&folder.join("config.json"), &json).unwrap();
    let reference = golden("families/gemma3");
    assert!(stored(folder) == stored(&reference), "other tensors");
    assert_eq!(class(folder), class(&reference));
    let again = Checkpoint::open(folder).unwrap();
    assert_eq!(again.config(), config);
}

/// First weights of every family go into a folder and come back.
#[test]
fn drawn_models_of_every_family_are_saved() {
    for name in families() {
        let folder = golden("families").join(&name);
        let drawn = Checkpoint::drawn(&folder, 1).unwrap();
        let guard = tempfile::tempdir().unwrap();
        let saved = Utf8Path::from_path(guard.path()).unwrap();
        let source = ExportSource::new(&drawn);
        write_weights(saved, &source, drawn.config(), FloatType::F32).unwrap();
        std::fs::copy(folder.join("config.json"), saved.join("config.json")).unwrap();
        let back = Checkpoint::open(saved).unwrap();
        for tensor in drawn.tensor_names() {
            let (found, expected) = (back.dequantize(tensor), drawn.dequantize(tensor));
            assert_eq!(found.unwrap(), expected.unwrap(), "{name}: {tensor}");
        }
    }
}

/// GPT-2's own rule for what is added to the residual stream; other families have none.
#[test]
fn first_weights_before_the_residual_stream_are_smaller_in_gpt2() {
    for (name, expected) in [("gpt2", 2.0), ("llama", 1.0)] {
        let drawn = Checkpoint::drawn(&golden("families").join(name), 1).unwrap();
        assert_eq!(drawn.config().num_hidden_layers, 2, "{name}");
        let deviation = |tensor: &str| {
            let values = drawn.dequantize(&format!("model.layers.1.{tensor}.weight")).unwrap();
            let square: f32 = values.iter().map(|x| x * x).sum();
            (square / values.len() as f32).sqrt()
        };
        for residual in ["self_attn.o_proj", "mlp.down_proj"] {
            let ratio = deviation("mlp.up_proj") / deviation(residual);
            assert!((ratio / expected - 1.0).abs() < 0.15, "{name} {residual}: {ratio}");
        }
    }
}
