//! Every family written as GGUF, against the files of llama.cpp's converter.

use std::collections::BTreeMap;

use super::gguf::{architecture_keys, gguf_layout, write_with};
use super::huggingface::made_config;
use super::{ExportSource, FloatType, GgufRule};
use crate::gguf::{GgmlType, GgufFile, MetaValue};
use crate::test_support::{families, golden};
use crate::{Checkpoint, ModelError};

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
    let path = camino::Utf8Path::from_path(guard.path()).unwrap().join("model.gguf");
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

/// Families whose `config.json` we do not make.
const NOT_DESCRIBED: &[&str] = &["gpt2", "deepseek_v2", "deepseek_v2_lite"];

#[test]
fn a_folder_is_made_of_a_gguf_file() {
    let mut wrong = Vec::new();
    for name in families() {
        let file = golden("families").join(&name).join("model.gguf");
        if !file.exists() {
            continue;
        }
        let config = Checkpoint::open(&file).unwrap().config().clone();
        match made_config(&config, FloatType::Bf16, &file) {
            Ok(_) if NOT_DESCRIBED.contains(&name.as_str()) => wrong.push(name),
            Err(_) if NOT_DESCRIBED.contains(&name.as_str()) => {}
            Ok(_) => {}
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
