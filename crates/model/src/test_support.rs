//! Paths and values that tests read.

use camino::Utf8PathBuf;

use crate::safetensors::SafetensorsFile;

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
