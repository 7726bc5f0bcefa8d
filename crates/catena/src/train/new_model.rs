//! A model that is trained from nothing, described in the settings: its folder with `config.json`
//! and tokenizer, without weights.

use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use crate::tokenizer::CHATML_TOKENS;
use camino::Utf8Path;
use catena_model::{ModelConfig, open_tokenizer};
use catena_store::write_atomic;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Folder below the output.
pub(super) const NEW_MODEL_DIR: &str = "new_model";
/// What belongs to a tokenizer.
const TOKENIZER_FILES: [&str; 4] =
    ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"];
/// Widths are multiples of this: whole tiles of the products.
const STEP: usize = 64;
/// Widest and deepest model that a size is looked for in.
const MAX_HIDDEN: usize = 8192;
const MAX_LAYERS: usize = 96;
/// Width by number of layers that a size comes near to.
const WIDTH_PER_LAYER: f64 = 48.0;
/// Sizes that are this near to the one asked for are chosen among by their proportions.
const SIZE_TOLERANCE: f64 = 0.05;
/// Fewest positions.
const MIN_POSITIONS: usize = 2048;

/// `[train.new_model]`: `size`, or the keys of a `config.json`; what is left out follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NewModel {
    /// Folder with a `tokenizer.json`, such as `catena tokenizer train` writes.
    pub(crate) tokenizer: String,
    /// Parameters to come near to, embeddings included, such as `5M` or `1.5B`; it chooses width
    /// and depth.
    pub(crate) size: Option<String>,
    /// Family, by its name in a `config.json`.
    pub(crate) model_type: String,
    /// Width; with `num_hidden_layers` in the place of `size`.
    pub(crate) hidden_size: Option<usize>,
    /// Depth; with `hidden_size` in the place of `size`.
    pub(crate) num_hidden_layers: Option<usize>,
    /// Heads of attention; if none are given, 64 wide, or 32 where that would make fewer than four.
    pub(crate) num_attention_heads: Option<usize>,
    /// Heads of keys and values; as many as heads of attention if none are given.
    pub(crate) num_key_value_heads: Option<usize>,
    /// Width of the MLP; 8/3 of `hidden_size` if none is given.
    pub(crate) intermediate_size: Option<usize>,
    /// Most tokens of a text; 2048 or `max_tokens` if none are given.
    pub(crate) max_position_embeddings: Option<usize>,
    /// Base of the rotary embeddings.
    pub(crate) rope_theta: f64,
    /// What norms add before the root.
    pub(crate) rms_norm_eps: f64,
    /// Whether the output head is the table of embeddings.
    pub(crate) tie_word_embeddings: bool,
    /// Standard deviation of drawn weights.
    pub(crate) initializer_range: f64,
}

impl Default for NewModel {
    fn default() -> Self {
        Self {
            tokenizer: String::new(),
            size: None,
            model_type: "llama".to_owned(),
            hidden_size: None,
            num_hidden_layers: None,
            num_attention_heads: None,
            num_key_value_heads: None,
            intermediate_size: None,
            max_position_embeddings: None,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-5,
            tie_word_embeddings: true,
            initializer_range: 0.02,
        }
    }
}

/// What decides the number of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: usize,
    intermediate_size: usize,
}

impl NewModel {
    /// Writes the model's folder, for sequences of `max_tokens`, and says what was chosen.
    pub(super) fn write(
        &self,
        tokenizer_folder: &Utf8Path,
        max_tokens: usize,
        folder: &Utf8Path,
    ) -> Result<String, Failure> {
        self.try_write(tokenizer_folder, max_tokens, folder).map_err(|cause| {
            Failure::new(Exit::Usage, "cannot make the model of `[train.new_model]`", cause)
                .hint("give `tokenizer`, and `size` or `hidden_size` with `num_hidden_layers`")
        })
    }

    fn try_write(
        &self,
        tokenizer_folder: &Utf8Path,
        max_tokens: usize,
        folder: &Utf8Path,
    ) -> Result<String, BoxError> {
        if self.tokenizer.is_empty() {
            return Err("the key `tokenizer` is missing".into());
        }
        let tokenizer = open_tokenizer(tokenizer_folder)?;
        let vocab_size = tokenizer.vocab_size();
        let shape = self.shape(vocab_size)?;
        // A turn ends a generation too.
        let end_of_turn = tokenizer.token_id(CHATML_TOKENS[1]);
        let end_tokens: Vec<u32> =
            tokenizer.eos_token_id().into_iter().chain(end_of_turn).collect();
        let positions = self.max_position_embeddings.unwrap_or(MIN_POSITIONS.max(max_tokens));
        let keys = json!({
            "model_type": self.model_type,
            "hidden_size": shape.hidden_size,
            "num_hidden_layers": shape.num_hidden_layers,
            "num_attention_heads": shape.num_attention_heads,
            "num_key_value_heads": shape.num_key_value_heads,
            "head_dim": shape.hidden_size / shape.num_attention_heads,
            "intermediate_size": shape.intermediate_size,
            "max_position_embeddings": positions,
            "rope_theta": self.rope_theta,
            "rms_norm_eps": self.rms_norm_eps,
            "tie_word_embeddings": self.tie_word_embeddings,
            "vocab_size": vocab_size,
            "bos_token_id": tokenizer.bos_token_id(),
            "eos_token_id": end_tokens,
            "pad_token_id": tokenizer.pad_token_id(),
        });
        let keys: Map<String, Value> = serde_json::from_value(keys)?;
        let path = folder.join("config.json");
        let mut config = ModelConfig::from_json(keys, &path)?.to_json("float32");
        config["initializer_range"] = json!(self.initializer_range);
        std::fs::create_dir_all(folder)?;
        for name in TOKENIZER_FILES {
            if tokenizer_folder.join(name).exists() {
                write_atomic(&folder.join(name), &std::fs::read(tokenizer_folder.join(name))?)?;
            }
        }
        write_atomic(&path, (serde_json::to_string_pretty(&config)? + "\n").as_bytes())?;
        Ok(self.describe(&shape, vocab_size))
    }

    fn shape(&self, vocab_size: usize) -> Result<Shape, BoxError> {
        let whole = (self.hidden_size, self.num_hidden_layers);
        let (hidden_size, layers) = match (&self.size, whole) {
            (Some(size), (None, None)) => {
                let shape = self.shape_of_size(parameters(size)?, vocab_size);
                (shape.hidden_size, shape.num_hidden_layers)
            }
            (None, (Some(hidden_size), Some(layers))) => (hidden_size, layers),
            (Some(_), _) => {
                return Err(
                    "`size` chooses `hidden_size` and `num_hidden_layers`; give either".into()
                );
            }
            (None, _) => return Err("its size is missing".into()),
        };
        let shape = self.rest(hidden_size, layers);
        let (heads, keys) = (shape.num_attention_heads, shape.num_key_value_heads);
        if heads == 0
            || keys == 0
            || !hidden_size.is_multiple_of(heads)
            || !heads.is_multiple_of(keys)
        {
            let message = format!(
                "{heads} attention heads with {keys} key/value heads do not divide a width of \
                 {hidden_size}"
            );
            return Err(message.into());
        }
        Ok(shape)
    }

    /// A shape of this width and depth, with what the settings say of the rest. Heads are 64 wide
    /// where that gives four of them, else narrower; the MLP is 8/3 of the width, as Llama's.
    fn rest(&self, hidden_size: usize, num_hidden_layers: usize) -> Shape {
        let heads = if hidden_size.is_multiple_of(64) && hidden_size >= 256 {
            hidden_size / 64
        } else {
            (hidden_size / 32).max(1)
        };
        let num_attention_heads = self.num_attention_heads.unwrap_or(heads);
        Shape {
            hidden_size,
            num_hidden_layers,
            num_attention_heads,
            num_key_value_heads: self.num_key_value_heads.unwrap_or(num_attention_heads),
            intermediate_size: self
                .intermediate_size
                .unwrap_or((hidden_size * 8 / 3).next_multiple_of(STEP)),
        }
    }

    /// The shape of about so many parameters: of those near enough, the one whose width by depth
    /// comes nearest to [`WIDTH_PER_LAYER`].
    fn shape_of_size(&self, parameters: f64, vocab_size: usize) -> Shape {
        let widths = (1..=MAX_HIDDEN / STEP).map(|steps| steps * STEP);
        let shapes = widths.flat_map(|width| (1..=MAX_LAYERS).map(move |n| self.rest(width, n)));
        let distance = |shape: &Shape| {
            let size = self.num_parameters(shape, vocab_size) as f64;
            let error = (size / parameters).ln().abs();
            let aspect = shape.hidden_size as f64 / shape.num_hidden_layers as f64;
            let proportions = (aspect / WIDTH_PER_LAYER).ln().abs();
            // Whatever is near enough comes before whatever is not.
            if error <= SIZE_TOLERANCE { (0.0, proportions + error) } else { (error, proportions) }
        };
        shapes
            .min_by(|a, b| distance(a).partial_cmp(&distance(b)).expect("sizes are finite"))
            .expect("there are shapes")
    }

    /// Parameters of a Llama of this shape, embeddings included.
    fn num_parameters(&self, shape: &Shape, vocab_size: usize) -> usize {
        let Shape { hidden_size: c, num_hidden_layers, intermediate_size: f, .. } = *shape;
        let keys = c / shape.num_attention_heads.max(1) * shape.num_key_value_heads;
        let layer = 2 * c * c + 2 * c * keys + 3 * c * f + 2 * c;
        let tables = if self.tie_word_embeddings { 1 } else { 2 };
        tables * vocab_size * c + num_hidden_layers * layer + c
    }

    fn describe(&self, shape: &Shape, vocab_size: usize) -> String {
        let Shape { hidden_size, num_hidden_layers, .. } = shape;
        let mut text = format!(
            "new model: {}, {num_hidden_layers} layers of width {hidden_size}, {} heads, {} \
             key/value heads, MLP of {}, {vocab_size} tokens",
            self.model_type,
            shape.num_attention_heads,
            shape.num_key_value_heads,
            shape.intermediate_size,
        );
        if let Some(size) = &self.size {
            let found = self.num_parameters(shape, vocab_size) as f64 / 1e6;
            let _ = write!(text, "; chosen for `size = \"{size}\"`: {found:.2} M parameters");
        }
        text
    }
}

/// `5M` as a number.
fn parameters(size: &str) -> Result<f64, BoxError> {
    let (digits, unit) = size.split_at(size.trim_end_matches(char::is_alphabetic).len());
    let unit = match unit.to_ascii_uppercase().as_str() {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "B" => 1e9,
        _ => 0.0,
    };
    let number = digits.trim().parse::<f64>().unwrap_or(0.0) * unit;
    if number.is_finite() && number > 0.0 {
        return Ok(number);
    }
    Err(format!("`size` is `{size}`, expected a number such as `5M` or `1.5B`").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_size(size: &str, vocab_size: usize) -> (Shape, usize) {
        let model = NewModel { size: Some(size.to_owned()), ..NewModel::default() };
        let shape = model.shape(vocab_size).unwrap();
        (shape, model.num_parameters(&shape, vocab_size))
    }

    /// Sizes come near, and their proportions are those of models that people train.
    #[test]
    fn sizes_are_near_and_well_proportioned() {
        for (size, vocab_size, wanted) in
            [("1M", 1024, 1e6), ("5M", 4096, 5e6), ("30M", 16_384, 3e7), ("135M", 49_152, 1.35e8)]
        {
            let (shape, found) = of_size(size, vocab_size);
            assert!((found as f64 / wanted - 1.0).abs() < 0.06, "{size}: {found}, {shape:?}");
            let aspect = shape.hidden_size as f64 / shape.num_hidden_layers as f64;
            assert!((20.0..120.0).contains(&aspect), "{size}: {shape:?}");
        }
    }

    #[test]
    fn what_makes_no_model_is_refused() {
        let refused = |model: NewModel| model.shape(4096).unwrap_err().to_string();
        let size = |size: &str| NewModel { size: Some(size.to_owned()), ..NewModel::default() };
        assert!(refused(size("many")).contains("such as `5M`"));
        assert!(refused(size("-5M")).contains("such as `5M`"));
        assert!(refused(NewModel::default()).contains("size is missing"));
        assert!(refused(NewModel { hidden_size: Some(64), ..size("5M") }).contains("give either"));
        let odd = NewModel {
            hidden_size: Some(64),
            num_hidden_layers: Some(1),
            num_attention_heads: Some(3),
            ..NewModel::default()
        };
        assert!(refused(odd).contains("do not divide"));
    }
}
