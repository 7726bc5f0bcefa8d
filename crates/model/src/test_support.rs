//! Paths and values that tests read.

use camino::Utf8PathBuf;
use serde_json::{Value, json};

use crate::safetensors::{Dtype, SafetensorsFile, TensorSpec, write_safetensors};

/// A golden file committed beside the tests.
pub(crate) fn golden(name: &str) -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A real model; tests that need one fail without it.
pub(crate) fn test_model(name: &str) -> Utf8PathBuf {
    let folder = std::env::var("CATENA_TEST_MODELS")
        .expect("CATENA_TEST_MODELS names the folder of test models; `make test` sets it");
    let path = Utf8PathBuf::from(folder).join(name);
    assert!(path.exists(), "{path} is missing; `make test` pulls the test models");
    path
}

/// The token ids of a golden.
pub(crate) fn tokens(file: &SafetensorsFile, name: &str) -> Vec<u32> {
    let bytes = file.tensor(name).unwrap().bytes;
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect()
}

/// The names of the goldens of decoder families.
pub(crate) fn families() -> Vec<String> {
    let folder = golden("families");
    let entries = std::fs::read_dir(folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries.map(|entry| name(entry).into_string().unwrap()).collect();
    names.sort();
    names
}

/// The golden of Gemma 3 as the part that writes of a folder that also has one that sees, tensors under
/// the names that `rename` gives, those of the other part behind `before`.
pub(crate) fn composite_gemma3(rename: fn(&str) -> String, before: &str) -> tempfile::TempDir {
    let golden = golden("families/gemma3");
    let source = SafetensorsFile::open(&golden.join("model.safetensors")).unwrap();
    let (mut specs, mut bytes) = (Vec::new(), Vec::new());
    for name in source.names() {
        let tensor = source.tensor(name).unwrap();
        let (name, shape) = (rename(name), tensor.shape.to_vec());
        specs.push(TensorSpec { name, dtype: tensor.dtype, shape });
        bytes.push(tensor.bytes.to_vec());
    }
    for other in
        ["vision_tower.vision_model.post_layernorm", "multi_modal_projector.mm_soft_emb_norm"]
    {
        let name = format!("{before}{other}.weight");
        specs.push(TensorSpec { name, dtype: Dtype::F32, shape: vec![1] });
        bytes.push(vec![0; 4]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    let mut bytes = bytes.into_iter();
    let next = |_: &TensorSpec| Ok(bytes.next().expect("as many as specs").into());
    write_safetensors(&path.join("model.safetensors"), &specs, &[], next).unwrap();
    let text = std::fs::read_to_string(golden.join("config.json")).unwrap();
    let mut text: Value = serde_json::from_str(&text).unwrap();
    text.as_object_mut().unwrap().remove("eos_token_id");
    let config = json!({
        "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3",
        "eos_token_id": [2, 5], "text_config": text, "vision_config": {"hidden_size": 8},
    });
    std::fs::write(path.join("config.json"), config.to_string()).unwrap();
    folder
}
