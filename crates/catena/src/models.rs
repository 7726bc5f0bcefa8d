//! The models of a project, opened and ready to run.

use crate::failure::{Exit, Failure};
use camino::{Utf8Path, Utf8PathBuf};
use catena_engine::{
    Engine, EngineOptions, KvBudget, KvChoice, ModelRunner, SchedulerLimits, TextCodec,
};
use catena_kernels::{KvType, Pool};
use catena_knowledge::{Embedder, KnowledgeError};
use catena_model::decoder::Decoder;
use catena_model::encoder::{EncoderInput, TextEmbedder};
use catena_model::{
    AdapterId, Checkpoint, LoadOptions, PeftAdapter, QuantizedProducts, open_tokenizer,
};
use catena_pipeline::config::{KvCacheType, ServeConfig};
use catena_text::{ChatTemplate, Tokenizer};
use std::error::Error;
use std::sync::Arc;

/// What a stage or the server may fail with; only the command line looks inside.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The sentence encoder with its tokenizer.
pub(crate) struct LocalEmbedder {
    encoder: TextEmbedder,
    tokenizer: Tokenizer,
    identity: String,
}

impl LocalEmbedder {
    /// Opens a sentence-transformers folder or a GGUF file; `identity` names model and bytes.
    pub(crate) fn open(
        path: &Utf8Path,
        identity: String,
        pool: Arc<Pool>,
    ) -> Result<Self, BoxError> {
        let encoder = TextEmbedder::load(path, pool)?;
        let tokenizer = open_tokenizer(path)?;
        Ok(Self { encoder, tokenizer, identity })
    }

    /// Special tokens around every text.
    const NUM_SPECIAL: usize = 2;

    /// The tokens of `texts`, cut where they are too long.
    fn encode(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>, KnowledgeError> {
        let encoded = self.for_each_text(texts, |text| {
            let ids = self.tokenizer.encode(text, true, false);
            let mut ids = ids.map_err(|e| KnowledgeError::embed(1, e))?;
            self.encoder.truncate(&mut ids);
            Ok(ids)
        });
        encoded.into_iter().collect()
    }

    /// What `work` gives for each text; the encoder's threads share the texts.
    fn for_each_text<T: Send>(&self, texts: &[&str], work: impl Fn(&str) -> T + Sync) -> Vec<T> {
        let pool = self.encoder.pool();
        let mut done: Vec<(&str, Option<T>)> = texts.iter().map(|&text| (text, None)).collect();
        let mut nothing = vec![(); pool.threads()];
        pool.for_each_item(&mut done, &mut nothing, &|(), (text, result)| {
            *result = Some(work(text));
        });
        done.into_iter().map(|(_, result)| result.expect("every text had its turn")).collect()
    }
}

impl Embedder for LocalEmbedder {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn dim(&self) -> usize {
        self.encoder.dim()
    }

    fn max_tokens(&self) -> usize {
        self.encoder.max_tokens().saturating_sub(Self::NUM_SPECIAL)
    }

    fn count_tokens(&self, text: &str) -> usize {
        // A text no tokenizer takes is refused when it is embedded.
        self.tokenizer.encode(text, false, false).map_or(usize::MAX, |ids| ids.len())
    }

    fn count_all(&self, texts: &[&str]) -> Vec<usize> {
        self.for_each_text(texts, |text| self.count_tokens(text))
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let vectors = self.encoder.embed(&self.encode(texts)?);
        vectors.map_err(|e| KnowledgeError::embed(texts.len(), e))
    }

    fn embed_unscaled(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, KnowledgeError> {
        let vectors = self.encoder.embed_unscaled(&self.encode(texts)?);
        vectors.map_err(|e| KnowledgeError::embed(texts.len(), e))
    }

    fn embed_tokens(&self, texts: &[&str]) -> Result<Vec<Vec<Vec<f32>>>, KnowledgeError> {
        let (ids, encoder) = (self.encode(texts)?, self.encoder.encoder());
        let inputs: Vec<EncoderInput<'_>> =
            ids.iter().map(|tokens| EncoderInput::single(tokens)).collect();
        let rows = encoder.hidden_states(&inputs);
        let rows = rows.map_err(|e| KnowledgeError::embed(texts.len(), e))?;
        let vectors = |rows_tc: Vec<f32>| {
            rows_tc.chunks_exact(encoder.hidden_size()).map(<[f32]>::to_vec).collect()
        };
        Ok(rows.into_iter().map(vectors).collect())
    }
}

/// Where a model may trade accuracy for speed and memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Numerics {
    /// Do not round activations to 8 bits in products with block-quantized weights.
    pub(crate) precise: bool,
    /// What keys and values are held in.
    pub(crate) kv_type: KvType,
}

impl Numerics {
    /// What a project serves with.
    pub(crate) fn of(config: &ServeConfig) -> Self {
        let kv_type = match config.kv_cache {
            KvCacheType::Bf16 => KvType::Bf16,
            KvCacheType::Int8 => KvType::Int8,
        };
        Self { precise: config.precise, kv_type }
    }

    /// How weights are loaded for it.
    pub(crate) fn load_options(self) -> LoadOptions {
        let quantized =
            if self.precise { QuantizedProducts::Precise } else { QuantizedProducts::Integer };
        LoadOptions { quantized, ..LoadOptions::default() }
    }
}

/// A language model's files with its tokenizer and chat template.
pub(crate) struct LanguageModel {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) codec: Arc<TextCodec>,
}

/// A model without a chat template cannot hold a conversation.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` has no chat template")]
pub(crate) struct NoChatTemplate {
    path: Utf8PathBuf,
}

/// The refusal of a model without one.
pub(crate) fn no_template(path: &Utf8Path) -> BoxError {
    Box::new(NoChatTemplate { path: path.to_owned() })
}

/// A model that cannot write ahead.
pub(crate) fn draft_failure(path: &Utf8Path, error: BoxError) -> Failure {
    Failure::new(Exit::Environment, format!("cannot write ahead with `{path}`"), error)
        .hint("name a smaller model of the same family, or the same one in fewer bits")
}

/// Sequences that batch work runs at once.
const BATCH_SEQUENCES: usize = 16;
/// Tokens of the longest of them.
const BATCH_TOKENS: usize = 1536;

impl LanguageModel {
    /// Opens a GGUF file or a Hugging Face folder that can hold a conversation.
    pub(crate) fn open(path: &Utf8Path) -> Result<Self, BoxError> {
        let model = Self::open_base(path)?;
        if model.codec.template().is_none() {
            return Err(no_template(path));
        }
        Ok(model)
    }

    /// The same of a model that may only continue texts; nobody asks it for its template.
    pub(crate) fn open_base(path: &Utf8Path) -> Result<Self, BoxError> {
        let checkpoint = Checkpoint::open(path)?;
        let codec = Arc::new(TextCodec::from_checkpoint(&checkpoint)?);
        Ok(Self { checkpoint, codec })
    }

    /// A smaller model that may write ahead for `model`, as it has the same tokens.
    pub(crate) fn open_draft(path: &Utf8Path, model: &Self) -> Result<Self, BoxError> {
        let draft = Self::open_base(path)?;
        model.codec.vocabulary().check_draft(draft.codec.vocabulary())?;
        Ok(draft)
    }

    /// The tokenizer.
    pub(crate) fn tokenizer(&self) -> &Tokenizer {
        self.codec.tokenizer()
    }

    /// The chat template.
    pub(crate) fn template(&self) -> &ChatTemplate {
        self.codec.template().expect("a model without a template is refused when it is opened")
    }

    /// An engine for batch work.
    pub(crate) fn batch_engine(
        &self,
        pool: Arc<Pool>,
        numerics: Numerics,
    ) -> Result<Engine<ModelRunner>, BoxError> {
        let budget = KvBudget::Sequences { count: BATCH_SEQUENCES, tokens: BATCH_TOKENS };
        Ok(self.engine(pool, numerics, BATCH_SEQUENCES, budget)?.0)
    }

    /// An engine for `max_running` sequences, and why its cache is as large as it is.
    pub(crate) fn engine(
        &self,
        pool: Arc<Pool>,
        numerics: Numerics,
        max_running: usize,
        budget: KvBudget,
    ) -> Result<(Engine<ModelRunner>, String), BoxError> {
        self.engine_with(pool, numerics, max_running, budget, EngineOptions::default())
    }

    /// [`LanguageModel::engine`] with other than the usual options.
    pub(crate) fn engine_with(
        &self,
        pool: Arc<Pool>,
        numerics: Numerics,
        max_running: usize,
        budget: KvBudget,
        options: EngineOptions,
    ) -> Result<(Engine<ModelRunner>, String), BoxError> {
        let (engine, _, choice) =
            self.engine_and_decoder(pool, numerics, max_running, budget, options)?;
        Ok((engine, choice.reason))
    }

    /// [`LanguageModel::engine_with`], and the weights that it runs: adapters are packed for them.
    pub(crate) fn engine_and_decoder(
        &self,
        pool: Arc<Pool>,
        numerics: Numerics,
        max_running: usize,
        budget: KvBudget,
        options: EngineOptions,
    ) -> Result<(Engine<ModelRunner>, Arc<Decoder>, KvChoice), BoxError> {
        let decoder =
            Arc::new(Decoder::load_with(&self.checkpoint, pool, numerics.load_options())?);
        let limits = SchedulerLimits { max_running, ..SchedulerLimits::default() };
        let (runner, choice) = ModelRunner::new(decoder.clone(), numerics.kv_type, budget, limits)?;
        let vocabulary = self.codec.vocabulary().clone();
        let engine = Engine::with_options(runner, vocabulary, limits, options);
        Ok((engine, decoder, choice))
    }

    /// [`LanguageModel::engine`] with an adapter beside the model; its identity for requests.
    pub(crate) fn engine_beside(
        &self,
        pool: Arc<Pool>,
        numerics: Numerics,
        max_running: usize,
        budget: KvBudget,
        adapter: &PeftAdapter,
    ) -> Result<(Engine<ModelRunner>, AdapterId), BoxError> {
        let decoder =
            Arc::new(Decoder::load_with(&self.checkpoint, pool, numerics.load_options())?);
        let packed = Arc::new(decoder.pack_adapter(adapter)?);
        let limits = SchedulerLimits { max_running, ..SchedulerLimits::default() };
        let (runner, _) = ModelRunner::new(decoder, numerics.kv_type, budget, limits)?;
        let mut engine = Engine::new(runner, self.codec.vocabulary().clone(), limits);
        let id = engine.load_adapter(packed)?;
        Ok((engine, id))
    }

    /// Gives `engine` this model to write ahead with, its cache within `budget`.
    pub(crate) fn write_ahead_for(
        &self,
        engine: Engine<ModelRunner>,
        pool: Arc<Pool>,
        numerics: Numerics,
        budget: KvBudget,
    ) -> Result<Engine<ModelRunner>, BoxError> {
        let decoder = Decoder::load_with(&self.checkpoint, pool, numerics.load_options())?;
        let limits = engine.limits();
        let (runner, _) = ModelRunner::new(Arc::new(decoder), numerics.kv_type, budget, limits)?;
        Ok(engine.with_draft(Box::new(runner), self.codec.vocabulary())?)
    }
}

#[cfg(test)]
mod tests {
    use super::LocalEmbedder;
    use camino::Utf8Path;
    use catena_kernels::Pool;
    use catena_knowledge::Embedder;
    use std::sync::Arc;

    #[test]
    fn an_embedder_in_a_file_is_the_one_in_the_folder() {
        let golden = "../model/tests/golden/encoders/embed_cls";
        let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
        let texts = ["How do I block a stolen debit card?", "银行卡丢失后应该怎么办？", ""];
        let [in_folder, in_file] = [folder.clone(), folder.join("model.gguf")].map(|path| {
            let embedder = LocalEmbedder::open(&path, String::new(), Arc::new(Pool::new(1)));
            let embedder = embedder.unwrap();
            (embedder.embed(&texts).unwrap(), texts.map(|text| embedder.count_tokens(text)))
        });
        assert_eq!(in_file, in_folder);
    }
}
