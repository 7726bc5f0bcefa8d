//! The sections of `catena.toml`.

use super::choices::{
    Auto, ByteSize, MicroStep, RecomputeChoice, RecomputeWord, ServedModelChoice, Sources,
};
use crate::error::PipelineError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;

/// A whole `catena.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectConfig {
    /// What the project is.
    pub project: ProjectSection,
    /// The models it starts from.
    #[serde(default)]
    pub model: ModelConfig,
    /// The documents and how they are cleaned.
    pub data: DataConfig,
    /// How documents are split and indexed.
    #[serde(default)]
    pub index: IndexConfig,
    /// How training questions are made.
    #[serde(default)]
    pub synth: SynthConfig,
    /// How the model is fine-tuned.
    #[serde(default)]
    pub train: TrainConfig,
    /// How it is measured.
    #[serde(default)]
    pub eval: EvalConfig,
    /// What it is quantized to.
    #[serde(default)]
    pub quantize: QuantizeConfig,
    /// How it is served.
    #[serde(default)]
    pub serve: ServeConfig,
}

/// `[project]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSection {
    /// Name of the project and of the served assistant: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// Language the studio opens in when the browser asks for neither: `en` or `zh`.
    #[serde(default = "english")]
    pub language: String,
}

fn english() -> String {
    "en".to_owned()
}

/// `[model]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// The language model to start from: a name that `catena pull` knows, a GGUF file or a folder
    /// with safetensors.
    pub base: String,
    /// The embedding model: a name that `catena pull` knows, a folder, or a GGUF file of an encoder.
    pub embedder: String,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self { base: "smollm2-135m-instruct".into(), embedder: "all-minilm-l6-v2".into() }
    }
}

/// `[data]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// The documents: a file, folder or pattern such as `docs/**/*.md` relative to the project, an
    /// address such as `s3://bucket/docs`, or `pull:NAME/FILE`, in any format that `catena data`
    /// reads; or a list of such, as in `["docs", "s3://bucket/wiki"]`: the names of documents then
    /// begin with that of their folder.
    pub source: Sources,
    /// A cleaning plan, as `catena data clean --plan` takes it, relative to the project like the
    /// files that it names; empty: none. What it says goes before the keys below. It has no
    /// sections `split` and `write`.
    #[serde(default)]
    pub plan: String,
    /// Documents at least this similar (Jaccard of word shingles, 0 to 1) to an earlier one that
    /// stays are dropped, unless their numbers differ.
    #[serde(default = "near_duplicate")]
    pub near_duplicate_jaccard: f64,
    /// Whether personal data is masked, in texts and titles.
    #[serde(default = "yes")]
    pub mask_pii: bool,
}

fn near_duplicate() -> f64 {
    0.9
}

fn yes() -> bool {
    true
}

/// `[index]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexConfig {
    /// Most tokens of a chunk, counted by the embedder.
    pub chunk_tokens: usize,
}

impl Default for IndexConfig {
    fn default() -> Self {
        Self { chunk_tokens: 120 }
    }
}

/// `[synth]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SynthConfig {
    /// Documents that questions are written about, drawn with `seed`; 0 takes all.
    pub documents: usize,
    /// Questions asked for per document.
    pub questions_per_document: usize,
    /// Share of the documents held out for evaluation.
    pub heldout_share: f64,
    /// Passages a question is answered from.
    pub passages: usize,
    /// Sampling temperature of the questions.
    pub temperature: f64,
    /// Seed of the draw, the sampling and the order of passages.
    pub seed: u64,
}

impl Default for SynthConfig {
    fn default() -> Self {
        Self {
            documents: 280,
            questions_per_document: 1,
            heldout_share: 0.2,
            passages: 3,
            temperature: 0.6,
            seed: 1,
        }
    }
}

/// `[train]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Rank of the adapter.
    pub lora_rank: usize,
    /// The adapter's output is scaled by `lora_alpha / lora_rank`.
    pub lora_alpha: f64,
    /// Linear layers that get an adapter, by the model's own names, or `all-linear`.
    pub target_modules: Vec<String>,
    /// Passes over the training records.
    pub epochs: u32,
    /// Records per optimizer step.
    pub batch_size: usize,
    /// Most tokens of a record; longer ones lose the end of their passages' prompt, never answer.
    pub max_tokens: usize,
    /// Most tokens in one forward and backward pass; `auto` for as many as fit the memory.
    pub micro_step_tokens: MicroStep,
    /// Layers that are computed again on the way back: `off`, `all`, a number for so many of the
    /// first ones, a list such as `[0, 2]`, or ranges such as `0-3,8`; `auto` for as few as fit the
    /// memory.
    pub recompute: RecomputeChoice,
    /// Most memory of the process while it trains, such as `4GiB`; nine tenths of what is free if
    /// it is empty.
    pub max_memory: ByteSize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Share of the steps spent warming up.
    pub warmup_ratio: f64,
    /// `constant`, `linear` or `cosine`.
    pub schedule: String,
    /// Gradient norm that is clipped to; 0 turns clipping off.
    pub max_grad_norm: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Steps between checkpoints.
    pub checkpoint_steps: u64,
    /// Seed of the adapter and of the order of records.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            lora_rank: 16,
            lora_alpha: 32.0,
            target_modules: vec!["all-linear".to_owned()],
            epochs: 1,
            batch_size: 8,
            max_tokens: 1024,
            micro_step_tokens: MicroStep::Word(Auto::Auto),
            recompute: RecomputeChoice::Word(RecomputeWord::Auto),
            max_memory: ByteSize::Text(String::new()),
            learning_rate: 1e-3,
            warmup_ratio: 0.1,
            schedule: "cosine".to_owned(),
            max_grad_norm: 1.0,
            weight_decay: 0.0,
            checkpoint_steps: 5,
            seed: 42,
        }
    }
}

/// `[eval]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvalConfig {
    /// Customer scenarios with the documents they require: a file relative to the project or
    /// `pull:NAME/FILE`; empty leaves retrieval unmeasured.
    pub scenarios: String,
    /// Most tokens of a generated answer.
    pub max_new_tokens: usize,
    /// Most held-out records that are evaluated; 0 takes all.
    pub records: usize,
}

impl Default for EvalConfig {
    fn default() -> Self {
        Self { scenarios: String::new(), max_new_tokens: 96, records: 32 }
    }
}

/// `[quantize]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuantizeConfig {
    /// GGUF files to write: `q8_0`, `q4_0`, `q4_1`.
    pub formats: Vec<String>,
    /// Which of them is evaluated and served.
    pub serve: String,
}

impl Default for QuantizeConfig {
    fn default() -> Self {
        Self { formats: vec!["q8_0".to_owned(), "q4_1".to_owned()], serve: "q8_0".to_owned() }
    }
}

/// What the KV cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KvCacheType {
    /// bf16.
    #[default]
    Bf16,
    /// 8-bit integers with a scale per token and head: twice the conversations in the same memory.
    Int8,
}

/// How requests are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object on each line.
    Json,
    /// Warnings only.
    Off,
}

/// `[serve]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServeConfig {
    /// Address to listen on. Any but the loopback address needs keys.
    pub host: String,
    /// Port.
    pub port: u16,
    /// File of API keys, relative to the project, that `catena keys` writes. Where it exists, every
    /// request needs a key.
    pub keys: String,
    /// Whether `/metrics` needs no key, for routers and autoscalers that can send none. It tells the
    /// names of models and how much is asked of them.
    pub public_metrics: bool,
    /// Origins of web pages that may use the API, such as `https://chat.example.org`, or `*`; the
    /// studio needs none.
    pub origins: Vec<String>,
    /// Names under which the server may be asked, without ports; empty takes any, but only those of
    /// the loopback address while there are no keys.
    pub hosts: Vec<String>,
    /// Certificate chain in PEM form for TLS; empty for none.
    pub tls_certificate: String,
    /// Its private key in PEM form.
    pub tls_key: String,
    /// File that gets a line of JSON for each request: who, when, route, model, tokens, status, no
    /// text; empty for none.
    pub audit_log: String,
    /// Folder for clients' files, batches and stored responses; empty keeps none.
    pub files: String,
    /// Collector of OpenTelemetry traces over OTLP/HTTP, such as `http://127.0.0.1:4318`; empty for the
    /// one that the variable `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` names,
    /// or none. The variable `OTEL_EXPORTER_OTLP_HEADERS` has the headers that it wants.
    pub traces: String,
    /// Collector that OpenTelemetry metrics are pushed to over OTLP/HTTP, such as that of `traces`; empty
    /// for the one that the variable `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT`
    /// names, or none. The variable `OTEL_METRIC_EXPORT_INTERVAL` says how often, in milliseconds; each
    /// minute if there is none.
    pub push_metrics: String,
    /// How requests are told on the standard error: `text`, `json` or `off`.
    pub log: LogFormat,
    /// Seconds that running answers have to end after the server was asked to stop.
    pub drain_seconds: u64,
    /// Seconds before that for which the server goes on listening, and answers that it is not ready and
    /// takes no work, so that load balancers look elsewhere.
    pub drain_delay_seconds: u64,
    /// A request that would wait longer than so many seconds, at the engine's present pace, is
    /// refused at once; one that waits as long for a worker or a model, then.
    pub max_wait_seconds: u64,
    /// Requests that may wait; more are refused.
    pub max_waiting: usize,
    /// Requests that tokenize or retrieve at once, and as many that turn texts into vectors or scores.
    /// Taken at the start only.
    pub workers: usize,
    /// Largest body of a request.
    pub max_body_bytes: usize,
    /// Other names of served models, as in `{ gpt-4o = "bank-support" }`.
    pub aliases: BTreeMap<String, String>,
    /// Models that are loaded when a request names them, as in `{ large = "models/large.gguf" }`: paths,
    /// or names that `catena pull` knows. A table such as `{ source = "large.gguf", draft =
    /// "small.gguf", pinned = true }` says more: a model that writes ahead, and to load it at the start
    /// and let it stay.
    pub models: BTreeMap<String, ServedModelChoice>,
    /// Folder whose GGUF files and folders of models may be named too; empty for none.
    pub models_folder: String,
    /// Most bytes of models that come and go; the one that was used least recently leaves first. 0
    /// takes four fifths of what is free at the start.
    pub models_memory_bytes: u64,
    /// Adapters of the first language model by name, as in `{ formal = "adapters/formal" }`, PEFT
    /// folders or GGUF files: requests choose one as their model.
    pub adapters: BTreeMap<String, String>,
    /// Folder of adapters that may be loaded while the server runs; empty for none.
    pub adapters_folder: String,
    /// Conversations that generate at the same time; more wait.
    pub max_sequences: usize,
    /// Passages retrieved for a question.
    pub passages: usize,
    /// Most tokens of an answer.
    pub max_new_tokens: usize,
    /// What keys and values of conversations are held in: `bf16`, or `int8` for twice the
    /// conversations in the same memory.
    pub kv_cache: KvCacheType,
    /// Most bytes of a language model's keys and values; 0 takes a quarter of what is free.
    pub cache_bytes: u64,
    /// Multiply quantized weights without rounding activations to 8 bits: slower, closer to the
    /// unquantized model.
    pub precise: bool,
    /// A smaller model with the same tokenizer that writes ahead, so that one step of the model can
    /// give several tokens; never changes an answer. One of `quantize.formats`, a name that
    /// `catena pull` knows, a GGUF file or a folder with safetensors; empty for none.
    pub draft: String,
    /// A cross-encoder that ranks passages for `/rerank` and `/v2/rerank`: a name that `catena pull`
    /// knows, a folder, or a GGUF file; empty for none.
    pub reranker: String,
    /// A classifier of texts for `/predict`: a name that `catena pull` knows, a folder, or a GGUF
    /// file; empty for none.
    pub classifier: String,
    /// The question that `--once` asks; empty takes a held-out one.
    pub question: String,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8017,
            keys: ".catena/keys.json".to_owned(),
            public_metrics: false,
            origins: Vec::new(),
            hosts: Vec::new(),
            tls_certificate: String::new(),
            tls_key: String::new(),
            audit_log: String::new(),
            files: ".catena/serve".to_owned(),
            traces: String::new(),
            push_metrics: String::new(),
            log: LogFormat::Text,
            drain_seconds: 20,
            drain_delay_seconds: 0,
            max_wait_seconds: 60,
            max_waiting: 256,
            workers: 2,
            max_body_bytes: 4 << 20,
            aliases: BTreeMap::new(),
            models: BTreeMap::new(),
            models_folder: String::new(),
            models_memory_bytes: 0,
            adapters: BTreeMap::new(),
            adapters_folder: String::new(),
            max_sequences: 16,
            passages: 3,
            max_new_tokens: 160,
            kv_cache: KvCacheType::Bf16,
            cache_bytes: 0,
            precise: false,
            draft: String::new(),
            reranker: String::new(),
            classifier: String::new(),
            question: String::new(),
        }
    }
}

impl ServeConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`PipelineError::InvalidValue`] with the first key out of range.
    pub fn validate(&self) -> Result<(), PipelineError> {
        let serve = self;
        count("serve.max_sequences", serve.max_sequences, 1, 256, "1 to 256")?;
        count("serve.passages", serve.passages, 1, 16, "1 to 16")?;
        count("serve.max_new_tokens", serve.max_new_tokens, 1, 4096, "1 to 4096")?;
        let is_address = serve.host == "localhost" || serve.host.parse::<IpAddr>().is_ok();
        check("serve.host", is_address, &serve.host, "an IP address or localhost")?;
        let is_pair = serve.tls_certificate.is_empty() == serve.tls_key.is_empty();
        check("serve.tls_key", is_pair, &serve.tls_key, "given if tls_certificate is")?;
        let longest = 86_400;
        for (key, seconds) in [
            ("serve.drain_seconds", serve.drain_seconds),
            ("serve.drain_delay_seconds", serve.drain_delay_seconds),
            ("serve.max_wait_seconds", serve.max_wait_seconds),
        ] {
            check(key, seconds <= longest, seconds, "a day at most")?;
        }
        count("serve.max_waiting", serve.max_waiting, 0, 65_536, "0 to 65536")?;
        count("serve.workers", serve.workers, 1, 64, "1 to 64")?;
        count("serve.max_body_bytes", serve.max_body_bytes, 1024, 1 << 30, "1024 to 1073741824")
    }
}

impl ProjectConfig {
    /// Checks every range.
    ///
    /// # Errors
    /// [`PipelineError::InvalidValue`] with the first key out of range.
    pub fn validate(&self) -> Result<(), PipelineError> {
        let name = &self.project.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        check(
            "project.name",
            !name.is_empty() && name.len() <= 64 && name.chars().all(plain),
            name,
            "1 to 64 letters, digits, `-`, `_` or `.`",
        )?;
        let language = &self.project.language;
        check("project.language", ["en", "zh"].contains(&language.as_str()), language, "en or zh")?;
        let sources = self.data.source.list();
        check(
            "data.source",
            !sources.is_empty() && sources.iter().all(|source| !source.is_empty()),
            format!("{sources:?}"),
            "a path, an address or pull:NAME/FILE, or a list of such",
        )?;
        share("data.near_duplicate_jaccard", self.data.near_duplicate_jaccard)?;
        count("index.chunk_tokens", self.index.chunk_tokens, 16, 254, "16 to 254")?;
        self.validate_synth()?;
        self.validate_train()?;
        count("eval.max_new_tokens", self.eval.max_new_tokens, 1, 4096, "1 to 4096")?;
        let known = |format: &String| ["q8_0", "q4_0", "q4_1"].contains(&format.as_str());
        let quantize = &self.quantize;
        let formats = quantize.formats.join(", ");
        check(
            "quantize.formats",
            !quantize.formats.is_empty() && quantize.formats.iter().all(known),
            &formats,
            "one or more of q8_0, q4_0, q4_1",
        )?;
        let served = quantize.formats.contains(&quantize.serve);
        check("quantize.serve", served, &quantize.serve, "one of quantize.formats")?;
        self.serve.validate()
    }

    fn validate_synth(&self) -> Result<(), PipelineError> {
        let synth = &self.synth;
        count("synth.questions_per_document", synth.questions_per_document, 1, 16, "1 to 16")?;
        count("synth.passages", synth.passages, 1, 16, "1 to 16")?;
        let heldout = synth.heldout_share;
        check(
            "synth.heldout_share",
            heldout > 0.0 && heldout < 1.0,
            heldout,
            "more than 0 and less than 1",
        )?;
        check(
            "synth.temperature",
            (0.0..=2.0).contains(&synth.temperature),
            synth.temperature,
            "0 to 2",
        )
    }

    fn validate_train(&self) -> Result<(), PipelineError> {
        let train = &self.train;
        count("train.lora_rank", train.lora_rank, 1, 256, "1 to 256")?;
        check("train.lora_alpha", train.lora_alpha > 0.0, train.lora_alpha, "greater than 0")?;
        let named = train.target_modules.iter().all(|module| !module.is_empty());
        check(
            "train.target_modules",
            named && !train.target_modules.is_empty(),
            train.target_modules.join(", "),
            "one or more names of linear layers, or all-linear",
        )?;
        count("train.epochs", train.epochs as usize, 1, 1000, "1 to 1000")?;
        count("train.batch_size", train.batch_size, 1, 4096, "1 to 4096")?;
        count("train.max_tokens", train.max_tokens, 64, 8192, "64 to 8192")?;
        let micro = train.micro_step_tokens.given().unwrap_or(train.max_tokens);
        check(
            "train.micro_step_tokens",
            (train.max_tokens..=65_536).contains(&micro),
            micro,
            "auto, or train.max_tokens to 65536",
        )?;
        if let ByteSize::Text(text) = &train.max_memory {
            let ok = text.is_empty() || train.max_memory.bytes().is_some();
            check("train.max_memory", ok, text, "a number with a unit, such as 4GiB or 500MB")?;
        }
        check(
            "train.learning_rate",
            train.learning_rate > 0.0,
            train.learning_rate,
            "greater than 0",
        )?;
        share("train.warmup_ratio", train.warmup_ratio)?;
        let schedule = train.schedule.as_str();
        check(
            "train.schedule",
            ["constant", "linear", "cosine"].contains(&schedule),
            schedule,
            "constant, linear or cosine",
        )?;
        check("train.max_grad_norm", train.max_grad_norm >= 0.0, train.max_grad_norm, "0 or more")?;
        check("train.weight_decay", train.weight_decay >= 0.0, train.weight_decay, "0 or more")?;
        check(
            "train.checkpoint_steps",
            train.checkpoint_steps > 0,
            train.checkpoint_steps,
            "1 or more",
        )
    }
}

fn check(
    key: &'static str,
    ok: bool,
    value: impl Display,
    range: &'static str,
) -> Result<(), PipelineError> {
    if ok {
        Ok(())
    } else {
        Err(PipelineError::InvalidValue { key, line: None, value: value.to_string(), range })
    }
}

fn share(key: &'static str, value: f64) -> Result<(), PipelineError> {
    check(key, (0.0..=1.0).contains(&value), value, "0 to 1")
}

fn count(
    key: &'static str,
    value: usize,
    least: usize,
    most: usize,
    range: &'static str,
) -> Result<(), PipelineError> {
    check(key, (least..=most).contains(&value), value, range)
}
