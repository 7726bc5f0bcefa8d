//! What `sentence-transformers` does around the trunk, from the files of its folders or from the
//! keys of a GGUF file.

use crate::ModelError;
use crate::config::GgufKeys;
use crate::files::read_json;
use crate::gguf::GgufFile;
use camino::{Utf8Path, Utf8PathBuf};
use catena_kernels::Activation;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How token vectors become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Pooling {
    /// The vector of the first token.
    #[serde(rename = "cls")]
    Cls,
    /// The largest value of each element.
    #[serde(rename = "max")]
    Max,
    /// The mean over all tokens, special ones included.
    #[serde(rename = "mean")]
    Mean,
    /// The sum over the root of the number of tokens.
    #[serde(rename = "mean_sqrt_len_tokens")]
    MeanSqrtLen,
    /// The mean with weights that grow by one with each token.
    #[serde(rename = "weightedmean")]
    WeightedMean,
    /// The vector of the last token.
    #[serde(rename = "lasttoken")]
    LastToken,
}

/// What `sentence-transformers` does around the encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentenceConfig {
    /// Tokens of the longest text, special ones included.
    pub max_seq_length: usize,
    /// How token vectors become one; the results of several stand side by side.
    pub pooling: Vec<Pooling>,
    /// Layers behind the pooling, in order.
    pub dense: Vec<DenseConfig>,
    /// Whether the result is scaled to unit length.
    pub normalize: bool,
}

/// A layer behind the pooling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseConfig {
    /// Its folder.
    pub dir: Utf8PathBuf,
    /// Values in.
    pub in_features: usize,
    /// Values out.
    pub out_features: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// What its results go through.
    pub act: Activation,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct SentenceBertKeys {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize)]
struct TokenizerKeys {
    /// 10^30, which is no count, where the tokenizer has no limit.
    model_max_length: Option<Value>,
}

/// Both forms of the pooling's file: `pooling_mode`, and one switch per mode before it.
#[derive(Deserialize)]
struct PoolingKeys {
    pooling_mode: Option<OneOrMany>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// The switches in the order in which their results stand.
const SWITCHES: [(&str, Pooling); 6] = [
    ("pooling_mode_cls_token", Pooling::Cls),
    ("pooling_mode_max_tokens", Pooling::Max),
    ("pooling_mode_mean_tokens", Pooling::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", Pooling::MeanSqrtLen),
    ("pooling_mode_weightedmean_tokens", Pooling::WeightedMean),
    ("pooling_mode_lasttoken", Pooling::LastToken),
];

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Pooling),
    Many(Vec<Pooling>),
}

#[derive(Deserialize)]
struct DenseKeys {
    in_features: usize,
    out_features: usize,
    #[serde(default = "default_bias")]
    bias: bool,
    activation_function: Option<String>,
    #[serde(default)]
    use_residual: bool,
}

fn default_bias() -> bool {
    true
}

impl SentenceConfig {
    /// Reads `modules.json` and what it names, and the longest text from
    /// `sentence_bert_config.json` or `tokenizer_config.json`.
    ///
    /// Without `modules.json` it is mean pooling and no scaling, as `sentence-transformers` does.
    ///
    /// # Errors
    /// A file is not JSON of the known form, or names a module or pooling we do not have.
    pub fn open(dir: &Utf8Path, max_tokens: usize) -> Result<Self, ModelError> {
        let max_seq_length = max_seq_length(dir)?.map_or(max_tokens, |max| max.min(max_tokens));
        let pooling = vec![Pooling::Mean];
        let mut config = Self { max_seq_length, pooling, dense: Vec::new(), normalize: false };
        let modules = dir.join("modules.json");
        if !modules.exists() {
            return Ok(config);
        }
        for module in read_json::<Vec<Module>>(&modules)? {
            let folder = dir.join(plain(&module.path, &modules)?);
            let behind = config.normalize;
            match module.kind.rsplit('.').next() {
                Some("Transformer") => {}
                Some("Pooling") if !behind => config.pooling = pooling_modes(&folder)?,
                Some("Dense") if !behind => config.dense.push(dense(folder)?),
                Some("Normalize") => config.normalize = true,
                _ => return Err(unsupported(&modules, "type", module.kind)),
            }
        }
        Ok(config)
    }

    /// What a GGUF file says: `pooling_type` is `mean`, `cls` or `last`, and the mean where it is
    /// missing, as in a folder without `modules.json`.
    ///
    /// The files do not say whether vectors are scaled to unit length. We scale them, as
    /// llama.cpp's tools do unless they are told otherwise; cosines do not depend on it. Neither do
    /// they have the limit on tokens of `sentence_bert_config.json`, so it is the encoder's.
    ///
    /// # Errors
    /// The file asks for token vectors or scores instead of a text's vector.
    pub fn from_gguf(file: &GgufFile, max_tokens: usize) -> Result<Self, ModelError> {
        let keys = GgufKeys::new(file)?;
        let pooling = match keys.optional("pooling_type")? {
            None | Some(1) => Pooling::Mean,
            Some(2) => Pooling::Cls,
            Some(3) => Pooling::LastToken,
            Some(other) => {
                let reason = "vectors of texts are pooled by 1 (mean), 2 (cls) or 3 (last)";
                return Err(keys.refuse("pooling_type", other.to_string(), reason));
            }
        };
        let (pooling, dense) = (vec![pooling], Vec::new());
        Ok(Self { max_seq_length: max_tokens, pooling, dense, normalize: true })
    }

    /// Length of an embedding of an encoder with hidden states of `hidden_size`.
    pub fn dim(&self, hidden_size: usize) -> usize {
        self.dense.last().map_or(self.pooling.len() * hidden_size, |dense| dense.out_features)
    }
}

/// A module's folder must be inside the model's.
fn plain<'a>(path: &'a str, file: &Utf8Path) -> Result<&'a str, ModelError> {
    let inside = !path.contains(['/', '\\']) && path != "..";
    if inside { Ok(path) } else { Err(unsupported(file, "path", path.to_owned())) }
}

fn max_seq_length(dir: &Utf8Path) -> Result<Option<usize>, ModelError> {
    let own = dir.join("sentence_bert_config.json");
    if own.exists()
        && let Some(max) = read_json::<SentenceBertKeys>(&own)?.max_seq_length
    {
        return Ok(Some(max));
    }
    let tokenizer = dir.join("tokenizer_config.json");
    if !tokenizer.exists() {
        return Ok(None);
    }
    let max = read_json::<TokenizerKeys>(&tokenizer)?.model_max_length;
    Ok(max.and_then(|max| usize::try_from(max.as_u64()?).ok()))
}

fn pooling_modes(folder: &Utf8Path) -> Result<Vec<Pooling>, ModelError> {
    let path = folder.join("config.json");
    let keys: PoolingKeys = read_json(&path)?;
    let on = |switch: &str| keys.others.get(switch).and_then(Value::as_bool) == Some(true);
    let modes: Vec<_> = match keys.pooling_mode {
        Some(OneOrMany::One(mode)) => vec![mode],
        Some(OneOrMany::Many(modes)) => modes,
        None => SWITCHES.iter().filter(|(switch, _)| on(switch)).map(|(_, mode)| *mode).collect(),
    };
    // Without any, the library takes the mean; more than there are is no real file.
    match modes.len() {
        0 => Ok(vec![Pooling::Mean]),
        1..=6 => Ok(modes),
        many => Err(unsupported(&path, "pooling_mode", format!("{many} modes"))),
    }
}

fn dense(dir: Utf8PathBuf) -> Result<DenseConfig, ModelError> {
    let path = dir.join("config.json");
    let DenseKeys { in_features, out_features, bias, activation_function, use_residual } =
        read_json(&path)?;
    if use_residual {
        return Err(unsupported(&path, "use_residual", "true".to_owned()));
    }
    let name = activation_function.as_deref().and_then(|name| name.rsplit('.').next());
    let act = match name {
        Some("Tanh") | None => Activation::Tanh,
        Some("Identity") => Activation::Identity,
        Some("ReLU") => Activation::Relu,
        Some("GELU") => Activation::Gelu,
        Some("SiLU") => Activation::Silu,
        Some(other) => return Err(unsupported(&path, "activation_function", other.to_owned())),
    };
    Ok(DenseConfig { dir, in_features, out_features, bias, act })
}

fn unsupported(file: &Utf8Path, key: &'static str, value: String) -> ModelError {
    ModelError::InvalidConfig {
        key,
        value,
        reason: "supported are a Transformer, Pooling, Dense layers, and Normalize at the end",
        file: file.to_owned(),
    }
}
