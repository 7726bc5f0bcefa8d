use camino::Utf8PathBuf;
use proptest::prelude::*;
use serde_json::json;

use super::{Dtype, SafetensorsFile, TensorSpec, write_f32, write_safetensors};
use crate::ModelError;

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

fn open_bytes(bytes: &[u8]) -> Result<SafetensorsFile, ModelError> {
    let (_guard, folder) = folder();
    let path = folder.join("x.safetensors");
    std::fs::write(&path, bytes).unwrap();
    SafetensorsFile::open(&path)
}

fn with_header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn what_is_written_is_read() {
    let (_guard, folder) = folder();
    let path = folder.join("x.safetensors");
    let spec = |name: &str, dtype, shape: &[usize]| TensorSpec {
        name: name.to_owned(),
        dtype,
        shape: shape.to_vec(),
    };
    let specs = [
        spec("b", Dtype::F32, &[2]),
        spec("a", Dtype::BF16, &[1, 2]),
        spec("h", Dtype::F16, &[2]),
        spec("i", Dtype::I32, &[1]),
        spec("scalar", Dtype::F32, &[]),
    ];
    write_safetensors(&path, &specs, &[("format", "pt")], |spec| {
        if spec.dtype == Dtype::BF16 {
            Ok(vec![0x80, 0x3f, 0x00, 0xc0].into())
        } else if spec.dtype == Dtype::F16 {
            Ok(vec![0x00, 0x3c, 0x00, 0xc0].into())
        } else if spec.dtype == Dtype::I32 {
            Ok(vec![1, 0, 0, 0].into())
        } else {
            Ok(super::f32_bytes(&[1.5f32, -2.0][..spec.shape.iter().product()]))
        }
    })
    .unwrap();
    let file = SafetensorsFile::open(&path).unwrap();
    assert_eq!(file.names().collect::<Vec<_>>(), ["a", "b", "h", "i", "scalar"]);
    assert_eq!(file.tensor("b").unwrap().to_f32().unwrap(), [1.5, -2.0]);
    assert_eq!(file.tensor("a").unwrap().to_f32().unwrap(), [1.0, -2.0]);
    assert_eq!(file.tensor("h").unwrap().to_f32().unwrap(), [1.0, -2.0]);
    assert_eq!(file.tensor("scalar").unwrap().to_f32().unwrap(), [1.5]);
    assert_eq!(file.tensor("a").unwrap().shape, [1, 2]);
    assert_eq!(file.metadata().unwrap()["format"], "pt");
    let refused = file.tensor("i").unwrap().to_f32();
    assert!(matches!(refused, Err(ModelError::UnsupportedType { .. })));
    assert!(matches!(file.tensor("missing"), Err(ModelError::MissingTensor { .. })));
}

#[test]
fn shards_are_one_set() {
    let (_guard, folder) = folder();
    for (shard, name, value) in [("m-1.safetensors", "x", 1.0f32), ("m-2.safetensors", "y", 2.0)] {
        write_f32(&folder.join(shard), [(name, &[1usize][..], &[value][..])], &[]).unwrap();
    }
    let index = folder.join("model.safetensors.index.json");
    let write = |map: serde_json::Value| {
        std::fs::write(&index, json!({"metadata": {}, "weight_map": map}).to_string()).unwrap();
        SafetensorsFile::open(&index)
    };
    let file = write(json!({"x": "m-1.safetensors", "y": "m-2.safetensors"})).unwrap();
    assert_eq!(file.tensor("y").unwrap().to_f32().unwrap(), [2.0]);
    for shard in ["../m-1.safetensors", "/etc/passwd", "a/b", "", ".", "..", "a\\b"] {
        let refused = write(json!({"x": shard})).map(|_| ());
        assert!(matches!(refused, Err(ModelError::ShardName { .. })), "{shard}: {refused:?}");
    }
    let refused = write(json!({"x": "m-2.safetensors"})).map(|_| ());
    assert!(matches!(refused, Err(ModelError::ShardTensor { .. })));
    assert!(matches!(write(json!({"x": "m-3.safetensors"})), Err(ModelError::Io { .. })));
    std::fs::write(&index, "{").unwrap();
    assert!(matches!(SafetensorsFile::open(&index), Err(ModelError::Json { .. })));
}

#[test]
fn broken_files_are_refused() {
    let entry = |shape: &str, start: u64, end: u64| {
        format!(
            "{{\"t\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":[{start},{end}]}}}}"
        )
    };
    let files = [
        vec![],
        vec![1, 2, 3],
        u64::MAX.to_le_bytes().to_vec(),
        with_header("", 0)[..4].to_vec(),
        with_header("{", 0),
        with_header("[]", 0),
        with_header("\u{fffd}", 0),
        with_header(&entry("[2]", 0, 8), 7),
        with_header(&entry("[2]", 0, 8), 9),
        with_header(&entry("[2]", 4, 12), 12),
        with_header(&entry("[2]", 8, 0), 8),
        with_header(&entry("[3]", 0, 8), 8),
        with_header(&entry("[18446744073709551615, 18446744073709551615]", 0, 8), 8),
        with_header(&entry("[-1]", 0, 8), 8),
        with_header(&entry("[2]", 0, u64::MAX), 8),
        with_header(&"[".repeat(100_000), 0),
    ];
    for bytes in files {
        let refused = open_bytes(&bytes).map(|_| ());
        let head = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert!(matches!(refused, Err(ModelError::Safetensors { .. })), "{head}: {refused:?}");
    }
    assert!(open_bytes(&with_header(&entry("[2]", 0, 8), 8)).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn changed_files_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let header = "{\"__metadata__\":{\"format\":\"pt\"},\
            \"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},\
            \"b\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[8,16]}}";
        let mut bytes = with_header(header, 16);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(file) = open_bytes(&bytes) {
            for name in file.names() {
                let _ = file.tensor(name).unwrap().to_f32();
            }
        }
    }
}
