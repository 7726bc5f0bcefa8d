//! Configuration files of a `sentence-transformers` folder.

use crate::ModelError;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A configuration file beyond this size is refused; real ones have a few hundred bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// BERT's architecture: the keys of `config.json`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EncoderConfig {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Heads of the attention; `hidden_size` is a multiple of it.
    pub num_attention_heads: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Activation of the MLP.
    pub hidden_act: Activation,
    /// Added to the variance before its root.
    pub layer_norm_eps: f32,
    /// Rows of the position table.
    pub max_position_embeddings: usize,
    /// Rows of the segment table; only segment 0 is used.
    pub type_vocab_size: usize,
    /// Rows of the word table.
    pub vocab_size: usize,
    /// How positions enter; only `absolute` is supported.
    #[serde(default)]
    pub position_embedding_type: PositionEmbedding,
}

/// Activation functions by their `transformers` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x * Phi(x)` with the exact error function.
    Gelu,
}

/// Position schemes by their `transformers` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionEmbedding {
    /// One learned vector per position.
    #[default]
    Absolute,
}

/// How token vectors become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The mean over all tokens, special ones included.
    Mean,
    /// The vector of the first token.
    Cls,
}

/// What `sentence-transformers` does around the encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentenceConfig {
    /// Tokens of the longest text, special ones included.
    pub max_seq_length: usize,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Whether the result is scaled to unit length.
    pub normalize: bool,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct SentenceBertConfig {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
    #[serde(default)]
    pooling_mode_max_tokens: bool,
    #[serde(default)]
    pooling_mode_mean_sqrt_len_tokens: bool,
    #[serde(default)]
    pooling_mode_weightedmean_tokens: bool,
    #[serde(default)]
    pooling_mode_lasttoken: bool,
}

impl EncoderConfig {
    /// Reads `config.json` of the folder.
    ///
    /// # Errors
    /// The file is missing, is not JSON of this form, or describes an impossible shape.
    pub fn open(dir: &Utf8Path) -> Result<Self, ModelError> {
        let path = dir.join("config.json");
        let config: Self = read_json(&path)?;
        let heads = config.num_attention_heads;
        if heads == 0 || config.hidden_size == 0 || !config.hidden_size.is_multiple_of(heads) {
            return Err(ModelError::InvalidConfig {
                key: "num_attention_heads",
                value: heads.to_string(),
                reason: "must divide hidden_size, which must not be 0",
                file: path,
            });
        }
        Ok(config)
    }
}

impl SentenceConfig {
    /// Reads `modules.json`, `sentence_bert_config.json` and the pooling module's `config.json`.
    ///
    /// Without `modules.json` it is mean pooling and no scaling, as `sentence-transformers` does.
    ///
    /// # Errors
    /// A file is not JSON of the known form, or names a module or pooling we do not have.
    pub fn open(dir: &Utf8Path, max_position_embeddings: usize) -> Result<Self, ModelError> {
        let limit = dir.join("sentence_bert_config.json");
        let max_seq_length = if limit.exists() {
            read_json::<SentenceBertConfig>(&limit)?.max_seq_length
        } else {
            None
        };
        let mut config = Self {
            max_seq_length: max_seq_length
                .map_or(max_position_embeddings, |max| max.min(max_position_embeddings)),
            pooling: Pooling::Mean,
            normalize: false,
        };
        let modules = dir.join("modules.json");
        if !modules.exists() {
            return Ok(config);
        }
        for module in read_json::<Vec<Module>>(&modules)? {
            match module.kind.rsplit('.').next() {
                Some("Transformer") => {}
                Some("Pooling") => {
                    config.pooling = pooling(&dir.join(&module.path).join("config.json"))?;
                }
                Some("Normalize") => config.normalize = true,
                _ => return Err(unsupported(&modules, "type", module.kind)),
            }
        }
        Ok(config)
    }
}

fn pooling(path: &Utf8Path) -> Result<Pooling, ModelError> {
    let config: PoolingConfig = read_json(path)?;
    let unknown = config.pooling_mode_max_tokens
        || config.pooling_mode_mean_sqrt_len_tokens
        || config.pooling_mode_weightedmean_tokens
        || config.pooling_mode_lasttoken;
    match (config.pooling_mode_mean_tokens, config.pooling_mode_cls_token, unknown) {
        (true, false, false) => Ok(Pooling::Mean),
        (false, true, false) => Ok(Pooling::Cls),
        (mean, cls, other) => Err(unsupported(
            path,
            "pooling_mode",
            format!("mean: {mean}, cls: {cls}, others: {other}"),
        )),
    }
}

fn unsupported(file: &Utf8Path, key: &'static str, value: String) -> ModelError {
    ModelError::InvalidConfig {
        key,
        value,
        reason: "supported are a Transformer, mean or cls Pooling, and Normalize",
        file: file.to_owned(),
    }
}

fn read_json<T: DeserializeOwned>(path: &Utf8Path) -> Result<T, ModelError> {
    let io = |source| ModelError::Io { path: path.to_owned(), source };
    let size = std::fs::metadata(path).map_err(io)?.len();
    if size > MAX_CONFIG_BYTES {
        return Err(ModelError::TooLarge { path: path.to_owned(), size, limit: MAX_CONFIG_BYTES });
    }
    let bytes = std::fs::read(path).map_err(io)?;
    serde_json::from_slice(&bytes)
        .map_err(|source| ModelError::Json { path: Utf8PathBuf::from(path), source })
}
