//! What `config.json` or a GGUF file says about an encoder, in one form for all families.

use super::families::{self, Family};
use crate::ModelError;
use crate::checkpoint::is_gguf;
use crate::config::GgufKeys;
use crate::files::read_json;
use crate::gguf::GgufFile;
use camino::Utf8Path;
use catena_kernels::{Activation, Gate};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest text we run, whatever the file claims: bounds the table of rotations.
const MAX_POSITIONS: usize = 1 << 18;
/// Labels of a classifier; real ones have a few hundred at most.
const MAX_LABELS: usize = 1 << 20;
/// Largest size of any axis: products of three of them do not overflow.
const MAX_SIZE: usize = 1 << 20;
/// Layers of the deepest encoder, an order of magnitude beyond real ones.
const MAX_LAYERS: usize = 1 << 10;

/// The shape of an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderConfig {
    /// The family's name in `config.json`, whatever the files.
    pub model_type: String,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Heads of the attention; `hidden_size` is a multiple of it.
    pub num_attention_heads: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Rows of the word table.
    pub vocab_size: usize,
    /// Rows of the table of token types; 0 if there is none.
    pub type_vocab_size: usize,
    /// How positions enter.
    pub positions: Positions,
    /// Tokens of the longest text, special ones included.
    pub max_tokens: usize,
    /// What the MLP does between its products.
    pub mlp: Mlp,
    /// Where the norms stand.
    pub norm_placement: NormPlacement,
    /// Added to the variance before its root.
    pub layer_norm_eps: f32,
    /// Which parts have biases.
    pub biases: Biases,
    /// The attention of each layer.
    pub layers: Vec<LayerAttention>,
    /// What stands on the trunk.
    pub head: HeadConfig,
}

/// How positions enter.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// One learned vector per position.
    Learned {
        /// Rows of the table.
        rows: usize,
        /// RoBERTa's way: positions count from behind this id, and tokens of this id stay on it.
        padding_idx: Option<u32>,
    },
    /// Queries and keys are turned, by angles of each layer's own base.
    Rotary,
}

/// What an MLP does between its products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mlp {
    /// Passes each value through a function.
    Plain(Activation),
    /// Multiplies one half of the values by the other, which went through a function.
    Gated(Gate),
}

/// Where the norms stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlacement {
    /// Behind each residual sum; the branches then have biases.
    Post,
    /// Before attention and MLP, none before the first attention, and one behind the last layer.
    Pre,
}

/// Which parts have biases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Biases {
    /// Projections of the attention.
    pub attention: bool,
    /// Products of the MLP.
    pub mlp: bool,
    /// Norms.
    pub norm: bool,
    /// The dense layer of the head.
    pub head: bool,
}

impl Biases {
    /// Everywhere.
    pub const ALL: Self = Self { attention: true, mlp: true, norm: true, head: true };
}

/// What one layer attends to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LayerAttention {
    /// Largest distance that a token sees, `None` for all tokens.
    pub radius: Option<usize>,
    /// Base of the rotary frequencies, for [`Positions::Rotary`].
    pub rope_theta: Option<f32>,
}

/// What stands on the trunk.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadConfig {
    /// The class in `architectures`, such as `BertForSequenceClassification`, or the architecture of
    /// a GGUF file.
    pub architecture: String,
    /// What the checkpoint was trained to give.
    pub task: EncoderTask,
    /// What a classifier's outputs mean, in order.
    pub labels: Vec<String>,
    /// Activation of the head's dense layer.
    pub act: Activation,
    /// Whether a sequence classifier reads the mean of all tokens instead of the first one.
    pub mean_pooling: bool,
}

/// What the checkpoint was trained to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncoderTask {
    /// Vectors of tokens or texts; heads that we do not run, such as that of masked tokens, count
    /// as none.
    Hidden,
    /// One score per label for a text or a pair of texts.
    SequenceClassification,
    /// One score per label for each token.
    TokenClassification,
}

impl EncoderTask {
    /// By the name of a class of `transformers`.
    fn of_class(name: &str) -> Self {
        if name.ends_with("ForSequenceClassification") {
            Self::SequenceClassification
        } else if name.ends_with("ForTokenClassification") {
            Self::TokenClassification
        } else {
            Self::Hidden
        }
    }
}

impl Default for HeadConfig {
    /// None.
    fn default() -> Self {
        Self {
            architecture: String::new(),
            task: EncoderTask::Hidden,
            labels: Vec::new(),
            act: Activation::Identity,
            mean_pooling: false,
        }
    }
}

/// Keys that all families share.
#[derive(Deserialize)]
struct HeadKeys {
    model_type: Option<String>,
    architectures: Option<Vec<String>>,
    id2label: Option<BTreeMap<String, String>>,
    #[serde(alias = "_num_labels")]
    num_labels: Option<usize>,
    #[serde(default)]
    is_decoder: bool,
}

impl EncoderConfig {
    /// Reads `config.json` of a folder, or the keys of a `.gguf` file.
    ///
    /// # Errors
    /// A file is missing or not of the family's form, names a family that we do not run, or
    /// describes an impossible shape.
    pub fn open(path: &Utf8Path) -> Result<Self, ModelError> {
        let (config, _) = if is_gguf(path)? {
            Self::read_gguf(&GgufFile::open(path)?)?
        } else {
            Self::read_folder(path)?
        };
        Ok(config)
    }

    /// What `config.json` says, and whose it is.
    pub(super) fn read_folder(dir: &Utf8Path) -> Result<(Self, &'static Family), ModelError> {
        let path = dir.join("config.json");
        let value: Value = read_json(&path)?;
        let keys: HeadKeys = parse(&value, &path)?;
        let family = families::find(keys.model_type.as_deref().unwrap_or_default(), &path)?;
        if keys.is_decoder {
            return Err(ModelError::InvalidConfig {
                key: "is_decoder",
                value: "true".to_owned(),
                reason: "an encoder sees the whole text",
                file: path,
            });
        }
        let mut config = (family.read)(&value, &path)?;
        config.head.architecture =
            keys.architectures.and_then(|names| names.into_iter().next()).unwrap_or_default();
        config.head.task = EncoderTask::of_class(&config.head.architecture);
        config.head.labels = labels(keys.id2label, keys.num_labels, &path)?;
        Ok((config.validate(&path)?, family))
    }

    /// What the keys of a GGUF file say, and whose they are.
    pub(super) fn read_gguf(file: &GgufFile) -> Result<(Self, &'static Family), ModelError> {
        let keys = GgufKeys::new(file)?;
        let family = families::find_gguf(&keys)?;
        let mut config = (family.gguf.read)(&keys)?;
        let head = &mut config.head;
        if head.labels.is_empty() && head.task == EncoderTask::SequenceClassification {
            let out = family.gguf.names.sequence_head.map(|head| format!("{}.weight", head.out));
            let rows = out.and_then(|out| file.tensor(&out)?.shape.first().copied());
            head.labels = labels(None, rows, file.path())?;
        }
        Ok((config.validate(file.path())?, family))
    }

    /// Refuses shapes that cannot be.
    fn validate(mut self, path: &Utf8Path) -> Result<Self, ModelError> {
        let refuse = |key, value: String, reason| {
            Err(ModelError::InvalidConfig { key, value, reason, file: path.to_owned() })
        };
        let heads = self.num_attention_heads;
        if heads == 0 || !self.hidden_size.is_multiple_of(heads) {
            return refuse("num_attention_heads", heads.to_string(), "must divide hidden_size");
        }
        if self.positions == Positions::Rotary && !self.head_dim().is_multiple_of(2) {
            let size = self.hidden_size.to_string();
            return refuse("hidden_size", size, "heads that are turned have an even size");
        }
        for (key, size) in [
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("vocab_size", self.vocab_size),
            ("max_position_embeddings", self.max_tokens),
        ] {
            if !(1..=MAX_SIZE).contains(&size) {
                return refuse(key, size.to_string(), "must leave 1 to 1048576");
            }
        }
        let eps = self.layer_norm_eps;
        if !(eps.is_finite() && eps >= 0.0) {
            return refuse("layer_norm_eps", eps.to_string(), "must be a number not below 0");
        }
        self.max_tokens = self.max_tokens.min(MAX_POSITIONS);
        Ok(self)
    }

    /// Elements of an attention head.
    pub fn head_dim(&self) -> usize {
        self.hidden_size / self.num_attention_heads
    }
}

/// A JSON value as `T`.
pub(super) fn parse<T: for<'a> Deserialize<'a>>(
    value: &Value,
    path: &Utf8Path,
) -> Result<T, ModelError> {
    T::deserialize(value).map_err(|source| ModelError::Json { path: path.to_owned(), source })
}

/// A number of layers that memory may be taken for.
pub(super) fn num_layers(found: usize, path: &Utf8Path) -> Result<usize, ModelError> {
    if found <= MAX_LAYERS {
        return Ok(found);
    }
    Err(ModelError::InvalidConfig {
        key: "num_hidden_layers",
        value: found.to_string(),
        reason: "at most 1024 are run",
        file: path.to_owned(),
    })
}

/// An activation by its `transformers` name.
pub(super) fn activation(
    key: &'static str,
    name: &str,
    path: &Utf8Path,
) -> Result<Activation, ModelError> {
    match name {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        "silu" | "swish" => Ok(Activation::Silu),
        "tanh" => Ok(Activation::Tanh),
        "linear" => Ok(Activation::Identity),
        _ => Err(ModelError::InvalidConfig {
            key,
            value: name.to_owned(),
            reason: "supported are gelu, gelu_new, gelu_fast, gelu_pytorch_tanh, relu, silu, tanh",
            file: path.to_owned(),
        }),
    }
}

/// Labels in the order of the outputs: `id2label`, else `LABEL_0` and so on, of which
/// `transformers` takes two unless it is told otherwise.
fn labels(
    id2label: Option<BTreeMap<String, String>>,
    num_labels: Option<usize>,
    path: &Utf8Path,
) -> Result<Vec<String>, ModelError> {
    let refuse = |key, value: String, reason| {
        Err(ModelError::InvalidConfig { key, value, reason, file: path.to_owned() })
    };
    let Some(id2label) = id2label else {
        let count = num_labels.unwrap_or(2);
        if count > MAX_LABELS {
            return refuse("num_labels", count.to_string(), "at most 1048576 labels are read");
        }
        return Ok((0..count).map(|label| format!("LABEL_{label}")).collect());
    };
    let mut labels = vec![None; id2label.len()];
    for (id, label) in id2label {
        match id.parse().ok().and_then(|id: usize| labels.get_mut(id)) {
            Some(place) => *place = Some(label),
            None => return refuse("id2label", id, "ids count from 0 without gaps"),
        }
    }
    // As many places as entries, so a gap means that an id was there twice, as `1` and `01`.
    match labels.into_iter().collect() {
        Some(labels) => Ok(labels),
        None => refuse("id2label", "twice the same id".to_owned(), "ids count from 0 without gaps"),
    }
}
