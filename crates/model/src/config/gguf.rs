//! The architecture keys of a GGUF file.

use super::{ARCHITECTURES, ModelConfig};
use crate::error::ModelError;
use crate::gguf::{GgufFile, MetaArray, MetaValue};

/// Reads keys under the architecture's prefix.
pub(crate) struct GgufKeys<'a> {
    file: &'a GgufFile,
    architecture: &'static str,
}

impl<'a> GgufKeys<'a> {
    /// # Errors
    /// If the file names no architecture or one that we do not run.
    pub(crate) fn new(file: &'a GgufFile) -> Result<Self, ModelError> {
        let key = "general.architecture";
        let found = file.typed(key, "a string", MetaValue::as_str)?;
        let Some(found) = found else {
            let file = file.path().to_owned();
            return Err(ModelError::MissingKey { file, key: key.to_owned() });
        };
        match ARCHITECTURES.iter().find(|known| **known == found) {
            Some(architecture) => Ok(Self { file, architecture }),
            None => Err(ModelError::UnsupportedArchitecture {
                found: found.to_owned(),
                known: ARCHITECTURES,
                file: file.path().to_owned(),
            }),
        }
    }

    /// The architecture's name.
    pub(crate) fn architecture(&self) -> &'static str {
        self.architecture
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.architecture)
    }

    fn optional(&self, key: &str) -> Result<Option<usize>, ModelError> {
        self.file.typed(&self.key(key), "a count", |value| usize::try_from(value.as_u64()?).ok())
    }

    fn size(&self, key: &str) -> Result<usize, ModelError> {
        self.optional(key)?.ok_or_else(|| self.missing(key))
    }

    fn float(&self, key: &str) -> Result<Option<f32>, ModelError> {
        self.file.typed(&self.key(key), "a floating-point number", MetaValue::as_f32)
    }

    fn missing(&self, key: &str) -> ModelError {
        ModelError::MissingKey { file: self.file.path().to_owned(), key: self.key(key) }
    }

    fn token(&self, which: &str) -> Result<Option<u32>, ModelError> {
        let key = format!("tokenizer.ggml.{which}_token_id");
        self.file.typed(&key, "a token id", |value| u32::try_from(value.as_u64()?).ok())
    }

    /// Rows of the vocabulary, by key or by counting.
    fn vocab_size(&self) -> Result<usize, ModelError> {
        if let Some(vocab_size) = self.optional("vocab_size")? {
            return Ok(vocab_size);
        }
        let tokens = self.file.metadata("tokenizer.ggml.tokens").and_then(MetaValue::as_array);
        if let Some(MetaArray::String(tokens)) = tokens {
            return Ok(tokens.len());
        }
        Err(self.missing("vocab_size"))
    }

    /// The whole configuration.
    ///
    /// # Errors
    /// If a key is missing or of another type, or the model needs what we do not have.
    pub(crate) fn config(&self) -> Result<ModelConfig, ModelError> {
        let hidden_size = self.size("embedding_length")?;
        let num_attention_heads = self.size("attention.head_count")?;
        let head_dim = match self.optional("attention.key_length")? {
            Some(head_dim) => head_dim,
            None => hidden_size / num_attention_heads.max(1),
        };
        self.check_rope(head_dim)?;
        let eps = self.float("attention.layer_norm_rms_epsilon")?;
        ModelConfig {
            hidden_size,
            intermediate_size: self.size("feed_forward_length")?,
            num_hidden_layers: self.size("block_count")?,
            num_attention_heads,
            num_key_value_heads: self
                .optional("attention.head_count_kv")?
                .unwrap_or(num_attention_heads),
            head_dim,
            vocab_size: self.vocab_size()?,
            max_position_embeddings: self.size("context_length")?,
            rms_norm_eps: eps.ok_or_else(|| self.missing("attention.layer_norm_rms_epsilon"))?,
            rope_theta: self.float("rope.freq_base")?.unwrap_or(10_000.0),
            tie_word_embeddings: self.file.tensor("output.weight").is_none(),
            bos_token_id: self.token("bos")?,
            eos_token_ids: self.token("eos")?.into_iter().collect(),
            pad_token_id: self.token("padding")?,
        }
        .validate(self.file.path())
    }

    fn check_rope(&self, head_dim: usize) -> Result<(), ModelError> {
        let refuse = |key, value: String, reason| {
            let file = self.file.path().to_owned();
            Err(ModelError::InvalidConfig { key, value, reason, file })
        };
        if let Some(found) = self.optional("rope.dimension_count")?
            && found != head_dim
        {
            let reason = "supported is the whole head";
            return refuse("rope.dimension_count", found.to_string(), reason);
        }
        let kind =
            self.file.typed(&self.key("rope.scaling.type"), "a string", MetaValue::as_str)?;
        if let Some(kind) = kind.filter(|kind| *kind != "none") {
            return refuse("rope.scaling.type", kind.to_owned(), "supported is none");
        }
        if let Some(experts) = self.optional("expert_count")?.filter(|&experts| experts > 0) {
            return refuse("expert_count", experts.to_string(), "supported is a dense model");
        }
        Ok(())
    }
}
