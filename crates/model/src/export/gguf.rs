//! To a GGUF file.

use camino::Utf8Path;
use catena_kernels::{QuantFormat, quantize_blocks};
use catena_text::GgufVocab;

use super::huggingface::{FloatType, float_bytes};
use super::source::{ExportSource, not_written};
use super::tensors::assemble;
use crate::checkpoint::{Checkpoint, FileTensor, Layout, WeightData};
use crate::config::{GgufKeys, KeySource, ModelConfig};
use crate::error::ModelError;
use crate::families::{Family, architecture, gguf_keys, is_end, rope_tensors};
use crate::gguf::{GgmlType, GgufWriter, MetaValue, file_type_number, vocab_metadata};

/// Which type each tensor is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GgufRule {
    /// The linear layers.
    pub linear: GgmlType,
    /// The embedding and the output head.
    pub embedding: GgmlType,
}

impl GgufRule {
    /// The mix for a file called after `linear`: 4- and 5-bit files keep embedding and head in 8
    /// bits, where they cost little and decide most; norms are f32 always.
    pub fn standard(linear: GgmlType) -> Self {
        let few_bits =
            matches!(linear, GgmlType::Q4_0 | GgmlType::Q4_1 | GgmlType::Q5_0 | GgmlType::Q5_1);
        Self { linear, embedding: if few_bits { GgmlType::Q8_0 } else { linear } }
    }

    /// Norms, biases, learned positions and routers are never rounded.
    fn type_of(self, tensor: &FileTensor) -> GgmlType {
        let name = tensor.parts[0].as_str();
        let exact = name == "model.embed_positions.weight" || name.ends_with(".mlp.gate.weight");
        if tensor.shape.len() < 2 || exact {
            GgmlType::F32
        } else if name == "model.embed_tokens.weight" || name == "lm_head.weight" {
            self.embedding
        } else {
            self.linear
        }
    }

    /// llama.cpp's number for the file, `general.file_type`.
    fn file_type(self) -> Option<u32> {
        file_type_number(self.linear.name())
    }
}

/// Writes `source` as a GGUF file that llama.cpp and transformers read. Keys of a GGUF source are
/// carried over; for a Hugging Face folder they are made from its configuration and tokenizer.
///
/// # Errors
/// If a type cannot hold a tensor, the tokenizer has no GGUF form, or the file system refuses.
pub fn write_gguf(
    path: &Utf8Path,
    source: &ExportSource<'_>,
    rule: GgufRule,
) -> Result<(), ModelError> {
    let keys = metadata(source.checkpoint())?;
    write_with(path, source, rule, keys)
}

/// Writes the tensors of `source` under `keys`.
pub(super) fn write_with(
    path: &Utf8Path,
    source: &ExportSource<'_>,
    rule: GgufRule,
    keys: Vec<(String, MetaValue)>,
) -> Result<(), ModelError> {
    let config = source.checkpoint().config();
    let mut writer = GgufWriter::new();
    for (key, value) in keys {
        writer.set(&key, value);
    }
    if let Some(number) = rule.file_type() {
        writer.set("general.file_type", MetaValue::U32(number));
    }
    writer.set("general.quantization_version", MetaValue::U32(2));
    let layout = gguf_layout(config);
    let factors = rope_tensors(config);
    for (name, factors) in &factors {
        writer.add_tensor(name, &[factors.len()], GgmlType::F32);
    }
    for tensor in &layout.files {
        let ggml_type = rule.type_of(tensor);
        check_type(&tensor.parts[0], &tensor.shape, ggml_type)?;
        writer.add_tensor(&tensor.name, &tensor.shape, ggml_type);
    }
    let mut files = layout.files.iter();
    writer.write(path, |name| {
        if let Some((_, factors)) = factors.iter().find(|(found, _)| *found == name) {
            return Ok(float_bytes(factors, FloatType::F32));
        }
        let tensor = files.next().expect("as many tensors as were announced");
        let ggml_type = rule.type_of(tensor);
        let stored = |name: &str| stored_blocks(source, name, ggml_type);
        assemble(source, &layout, tensor, &stored, &|values| encode(values, ggml_type))
    })
}

/// Where tensors stand in a file that we write.
pub(crate) fn gguf_layout(config: &ModelConfig) -> Layout {
    let rules = Family::of_config(config).gguf.iter().copied().flatten();
    Layout::new(config, &rules, &|_| true)
}

/// The blocks of a tensor that nothing changes and that is stored in the type to be written.
fn stored_blocks(source: &ExportSource<'_>, name: &str, ggml_type: GgmlType) -> Option<Vec<u8>> {
    let weight = source.unchanged(name).ok()??;
    let WeightData::Blocks { format, rows } = weight.data else { return None };
    (GgmlType::from(format) == ggml_type).then(|| rows.concat())
}

fn check_type(name: &str, shape: &[usize], ggml_type: GgmlType) -> Result<(), ModelError> {
    let float = matches!(ggml_type, GgmlType::F32 | GgmlType::F16 | GgmlType::BF16);
    if !float && !ggml_type.quant_format().is_some_and(QuantFormat::can_quantize) {
        let (name, found) = (name.to_owned(), ggml_type.to_string());
        return Err(ModelError::UnsupportedType { name, found, supported: GgmlType::WRITABLE });
    }
    let columns = shape.last().copied().unwrap_or(1);
    let block = ggml_type.block_len();
    if columns.is_multiple_of(block) {
        return Ok(());
    }
    Err(ModelError::NotInBlocks { name: name.to_owned(), columns, format: ggml_type, block })
}

fn encode(values: &[f32], ggml_type: GgmlType) -> Vec<u8> {
    if let Some(format) = ggml_type.quant_format() {
        let mut blocks = Vec::new();
        quantize_blocks(format, values, &mut blocks);
        return blocks;
    }
    let float_type = if ggml_type == GgmlType::F16 {
        FloatType::F16
    } else if ggml_type == GgmlType::BF16 {
        FloatType::Bf16
    } else {
        FloatType::F32
    };
    float_bytes(values, float_type)
}

fn metadata(checkpoint: &Checkpoint) -> Result<Vec<(String, MetaValue)>, ModelError> {
    if let Some(file) = checkpoint.gguf() {
        // What is written is one file, whatever it was read from.
        let keys = file.keys().filter(|(key, _)| !key.starts_with("split."));
        return Ok(keys.map(|(key, value)| (key.to_owned(), value.clone())).collect());
    }
    let config = checkpoint.config();
    let mut keys = architecture_keys(config, &gguf_layout(config), checkpoint.path())?;
    let vocab = GgufVocab::from_tokenizer(&checkpoint.tokenizer()?)?;
    keys.extend(vocab_metadata(&vocab));
    keys.extend(turn_end(config, &vocab));
    if let Some(template) = checkpoint.chat_template_source()? {
        keys.push(("tokenizer.chat_template".to_owned(), MetaValue::String(template)));
    }
    Ok(keys)
}

/// The key of an end of generation that is neither the vocabulary's end of text nor one that readers
/// know by its text.
fn turn_end(config: &ModelConfig, vocab: &GgufVocab) -> Option<(String, MetaValue)> {
    let is_said = |id: u32| {
        let text = vocab.tokens.get(id as usize);
        Some(id) == vocab.eos_token_id || text.is_some_and(|text| is_end(text))
    };
    let id = config.eos_token_ids.iter().copied().find(|&id| !is_said(id))?;
    Some(("tokenizer.ggml.eot_token_id".to_owned(), MetaValue::U32(id)))
}

/// The keys of the architecture, as llama.cpp's converter writes them.
///
/// # Errors
/// If a GGUF file cannot say all that the model computes: it is read back and compared.
pub(super) fn architecture_keys(
    config: &ModelConfig,
    layout: &Layout,
    path: &Utf8Path,
) -> Result<Vec<(String, MetaValue)>, ModelError> {
    let architecture = architecture(config);
    let mut keys = vec![
        ("general.architecture".to_owned(), MetaValue::from(architecture)),
        ("general.type".to_owned(), MetaValue::from("model")),
        ("general.name".to_owned(), MetaValue::from(path.file_name().unwrap_or("model"))),
    ];
    keys.extend(gguf_keys(config));
    let factors = rope_tensors(config);
    let described = Described { keys: &keys, layout, factors: &factors, path };
    let (family, _) = Family::of_architecture(architecture, path)?;
    let read_back = (family.from_gguf)(&GgufKeys::new(&described)?)?;
    match config.difference(&read_back) {
        None => Ok(keys),
        Some(what) => Err(not_written(config, what, path)),
    }
}

/// A file that is about to be written.
struct Described<'a> {
    keys: &'a [(String, MetaValue)],
    layout: &'a Layout,
    factors: &'a [(&'static str, Vec<f32>)],
    path: &'a Utf8Path,
}

impl KeySource for Described<'_> {
    fn path(&self) -> &Utf8Path {
        self.path
    }

    fn metadata(&self, key: &str) -> Option<&MetaValue> {
        self.keys.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }

    fn has_tensor(&self, name: &str) -> bool {
        self.layout.files.iter().any(|tensor| tensor.name == name)
    }

    fn floats(&self, name: &str) -> Result<Option<Vec<f32>>, ModelError> {
        let factors = self.factors.iter().find(|(found, _)| *found == name);
        Ok(factors.map(|(_, factors)| factors.clone()))
    }
}
