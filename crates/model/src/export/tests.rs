use std::collections::BTreeMap;

use camino::Utf8Path;

use super::{ExportSource, FloatType, GgufRule, save_huggingface, write_gguf};
use crate::gguf::{GgmlType, GgufFile, GgufWriter, MetaValue};
use crate::tests::{Tiny, values};
use crate::{Checkpoint, ModelError, WeightData};

const Q_PROJ: &str = "model.layers.1.self_attn.q_proj.weight";

fn to_gguf(checkpoint: &Checkpoint, path: &Utf8Path, kind: GgmlType) -> Checkpoint {
    write_gguf(path, &ExportSource::new(checkpoint), GgufRule::standard(kind)).unwrap();
    Checkpoint::open(path).unwrap()
}

fn same_model(a: &Checkpoint, b: &Checkpoint) {
    assert_eq!(a.config(), b.config());
    assert_eq!(a.chat_template_source().unwrap(), b.chat_template_source().unwrap());
    let text = "<|a|>Hello 123\r\n 你好<|b|>";
    let ids =
        |checkpoint: &Checkpoint| checkpoint.tokenizer().unwrap().encode(text, true, true).unwrap();
    assert_eq!(ids(a), ids(b));
    assert!(a.tensor_names().eq(b.tensor_names()));
}

#[test]
fn f32_goes_through_both_families_unchanged() {
    let tiny = Tiny::new();
    let first = tiny.open();
    let gguf = to_gguf(&first, &tiny.path("x.gguf"), GgmlType::F32);
    same_model(&first, &gguf);
    save_huggingface(&tiny.path("again"), &ExportSource::new(&gguf), FloatType::F32).unwrap();
    let folder = Checkpoint::open(&tiny.path("again")).unwrap();
    same_model(&first, &folder);
    for (name, (_, data)) in &tiny.tensors {
        assert_eq!(&gguf.dequantize(name).unwrap(), data, "{name}");
        assert_eq!(&folder.dequantize(name).unwrap(), data, "{name}");
    }
}

/// An end of turns that has a name of its own goes through both kinds of files.
#[test]
fn ends_of_a_generation_are_written() {
    let tiny = Tiny::with(|config| config["eos_token_id"] = serde_json::json!([257, 7]), |_| {});
    let first = tiny.open();
    let gguf = to_gguf(&first, &tiny.path("x.gguf"), GgmlType::F32);
    assert_eq!(gguf.config().eos_token_ids, [257, 7]);
    save_huggingface(&tiny.path("again"), &ExportSource::new(&gguf), FloatType::F32).unwrap();
    let folder = Checkpoint::open(&tiny.path("again")).unwrap();
    assert_eq!(folder.config().eos_token_ids, [257, 7]);
}

/// Row `16 + j` of a head of 32 stands at the odd row `2 j + 1` in the file.
#[test]
fn rotary_rows_are_interleaved_in_the_file() {
    let tiny = Tiny::new();
    to_gguf(&tiny.open(), &tiny.path("x.gguf"), GgmlType::F32);
    let file = GgufFile::open(&tiny.path("x.gguf")).unwrap();
    let bytes = file.tensor_bytes("blk.1.attn_q.weight").unwrap();
    let stored: Vec<f32> =
        bytes.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect();
    let data = &tiny.tensors[Q_PROJ].1;
    let row = |values: &[f32], row: usize| values[row * 64..(row + 1) * 64].to_vec();
    for (huggingface, gguf) in [(0, 0), (1, 2), (16, 1), (31, 31), (32 + 17, 32 + 3)] {
        assert_eq!(row(data, huggingface), row(&stored, gguf));
    }
}

/// Largest error of a block format, in steps of the block: half a step, and what rounding the
/// scale to f16 adds.
fn check_blocks(kind: GgmlType, steps: f32, tolerance: f32) {
    let tiny = Tiny::new();
    let first = tiny.open();
    let gguf = to_gguf(&first, &tiny.path("x.gguf"), kind);
    same_model(&first, &gguf);
    for (name, (shape, data)) in &tiny.tensors {
        let found = gguf.dequantize(name).unwrap();
        if shape.len() == 1 {
            assert_eq!(&found, data, "norms stay f32");
            continue;
        }
        for (found, data) in found.chunks(32).zip(data.chunks(32)) {
            let range = data.iter().fold(0.0f32, |range, value| range.max(value.abs()));
            let step = 2.0 * range / steps;
            for (found, value) in found.iter().zip(data) {
                assert!((found - value).abs() <= step * tolerance, "{name}: {found} {value}");
            }
        }
    }
}

#[test]
fn block_formats_are_near() {
    check_blocks(GgmlType::Q8_0, 254.0, 0.6);
    // The largest positive value may be a whole step away: codes reach only 7 upwards.
    check_blocks(GgmlType::Q4_0, 16.0, 1.1);
    check_blocks(GgmlType::Q4_1, 15.0, 0.6);
    check_blocks(GgmlType::Q5_0, 32.0, 1.1);
    check_blocks(GgmlType::Q5_1, 31.0, 0.6);
    check_blocks(GgmlType::F16, 2048.0, 0.6);
    check_blocks(GgmlType::BF16, 256.0, 0.6);
}

#[test]
fn four_bit_files_keep_the_embedding_in_eight() {
    let tiny = Tiny::new();
    let gguf = to_gguf(&tiny.open(), &tiny.path("x.gguf"), GgmlType::Q4_0);
    let file = gguf.gguf().unwrap();
    assert_eq!(file.tensor("token_embd.weight").unwrap().ggml_type, GgmlType::Q8_0);
    assert_eq!(file.tensor("blk.0.ffn_up.weight").unwrap().ggml_type, GgmlType::Q4_0);
    assert_eq!(file.metadata("general.file_type").unwrap().as_u64(), Some(2));
}

#[test]
fn unchanged_blocks_are_copied() {
    let tiny = Tiny::new();
    let first = to_gguf(&tiny.open(), &tiny.path("x.gguf"), GgmlType::Q4_1);
    let replaced =
        BTreeMap::from([("model.layers.0.mlp.up_proj.weight".to_owned(), values(96 * 64, 99))]);
    let source = ExportSource::new(&first).with_tensors(&replaced).unwrap();
    write_gguf(&tiny.path("y.gguf"), &source, GgufRule::standard(GgmlType::Q4_1)).unwrap();
    let (x, y) = (first.gguf().unwrap(), GgufFile::open(&tiny.path("y.gguf")).unwrap());
    for tensor in x.tensors() {
        let same = x.tensor_bytes(&tensor.name) == y.tensor_bytes(&tensor.name);
        assert_eq!(same, tensor.name != "blk.0.ffn_up.weight", "{}", tensor.name);
    }
}

/// A model in two files is one, and is written as one.
#[test]
fn a_split_model_is_written_whole() {
    let tiny = Tiny::new();
    let whole = to_gguf(&tiny.open(), &tiny.path("x.gguf"), GgmlType::Q8_0);
    let file = whole.gguf().unwrap();
    let halves = file.tensors().split_at(file.tensors().len() / 2);
    for (number, tensors) in [(0, halves.0), (1, halves.1)] {
        let mut writer = GgufWriter::new();
        for (key, value) in file.keys().filter(|_| number == 0) {
            writer.set(key, value.clone());
        }
        writer.set("split.no", MetaValue::U16(number));
        writer.set("split.count", MetaValue::U16(2));
        for tensor in tensors {
            writer.add_tensor(&tensor.name, &tensor.shape, tensor.ggml_type);
        }
        let path = tiny.path(&format!("m-0000{}-of-00002.gguf", number + 1));
        writer.write(&path, |name| Ok(file.tensor_bytes(name).unwrap().to_vec())).unwrap();
    }
    let split = Checkpoint::open(&tiny.path("m-00001-of-00002.gguf")).unwrap();
    same_model(&whole, &split);
    let rule = GgufRule::standard(GgmlType::Q8_0);
    write_gguf(&tiny.path("y.gguf"), &ExportSource::new(&split), rule).unwrap();
    let bytes = |name: &str| std::fs::read(tiny.path(name)).unwrap();
    assert!(bytes("x.gguf") == bytes("y.gguf"), "it is written otherwise");
}

#[test]
fn replaced_tensors_must_fit() {
    let tiny = Tiny::new();
    let checkpoint = tiny.open();
    let refuse = |name: &str, count: usize| {
        let tensors = BTreeMap::from([(name.to_owned(), values(count, 1))]);
        ExportSource::new(&checkpoint).with_tensors(&tensors).map(|_| ()).unwrap_err()
    };
    assert!(matches!(refuse("model.norm.weight", 63), ModelError::ShapeMismatch { .. }));
    assert!(matches!(refuse("model.morn.weight", 64), ModelError::MissingTensor { .. }));
}

#[test]
fn types_that_cannot_hold_a_tensor_are_refused() {
    let tiny = Tiny::new();
    let checkpoint = tiny.open();
    let write = |kind| {
        let rule = GgufRule { linear: kind, embedding: GgmlType::F32 };
        write_gguf(&tiny.path("x.gguf"), &ExportSource::new(&checkpoint), rule).unwrap_err()
    };
    assert!(matches!(write(GgmlType::Q6_K), ModelError::UnsupportedType { .. }));
    assert!(matches!(write(GgmlType::I8), ModelError::UnsupportedType { .. }));
    assert!(!tiny.path("x.gguf").exists());
}

#[test]
fn folders_keep_what_the_source_says_beyond_our_keys() {
    let tiny = Tiny::new();
    save_huggingface(&tiny.path("y"), &ExportSource::new(&tiny.open()), FloatType::F16).unwrap();
    let text = std::fs::read_to_string(tiny.path("y/config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(config["a_key_of_tomorrow"], serde_json::json!([1, 2]));
    assert_eq!(config["dtype"], "float16");
    let again = Checkpoint::open(&tiny.path("y")).unwrap();
    assert!(matches!(again.weight(Q_PROJ).unwrap().data, WeightData::F16(_)));
}

#[test]
fn a_gguf_file_whose_tensors_we_cannot_compute_with_says_so() {
    let tiny = Tiny::new();
    to_gguf(&tiny.open(), &tiny.path("x.gguf"), GgmlType::F32);
    let mut bytes = std::fs::read(tiny.path("x.gguf")).unwrap();
    // The type of `output_norm.weight`, after its name and one dimension: I32 has the same size.
    let name = b"output_norm.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
    bytes[at + name.len() + 12] = 26;
    std::fs::write(tiny.path("y.gguf"), bytes).unwrap();
    let checkpoint = Checkpoint::open(&tiny.path("y.gguf")).unwrap();
    let refused = checkpoint.dequantize("model.norm.weight");
    assert!(matches!(refused, Err(ModelError::UnsupportedType { .. })), "{refused:?}");
}

/// Ollama quantized tensors that were said to go on behind the end of their file, and the result held
/// what stood in its memory there.
#[test]
fn s22_nothing_behind_the_end_of_a_file_is_converted() {
    let tiny = Tiny::new();
    to_gguf(&tiny.open(), &tiny.path("x.gguf"), GgmlType::F32);
    let whole = std::fs::read(tiny.path("x.gguf")).unwrap();
    let open = |bytes: &[u8]| {
        std::fs::write(tiny.path("y.gguf"), bytes).unwrap();
        Checkpoint::open(&tiny.path("y.gguf")).map(|_| ())
    };
    assert!(open(&whole).is_ok());
    for part in 0..16 {
        let cut = open(&whole[..whole.len() * part / 16]);
        assert!(matches!(cut, Err(ModelError::Gguf { .. })), "{part}: {cut:?}");
    }
    // The size of `output_norm.weight` stands behind its name and the number of its dimensions, its
    // place behind its type.
    let name = b"output_norm.weight";
    let at = whole.windows(name.len()).position(|window| window == name).unwrap() + name.len() + 4;
    for (field, value) in
        [(at, 1_u64 << 40), (at, u64::MAX), (at + 12, 1 << 40), (at + 12, u64::MAX)]
    {
        let mut bytes = whole.clone();
        bytes[field..field + 8].copy_from_slice(&value.to_le_bytes());
        assert!(open(&bytes).is_err(), "{field} {value}");
    }
    let folder = std::fs::read(tiny.path("model.safetensors")).unwrap();
    std::fs::write(tiny.path("model.safetensors"), &folder[..folder.len() - 4]).unwrap();
    assert!(Checkpoint::open(&tiny.folder).is_err());
}
