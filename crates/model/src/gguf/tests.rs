use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use proptest::prelude::*;

use super::read::Head;
use super::{
    GgmlType, GgufError, GgufFile, GgufWriter, MetaArray, MetaValue, is_later_part, part_paths,
};
use crate::ModelError;

/// Every value type, and tensors of several types.
fn sample() -> (GgufWriter, BTreeMap<String, Vec<u8>>) {
    let mut writer = GgufWriter::new();
    let nested = MetaArray::Array(vec![MetaArray::U8(vec![1, 2]), MetaArray::String(vec![])]);
    let keys = [
        ("general.architecture", MetaValue::from("llama")),
        ("a.u8", MetaValue::U8(200)),
        ("a.i8", MetaValue::I8(-3)),
        ("a.u16", MetaValue::U16(60_000)),
        ("a.i16", MetaValue::I16(-30_000)),
        ("a.u32", MetaValue::U32(4_000_000_000)),
        ("a.i32", MetaValue::I32(-2_000_000_000)),
        ("a.f32", MetaValue::F32(1.5)),
        ("a.bool", MetaValue::Bool(true)),
        ("a.string", MetaValue::from("päper 你好")),
        ("a.u64", MetaValue::U64(u64::MAX)),
        ("a.i64", MetaValue::I64(i64::MIN)),
        ("a.f64", MetaValue::F64(1e300)),
        ("a.floats", MetaValue::Array(MetaArray::F32(vec![0.0, -1.0]))),
        ("a.bools", MetaValue::Array(MetaArray::Bool(vec![true, false]))),
        ("a.strings", MetaValue::Array(MetaArray::String(vec!["x".into(), String::new()]))),
        ("a.nested", MetaValue::Array(nested)),
        ("a.empty", MetaValue::Array(MetaArray::I64(vec![]))),
    ];
    for (key, value) in keys {
        writer.set(key, value);
    }
    let mut data = BTreeMap::new();
    let tensors: [(&str, &[usize], GgmlType, usize); 4] = [
        ("norm", &[3], GgmlType::F32, 12),
        ("blocks", &[2, 64], GgmlType::Q4_1, 80),
        ("half", &[2, 3, 4], GgmlType::F16, 48),
        ("bytes", &[1, 32], GgmlType::Q8_0, 34),
    ];
    for (name, shape, kind, bytes) in tensors {
        writer.add_tensor(name, shape, kind);
        let pattern = (0u8..=255).cycle().skip(data.len());
        data.insert(name.to_owned(), pattern.take(bytes).collect());
    }
    (writer, data)
}

fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}

fn sample_bytes() -> Vec<u8> {
    static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let make = || {
        let (_guard, folder) = folder();
        let path = folder.join("sample.gguf");
        let (writer, data) = sample();
        writer.write(&path, |name| Ok(data[name].clone())).unwrap();
        std::fs::read(&path).unwrap()
    };
    BYTES.get_or_init(make).clone()
}

fn fault(bytes: &[u8]) -> GgufError {
    Head::read(bytes).map(|_| ()).expect_err("the file is broken")
}

#[test]
fn what_is_written_is_read() {
    let (_guard, folder) = folder();
    let path = folder.join("sample.gguf");
    let (mut writer, data) = sample();
    writer.set("a.bool", MetaValue::Bool(false));
    writer.set("general.alignment", MetaValue::U32(64));
    writer.write(&path, |name| Ok(data[name].clone())).unwrap();
    let file = GgufFile::open(&path).unwrap();
    assert_eq!(file.keys().count(), 18);
    assert_eq!(file.metadata("a.bool"), Some(&MetaValue::Bool(false)));
    assert_eq!(file.metadata("a.string").unwrap().as_str(), Some("päper 你好"));
    assert_eq!(file.metadata("a.u64").unwrap().as_u64(), Some(u64::MAX));
    assert_eq!(file.metadata("a.i8").unwrap().as_u64(), None);
    assert_eq!(file.metadata("a.f64").unwrap().as_f32(), Some(f32::INFINITY));
    assert_eq!(file.tensors().len(), 4);
    assert_eq!(file.tensor("half").unwrap().shape, [2, 3, 4]);
    for (name, bytes) in &data {
        assert_eq!(file.tensor_bytes(name), Some(bytes.as_slice()), "{name}");
    }
    assert_eq!(file.tensor_bytes("nothing"), None);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no part file is left");
}

/// Writes the sample in two parts, whose keys and tensors `change` may add to.
fn write_parts(folder: &Utf8Path, change: impl Fn(u16, &mut GgufWriter)) {
    let whole = folder.join("sample.gguf");
    std::fs::write(&whole, sample_bytes()).unwrap();
    let file = GgufFile::open(&whole).unwrap();
    for number in 0..2u16 {
        let mut writer = GgufWriter::new();
        if number == 0 {
            for (key, value) in file.keys() {
                writer.set(key, value.clone());
            }
        }
        writer.set("split.no", MetaValue::U16(number));
        writer.set("split.count", MetaValue::U16(2));
        writer.set("split.tensors.count", MetaValue::I32(4));
        change(number, &mut writer);
        for tensor in &file.tensors()[2 * usize::from(number)..][..2] {
            writer.add_tensor(&tensor.name, &tensor.shape, tensor.ggml_type);
        }
        let path = folder.join(format!("part-0000{}-of-00002.gguf", number + 1));
        writer.write(&path, |name| Ok(file.tensor_bytes(name).unwrap().to_vec())).unwrap();
    }
}

#[test]
fn the_parts_of_a_split_file_are_one_model() {
    let (_guard, folder) = folder();
    write_parts(&folder, |_, _| {});
    let [first, second] =
        ["part-00001-of-00002.gguf", "part-00002-of-00002.gguf"].map(|name| folder.join(name));
    let file = GgufFile::open(&first).unwrap();
    assert_eq!(file.tensors().len(), 4);
    assert_eq!(file.metadata("a.bool"), Some(&MetaValue::Bool(true)));
    for (name, bytes) in &sample().1 {
        assert_eq!(file.tensor_bytes(name), Some(bytes.as_slice()), "{name}");
    }
    assert_eq!(part_paths(&first), [first.clone(), second.clone()]);
    assert!(is_later_part(&second) && !is_later_part(&first));
    for alone in ["x.gguf", "x-of-y.gguf", "x-1-of-2.gguf", "x-00002-of-00002.gguf"] {
        assert_eq!(part_paths(Utf8Path::new(alone)), [alone], "{alone}");
    }
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    use GgufError as E;
    let fault = |name: &str, change: &dyn Fn(u16, &mut GgufWriter)| {
        let (_guard, folder) = folder();
        write_parts(&folder, change);
        let renamed = folder.join("renamed.gguf");
        std::fs::copy(folder.join("part-00001-of-00002.gguf"), &renamed).unwrap();
        match GgufFile::open(&folder.join(name)).map(|_| ()) {
            Err(ModelError::Gguf { source, .. }) => source,
            other => panic!("{other:?}"),
        }
    };
    let first = "part-00001-of-00002.gguf";
    let sound = |_: u16, _: &mut GgufWriter| {};
    let opened = fault("part-00002-of-00002.gguf", &sound);
    assert!(matches!(opened, E::SplitPart { found: 2, number: 1, .. }), "{opened:?}");
    assert!(matches!(fault("renamed.gguf", &sound), E::SplitName { count: 2 }));
    let second = |key: &'static str, value: MetaValue| {
        fault(first, &move |number, writer: &mut GgufWriter| {
            if number == 1 {
                writer.set(key, value.clone());
            }
        })
    };
    let number = second("split.no", MetaValue::U16(7));
    assert!(matches!(number, E::SplitPart { found: 8, number: 2, .. }), "{number:?}");
    let count = second("split.count", MetaValue::U16(3));
    assert!(matches!(count, E::SplitPart { found_count: 3, count: 2, .. }), "{count:?}");
    assert!(matches!(second("split.count", MetaValue::from("2")), E::KeyType { .. }));
    let more = |twice: bool| {
        fault(first, &move |number, writer: &mut GgufWriter| {
            writer.set("split.tensors.count", MetaValue::I32(5));
            if twice && number == 1 {
                writer.add_tensor("norm", &[3], GgmlType::F32);
            }
        })
    };
    assert!(matches!(more(false), E::SplitTensors { found: 4, expected: 5, .. }));
    assert!(matches!(more(true), E::DuplicateTensor { .. }));
    let (_guard, folder) = folder();
    write_parts(&folder, sound);
    std::fs::remove_file(folder.join("part-00002-of-00002.gguf")).unwrap();
    let refused = GgufFile::open(&folder.join(first)).map(|_| ());
    let Err(ModelError::Io { path, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(path.file_name(), Some("part-00002-of-00002.gguf"));
}

#[test]
fn a_failed_write_leaves_nothing() {
    let (_guard, folder) = folder();
    let (writer, _) = sample();
    let missing = |name: &str| {
        let (name, file) = (name.to_owned(), folder.clone());
        Err(ModelError::MissingTensor { name, file, nearest: None })
    };
    writer.write(&folder.join("sample.gguf"), missing).unwrap_err();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    let nowhere = folder.join("not/there.gguf");
    let refused = writer.write(&nowhere, |_| unreachable!("nothing to write to"));
    assert!(matches!(refused, Err(ModelError::Io { .. })));
}

#[test]
fn every_truncation_is_refused() {
    let bytes = sample_bytes();
    // The last tensor is followed by padding, which may be missing.
    let padding = 34usize.next_multiple_of(32) - 34;
    for len in 0..bytes.len() - padding {
        let fault = fault(&bytes[..len]);
        let at_end = if let GgufError::Truncated { offset, needed, available, .. } = fault {
            needed > available && offset + available <= len as u64
        } else {
            matches!(fault, GgufError::OutOfFile { .. })
        };
        let expected = at_end || (len < 4 && matches!(fault, GgufError::Magic { .. }));
        assert!(expected, "{len} bytes: {fault:?}");
    }
    for len in bytes.len() - padding..=bytes.len() {
        assert!(Head::read(&bytes[..len]).is_ok());
    }
}

/// A file with no keys and one tensor entry, all parts chosen.
struct Raw {
    magic: [u8; 4],
    version: u32,
    num_tensors: u64,
    num_keys: u64,
    keys: Vec<u8>,
    tensors: Vec<u8>,
    data: usize,
}

impl Default for Raw {
    fn default() -> Self {
        Self {
            magic: *b"GGUF",
            version: 3,
            num_tensors: 0,
            num_keys: 0,
            keys: vec![],
            tensors: vec![],
            data: 0,
        }
    }
}

impl Raw {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.magic.to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.num_tensors.to_le_bytes());
        bytes.extend(self.num_keys.to_le_bytes());
        bytes.extend(&self.keys);
        bytes.extend(&self.tensors);
        bytes.resize(bytes.len().next_multiple_of(32) + self.data, 0);
        bytes
    }

    fn key(mut self, key: &[u8], id: u32, value: &[u8]) -> Self {
        self.num_keys += 1;
        self.keys.extend((key.len() as u64).to_le_bytes());
        self.keys.extend(key);
        self.keys.extend(id.to_le_bytes());
        self.keys.extend(value);
        self
    }

    fn tensor(mut self, name: &str, dimensions: &[u64], id: u32, offset: u64) -> Self {
        self.num_tensors += 1;
        self.tensors.extend((name.len() as u64).to_le_bytes());
        self.tensors.extend(name.as_bytes());
        self.tensors.extend(u32::try_from(dimensions.len()).unwrap().to_le_bytes());
        for dimension in dimensions {
            self.tensors.extend(dimension.to_le_bytes());
        }
        self.tensors.extend(id.to_le_bytes());
        self.tensors.extend(offset.to_le_bytes());
        self
    }

    fn fault(self) -> GgufError {
        fault(&self.bytes())
    }
}

fn with_data(data: usize) -> Raw {
    Raw { data, ..Raw::default() }
}

fn array(id: u32, len: u64, rest: &[u8]) -> Vec<u8> {
    [&id.to_le_bytes()[..], &len.to_le_bytes(), rest].concat()
}

#[test]
fn broken_headers_are_refused() {
    use GgufError as E;
    assert!(matches!(fault(b""), E::Magic { .. }));
    assert!(matches!(Raw { magic: *b"GGML", ..Raw::default() }.fault(), E::Magic { .. }));
    for version in [0, 1, 4, 3 << 24] {
        assert_eq!(Raw { version, ..Raw::default() }.fault(), E::Version { found: version });
    }
    let many = |num_tensors, num_keys| Raw { num_tensors, num_keys, ..Raw::default() }.fault();
    assert!(matches!(many(u64::MAX, 0), E::Limit { .. }));
    assert!(matches!(many(0, u64::MAX), E::Limit { .. }));
    assert!(matches!(many(60_000, 0), E::Truncated { .. }));
    assert!(matches!(many(0, 60_000), E::Truncated { .. }));
    assert!(Head::read(&Raw::default().bytes()).is_ok());
}

#[test]
fn broken_keys_are_refused() {
    use GgufError as E;
    let key = |id: u32, value: &[u8]| Raw::default().key(b"k", id, value).fault();
    assert!(matches!(key(13, &[0; 8]), E::ValueType { found: 13, .. }));
    assert!(matches!(key(u32::MAX, &[0; 8]), E::ValueType { .. }));
    assert!(matches!(key(7, &[2]), E::Bool { found: 2, .. }));
    assert!(matches!(key(8, &u64::MAX.to_le_bytes()), E::Limit { .. }));
    assert!(matches!(key(8, &(1u64 << 20).to_le_bytes()), E::Truncated { .. }));
    let bad = [&2u64.to_le_bytes()[..], b"\xff\xfe"].concat();
    assert!(matches!(key(8, &bad), E::Utf8 { .. }));
    assert!(matches!(Raw::default().key(b"\xc3", 0, &[1]).fault(), E::Utf8 { .. }));
    assert!(matches!(key(9, &array(0, u64::MAX, &[])), E::Limit { .. }));
    assert!(matches!(key(9, &array(12, 1 << 23, &[])), E::Truncated { .. }));
    assert!(matches!(key(9, &array(8, 1 << 23, &[])), E::Truncated { .. }));
    assert!(matches!(key(9, &array(9, 1 << 23, &[])), E::Truncated { .. }));
    assert!(matches!(key(9, &array(99, 1, &[0; 8])), E::ValueType { found: 99, .. }));
    let deep: Vec<u8> = (0..10_000).flat_map(|_| array(9, 1, &[])).collect();
    assert!(matches!(key(9, &deep), E::ArrayDepth { .. }));
    let twice = Raw::default().key(b"k", 0, &[1]).key(b"k", 0, &[2]);
    assert!(matches!(twice.fault(), E::DuplicateKey { .. }));
    for alignment in [0u32, 1, 3, 48, 1 << 20, u32::MAX] {
        let key = Raw::default().key(b"general.alignment", 4, &alignment.to_le_bytes());
        assert!(matches!(key.fault(), E::Alignment { .. }), "{alignment}");
    }
    let text = [&1u64.to_le_bytes()[..], b"x"].concat();
    let alignment = Raw::default().key(b"general.alignment", 8, &text);
    assert!(matches!(alignment.fault(), E::KeyType { .. }));
}

/// Sizes whose product is too large for its type, and places beyond the file, were read by llama.cpp.
#[test]
fn s21_sizes_that_overflow_and_places_beyond_the_file_are_refused() {
    use GgufError as E;
    let tensor =
        |dimensions: &[u64], id, offset| with_data(256).tensor("t", dimensions, id, offset).fault();
    for dimensions in
        [&[0u64, 4][..], &[u64::MAX, 2], &[1 << 40, 1 << 40], &[1 << 62], &[1 << 60, 1 << 3]]
    {
        assert!(matches!(tensor(dimensions, 0, 0), E::Dimensions { .. }), "{dimensions:?}");
    }
    assert!(matches!(tensor(&[31], 8, 0), E::Dimensions { .. }));
    assert!(matches!(tensor(&[16, 2], 2, 0), E::Dimensions { .. }));
    assert!(matches!(tensor(&[1; 5], 0, 0), E::Limit { .. }));
    assert!(matches!(tensor(&[8], 4, 0), E::TensorType { found: 4, .. }));
    assert!(matches!(tensor(&[8], 1000, 0), E::TensorType { .. }));
    assert!(matches!(tensor(&[8], 0, 4), E::Misaligned { .. }));
    assert!(matches!(tensor(&[8], 0, 256), E::OutOfFile { .. }));
    assert!(matches!(tensor(&[65], 0, 0), E::OutOfFile { .. }));
    assert!(matches!(tensor(&[8], 0, u64::MAX - 31), E::OutOfFile { .. }));
    assert!(matches!(tensor(&[1 << 40], 0, 0), E::OutOfFile { .. }));
    let overlap = with_data(256).tensor("a", &[16], 0, 0).tensor("b", &[8], 0, 32);
    assert!(matches!(overlap.fault(), E::Overlap { .. }));
    let same = with_data(256).tensor("a", &[8], 0, 0).tensor("b", &[8], 0, 0);
    assert!(matches!(same.fault(), E::Overlap { .. }));
    let twice = with_data(256).tensor("a", &[8], 0, 0).tensor("a", &[8], 0, 32);
    assert!(matches!(twice.fault(), E::DuplicateTensor { .. }));
    let sound = with_data(256).tensor("a", &[8], 0, 32).tensor("b", &[8], 0, 0);
    assert!(Head::read(&sound.bytes()).is_ok());
    let long = "n".repeat(5000);
    assert!(matches!(with_data(64).tensor(&long, &[8], 0, 0).fault(), E::Limit { .. }));
}

#[test]
fn known_types_that_we_do_not_compute_with_are_no_faults() {
    let file = with_data(256).tensor("t", &[256], GgmlType::IQ4_XS.id(), 0);
    assert!(Head::read(&file.bytes()).is_ok());
    assert_eq!(GgmlType::IQ4_XS.quant_format(), None);
    assert_eq!(GgmlType::from_id(8).unwrap().quant_format().unwrap().name(), "Q8_0");
}

#[test]
fn the_kernels_formats_have_the_sizes_of_ggmls_types() {
    for format in catena_kernels::QuantFormat::ALL {
        let ggml_type = GgmlType::from(format);
        assert_eq!(ggml_type.quant_format(), Some(format));
        assert_eq!(ggml_type.block_len(), format.block_len(), "{format}");
        assert_eq!(ggml_type.block_bytes(), format.block_bytes(), "{format}");
        assert!(GgmlType::SUPPORTED.contains(format.name()), "{format}");
        assert_eq!(GgmlType::WRITABLE.contains(format.name()), format.can_quantize(), "{format}");
    }
}

#[test]
fn files_that_are_none_are_refused() {
    let (_guard, folder) = folder();
    let empty = folder.join("empty.gguf");
    std::fs::write(&empty, []).unwrap();
    let open = |path: &Utf8Path| GgufFile::open(path).map(|_| ()).unwrap_err();
    assert!(matches!(open(&empty), ModelError::Gguf { source: GgufError::Magic { .. }, .. }));
    assert!(matches!(open(&folder), ModelError::Io { .. }));
    assert!(matches!(open(&folder.join("none.gguf")), ModelError::Io { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    /// Any bytes changed anywhere: a fault or a sound file, never a panic or an absurd allocation.
    #[test]
    fn changed_files_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = sample_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = Head::read(&bytes);
    }

    #[test]
    fn random_bytes_after_the_magic_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Head::read(&[b"GGUF\x03\0\0\0", &bytes[..]].concat());
    }
}
