//! Opening a model.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use catena_text::{ChatTemplate, Tokenizer, limits};
use serde_json::Value;

use super::files::{Files, is_gguf, open_tokenizer};
use super::layout::{Layout, Source};
use super::weight::Weight;
use crate::config::{GgufKeys, JsonKeys, ModelConfig};
use crate::error::ModelError;
use crate::families::{Family, decoder_keys};
use crate::files::{read, read_json};
use crate::gguf::GgufFile;
use crate::tensors::nearest_name;
use crate::training::{RandomWeights, WeightSource as _};

/// A language model on disk: its configuration, tokenizer, template and tensors.
#[derive(Debug)]
pub struct Checkpoint {
    path: Utf8PathBuf,
    config: ModelConfig,
    /// Where each tensor of the decoder is, by its name.
    sources: BTreeMap<String, Source>,
    origin: Origin,
}

/// Where values come from.
#[derive(Debug)]
enum Origin {
    Files(Files),
    /// Nowhere yet: they are drawn.
    Drawn(RandomWeights),
}

/// Standard deviation of first weights where a `config.json` does not say: that of transformers.
const INITIALIZER_RANGE: f32 = 0.02;

/// Ends of the names of tensors that follow from the configuration and that old files carry.
const PASSED_OVER: &[&str] = &[
    ".rotary_emb.inv_freq",
    ".rotary_pos_emb.inv_freq",
    ".attn.bias",
    ".attn.masked_bias",
    ".attention.bias",
    ".attention.masked_bias",
    // Read with the configuration.
    "rope_freqs.weight",
    "rope_factors_long.weight",
    "rope_factors_short.weight",
];

impl Checkpoint {
    /// Opens a `.gguf` file or a Hugging Face folder and checks that it holds exactly the tensors
    /// that its configuration implies, with their shapes. Values are read later, on demand.
    ///
    /// # Errors
    /// If the path is neither, a file is broken, or the architecture is not one of ours.
    pub fn open(path: &Utf8Path) -> Result<Self, ModelError> {
        if is_gguf(path)? { Self::open_gguf(path) } else { Self::open_folder(path) }
    }

    fn open_gguf(path: &Utf8Path) -> Result<Self, ModelError> {
        let file = GgufFile::open(path)?;
        let keys = GgufKeys::new(&file)?;
        let (family, architecture) = Family::of_architecture(keys.architecture(), path)?;
        let config = (family.from_gguf)(&keys)?.validate(path)?;
        let rules = family.gguf.iter().copied().flatten();
        let layout = Layout::new(&config, &rules, &|name| file.tensor(name).is_some());
        let shapes = file.tensors().iter();
        let shapes = shapes.map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice()));
        check_tensors(&layout, &shapes.collect(), architecture, path)?;
        let (path, sources) = (path.to_owned(), layout.sources);
        Ok(Self { path, config, sources, origin: Origin::Files(Files::Gguf(file)) })
    }

    fn open_folder(path: &Utf8Path) -> Result<Self, ModelError> {
        let index = path.join("model.safetensors.index.json");
        let single = path.join("model.safetensors");
        let config = path.join("config.json");
        if !config.exists() || !(index.exists() || single.exists()) {
            return Err(ModelError::NotAModel { path: path.to_owned() });
        }
        let keys = JsonKeys::read(&config)?;
        refuse_quantized(&keys)?;
        let decoder = decoder_keys(&keys)?;
        let is_composite = decoder.is_some();
        let keys = decoder.unwrap_or(keys);
        let (family, model_type) = Family::of_json(&keys)?;
        let mut config = (family.from_json)(&keys, model_type)?.validate(&config)?;
        add_generation_ends(path, &mut config)?;
        let files = Files::open_folder(path)?;
        let files = if is_composite { files.of_decoder() } else { files };
        let mut shapes = BTreeMap::new();
        for name in files.names() {
            shapes.insert(name, files.shape(name)?);
        }
        let there = |name: &str| shapes.contains_key(name);
        let mut layout = Layout::new(&config, &family.huggingface.iter(), &there);
        if config.tie_word_embeddings {
            // Some files carry the head although it is the embedding.
            let untied = ModelConfig { tie_word_embeddings: false, ..config.clone() };
            let untied = Layout::new(&untied, &family.huggingface.iter(), &there);
            if let Some(head) = untied.sources.get("lm_head.weight") {
                shapes.remove(head.file.as_str());
            }
        }
        check_tensors(&layout, &shapes, model_type, path)?;
        let (path, sources) = (path.to_owned(), std::mem::take(&mut layout.sources));
        Ok(Self { path, config, sources, origin: Origin::Files(files) })
    }

    /// A model that is trained from nothing: configuration and tokenizer of the folder `path`, and
    /// weights drawn with `seed` and the configuration's `initializer_range`. Weights of the folder,
    /// if it has any, are not read.
    ///
    /// # Errors
    /// If there is no `config.json`, or it describes no architecture of ours.
    pub fn drawn(path: &Utf8Path, seed: u64) -> Result<Self, ModelError> {
        let file = path.join("config.json");
        let keys = JsonKeys::read(&file)?;
        let keys = decoder_keys(&keys)?.unwrap_or(keys);
        let (family, model_type) = Family::of_json(&keys)?;
        let config = (family.from_json)(&keys, model_type)?.validate(&file)?;
        let deviation = keys.or("initializer_range", INITIALIZER_RANGE)?;
        let layout = Layout::new(&config, &family.huggingface.iter(), &|_| true);
        let mut weights = RandomWeights::new(seed, deviation);
        if model_type == "gpt2" {
            // Two of each layer are added. Source: `GPT2PreTrainedModel._init_weights`.
            weights.residual_deviation /= (2.0 * config.num_hidden_layers as f32).sqrt();
        }
        let origin = Origin::Drawn(weights);
        Ok(Self { path: path.to_owned(), config, sources: layout.sources, origin })
    }

    /// The file or folder.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The architecture.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The GGUF file, if the model is one.
    pub fn gguf(&self) -> Option<&GgufFile> {
        match &self.origin {
            Origin::Files(Files::Gguf(file)) => Some(file),
            Origin::Files(Files::Folder(_)) | Origin::Drawn(_) => None,
        }
    }

    /// The names of all tensors of the decoder, sorted.
    pub fn tensor_names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// A tensor's shape.
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] with the most similar name.
    pub fn shape(&self, name: &str) -> Result<&[usize], ModelError> {
        self.source(name).map(|source| source.shape.as_slice())
    }

    /// A tensor in its stored form; as f32 where values are changed or a matrix is transposed.
    ///
    /// # Errors
    /// If there is none of that name, or its type is not one that we compute with.
    pub fn weight(&self, name: &str) -> Result<Weight<'_>, ModelError> {
        let source = self.source(name)?;
        match &self.origin {
            Origin::Files(files) => files.weight(source, name),
            Origin::Drawn(weights) => weights.weight(name, &source.shape),
        }
    }

    /// A tensor's values as f32, row-major.
    ///
    /// # Errors
    /// As [`Checkpoint::weight`].
    pub fn dequantize(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        Ok(self.weight(name)?.to_f32())
    }

    /// Takes a tensor's bytes out of the process's memory once they are packed elsewhere, so that
    /// weights do not count twice; reading it again is slower but the same.
    pub fn release(&self, name: &str) {
        if let (Ok(source), Origin::Files(files)) = (self.source(name), &self.origin) {
            files.release(&source.file);
        }
    }

    fn source(&self, name: &str) -> Result<&Source, ModelError> {
        self.sources.get(name).ok_or_else(|| ModelError::MissingTensor {
            name: name.to_owned(),
            file: self.path.clone(),
            nearest: nearest_name(name, self.tensor_names()),
        })
    }

    /// The model's tokenizer.
    ///
    /// # Errors
    /// If its files are missing or broken.
    pub fn tokenizer(&self) -> Result<Tokenizer, ModelError> {
        match self.gguf() {
            Some(file) => Ok(Tokenizer::from_gguf(&file.vocab()?)?),
            None => open_tokenizer(&self.path),
        }
    }

    /// The source of the model's chat template, if it has one.
    ///
    /// # Errors
    /// If its file is broken.
    pub fn chat_template_source(&self) -> Result<Option<String>, ModelError> {
        match self.gguf() {
            Some(file) => Ok(file.chat_template().map(ToOwned::to_owned)),
            None => folder_template(&self.path),
        }
    }

    /// The model's chat template with the special tokens of `tokenizer`, if it has one.
    ///
    /// # Errors
    /// If a file is broken or the template does not parse.
    pub fn chat_template(&self, tokenizer: &Tokenizer) -> Result<Option<ChatTemplate>, ModelError> {
        let Some(source) = self.chat_template_source()? else { return Ok(None) };
        let text = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id)).unwrap_or_default();
        let (bos, eos) = (text(tokenizer.bos_token_id()), text(tokenizer.eos_token_id()));
        Ok(Some(ChatTemplate::new(&source, &bos, &eos)?))
    }
}

/// Refuses weights in fewer bits that are no ggml blocks, by what made them.
fn refuse_quantized(keys: &JsonKeys) -> Result<(), ModelError> {
    let key = "quantization_config";
    let Some(inner) = keys.object(key)? else { return Ok(()) };
    let value = inner.or("quant_method", "unnamed".to_owned())?;
    let reason = "supported are weights in F32, F16 and BF16; the nearest is the model's GGUF file";
    Err(ModelError::InvalidConfig { key, value, reason, file: keys.path().to_owned() })
}

/// Adds the ends of a generation that `generation_config.json` names. Models that converse often end
/// their turns with a token that stands there only: `config.json` of Gemma and Phi-3 has the end of a
/// text.
fn add_generation_ends(folder: &Utf8Path, config: &mut ModelConfig) -> Result<(), ModelError> {
    let path = folder.join("generation_config.json");
    if !path.exists() {
        return Ok(());
    }
    let (key, keys) = ("eos_token_id", JsonKeys::read(&path)?);
    for id in keys.tokens(key)? {
        if id as usize >= config.vocab_size {
            return Err(keys.refuse(key, "must be below vocab_size"));
        }
        if !config.eos_token_ids.contains(&id) {
            config.eos_token_ids.push(id);
        }
    }
    Ok(())
}

/// `chat_template.jinja`, or the template (of several, the one called `default`) in
/// `tokenizer_config.json`.
fn folder_template(folder: &Utf8Path) -> Result<Option<String>, ModelError> {
    let jinja = folder.join("chat_template.jinja");
    if jinja.exists() {
        let bytes = read(&jinja, limits::MAX_TEMPLATE_BYTES as u64)?;
        return Ok(Some(String::from_utf8_lossy(&bytes).into_owned()));
    }
    let config = folder.join("tokenizer_config.json");
    if !config.exists() {
        return Ok(None);
    }
    let config: Value = read_json(&config)?;
    let template = config.get("chat_template");
    let several = template.and_then(Value::as_array).into_iter().flatten();
    let default = several
        .filter(|named| named.get("name").and_then(Value::as_str) == Some("default"))
        .find_map(|named| named.get("template"));
    let one = template.and_then(Value::as_str).or_else(|| default?.as_str());
    Ok(one.map(ToOwned::to_owned))
}

/// Refuses a file that lacks a tensor of the layout, has one of another shape, or one more.
fn check_tensors(
    layout: &Layout,
    shapes: &BTreeMap<&str, &[usize]>,
    architecture: &'static str,
    path: &Utf8Path,
) -> Result<(), ModelError> {
    let mut known = BTreeSet::new();
    for tensor in &layout.files {
        let name = tensor.name.as_str();
        let Some(found) = shapes.get(name) else {
            let nearest = nearest_name(name, shapes.keys().copied());
            let (name, file) = (name.to_owned(), path.to_owned());
            return Err(ModelError::MissingTensor { name, file, nearest });
        };
        if **found != *tensor.shape {
            let (name, found) = (name.to_owned(), found.to_vec());
            let expected = tensor.shape.clone();
            return Err(ModelError::ShapeMismatch { name, found, expected });
        }
        known.insert(name);
    }
    let passed_over = |name: &str| PASSED_OVER.iter().any(|end| name.ends_with(end));
    match shapes.keys().find(|name| !known.contains(*name) && !passed_over(name)) {
        None => Ok(()),
        Some(name) => {
            let (name, file) = ((*name).to_owned(), path.to_owned());
            Err(ModelError::UnexpectedTensor { name, architecture, file })
        }
    }
}
