//! The command line. One struct per command; help and examples stand beside the flags.

use crate::data::args::DataArgs;
use crate::merged::GgufFormat;
use camino::Utf8PathBuf;
use catena_pipeline::config::LogFormat;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// From raw text to an assistant that answers with its sources, in one binary.
#[derive(Debug, Parser)]
#[command(name = "catena", version, about, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Threads for the numeric work (default: one per core this process has)
    #[arg(long, global = true, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  catena up examples/bank-support     bring every stage up to date, then serve
  catena serve model.gguf             serve a model to any OpenAI client
  catena plan examples/bank-support   say what `up` would do, and why
  catena pull bank-support            fetch a model or data set by name
  catena doctor                       say what this machine has and what was chosen
  catena data clean docs --out clean  clean a data set and account for every document
  catena train run train.toml         train a model as a file says
  catena tokenizer train docs --vocab-size 8192 --output tokenizer
  catena bench infer                  measure how fast a model runs here

Exit codes: 0 done, 1 ran and the answer is no, 2 usage or configuration,
3 environment (file, memory, network), 70 a defect of Catena, 130 interrupted.

Environment:
  XDG_CACHE_HOME   where models and other caches lie (default ~/.cache)
  CATENA_SIMD      the kernels' instructions: scalar, neon, avx2, avx512 or amx (default: the best)";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring every stage of a project up to date, then serve it
    Up(UpArgs),
    /// Serve models, or a project whose stages are up to date
    Serve(Box<ServeArgs>),
    /// Make, list and revoke the API keys of a server
    Keys(KeysArgs),
    /// Say which stages `up` would run, and why
    Plan(PlanArgs),
    /// Train a model: pre-training, fine-tuning, preferences, rewards, labels, vectors
    Train(TrainArgs),
    /// Prepare data sets: read anything, clean, deduplicate, mask, query
    Data(DataArgs),
    /// Learn a tokenizer's vocabulary from texts
    Tokenizer(TokenizerArgs),
    /// Fetch a model or data set by name, checksummed and resumable
    Pull(PullArgs),
    /// Say what this machine has and what each automatic choice was
    #[command(after_help = "\
Examples:
  catena doctor
  catena doctor --threads 4     what a number of one's own changes")]
    Doctor,
    /// Measure how fast this machine runs a model, beside other engines if asked
    Bench(BenchArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena up                                 the project in this folder
  catena up examples/bank-support --once    run, ask one question over HTTP, exit
  catena up --once --json | tail -1         the whole run as one JSON object")]
pub(crate) struct UpArgs {
    /// Folder with catena.toml
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub(crate) project: Utf8PathBuf,
    /// Ask one question through the HTTP API, print the answer with its citations, and exit
    #[arg(long)]
    pub(crate) once: bool,
    /// Print, last, one JSON object about the run
    #[arg(long)]
    pub(crate) json: bool,
    /// Port of the API and the studio; overrides `serve.port`, 0 takes a free one
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena serve model.gguf                       one model on http://127.0.0.1:8017
  catena serve small=a.gguf large=b.gguf        two, under names of their own
  catena serve model.gguf all-minilm-l6-v2 --draft smaller.gguf
  catena serve rank=cross-encoder/ intents=classifier/    models that write nothing
  catena serve model.gguf --on-demand large=large.gguf --adapter formal=adapters/formal
  catena serve model.gguf --adapter formal=formal/adapter.gguf      GGUF adapters as PEFT folders
  catena serve --simulate test --sim-step-ms 30 --port 9000
  catena serve --project examples/bank-support  a project, if `up` has nothing to do
  catena serve model.gguf --host 0.0.0.0 --keys keys.json --tls-certificate c.pem --tls-key k.pem

Signals:
  SIGTERM   refuse new requests, let running ones end within --drain-seconds, then stop
  SIGHUP    read keys, certificate and the project's [serve] again, and begin the audit log anew

Environment:
  OTEL_EXPORTER_OTLP_ENDPOINT   collector where --traces and --push-metrics are not given
  OTEL_EXPORTER_OTLP_HEADERS    headers that it wants
                                ..._TRACES_... and ..._METRICS_... for one of both alone
  OTEL_METRIC_EXPORT_INTERVAL   milliseconds between two pushes of metrics")]
pub(crate) struct ServeArgs {
    /// GGUF files, folders with safetensors, or names that `catena pull` knows, as MODEL or
    /// NAME=MODEL: language models, encoders and classifiers; none serves the project
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// Folder with catena.toml
    #[arg(long, default_value = ".", value_name = "FOLDER", conflicts_with = "models")]
    pub(crate) project: Utf8PathBuf,
    /// A smaller model with the same tokenizer that writes ahead for the first model
    #[arg(long, value_name = "MODEL", requires = "models")]
    pub(crate) draft: Option<String>,
    /// A model to be served as one that turns texts into vectors, whatever its files say; as MODEL or
    /// NAME=MODEL, may be given again
    #[arg(long, value_name = "MODEL", conflicts_with = "project")]
    pub(crate) embedder: Vec<String>,
    /// The same as one that scores texts, or a query and a passage
    #[arg(long, value_name = "MODEL", conflicts_with = "project")]
    pub(crate) classifier: Vec<String>,
    /// Serve a model without weights under this name, with speeds of your choice: for tests of
    /// capacity, routers and autoscalers
    #[arg(long, value_name = "NAME", conflicts_with_all = ["models", "embedder", "classifier", "project"])]
    pub(crate) simulate: Option<String>,
    #[command(flatten)]
    pub(crate) simulated: SimulateArgs,
    #[command(flatten)]
    pub(crate) listen: ListenArgs,
}

/// How fast a simulated model is.
#[derive(Debug, Args)]
#[command(next_help_heading = "With --simulate")]
pub(crate) struct SimulateArgs {
    /// Milliseconds of every step
    #[arg(long = "sim-step-ms", default_value_t = 15.0, value_name = "MS", value_parser = speed)]
    pub(crate) step_ms: f64,
    /// Milliseconds that each sequence adds to a step
    #[arg(long = "sim-sequence-ms", default_value_t = 0.5, value_name = "MS", value_parser = speed)]
    pub(crate) sequence_ms: f64,
    /// Tokens of prompts that are read in a second
    #[arg(long = "sim-prompt-tokens-per-second", default_value_t = 4000.0, value_name = "N", value_parser = speed)]
    pub(crate) prompt_tokens_per_second: f64,
    /// Tokens of prompt and answer together
    #[arg(long = "sim-context", default_value_t = 8192, value_name = "N")]
    pub(crate) context: usize,
    /// Blocks of 16 tokens of the cache (default: --max-sequences whole contexts)
    #[arg(long = "sim-kv-blocks", value_name = "N")]
    pub(crate) kv_blocks: Option<usize>,
}

fn speed(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    if (1e-3..=1e9).contains(&value) { Ok(value) } else { Err("0.001 to 1000000000".to_owned()) }
}

/// What overrides the keys of `[serve]` with the same names.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Instead of the keys of [serve]")]
pub(crate) struct ListenArgs {
    /// Address to listen on; any but the loopback address needs keys
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// Port; 0 takes a free one
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// File of API keys that `catena keys` writes; where it exists, every request needs a key
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<String>,
    /// Let everyone read /metrics without a key
    #[arg(long)]
    pub(crate) public_metrics: bool,
    /// Origin of a web page that may use the API; may be given again
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) origin: Vec<String>,
    /// Certificate chain in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<String>,
    /// Private key in PEM form
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<String>,
    /// File that gets a line of JSON for each request, without its text
    #[arg(long, value_name = "FILE")]
    pub(crate) audit_log: Option<String>,
    /// Folder for clients' files, batches and stored responses
    #[arg(long, value_name = "FOLDER")]
    pub(crate) files: Option<String>,
    /// Collector of OpenTelemetry traces over OTLP/HTTP, such as http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub(crate) traces: Option<String>,
    /// Collector that OpenTelemetry metrics are pushed to over OTLP/HTTP
    #[arg(long, value_name = "URL")]
    pub(crate) push_metrics: Option<String>,
    /// How requests are told on the standard error
    #[arg(long, value_name = "text|json|off", value_parser = log_format)]
    pub(crate) log: Option<LogFormat>,
    /// Seconds that running answers have to end
    #[arg(long, value_name = "N")]
    pub(crate) drain_seconds: Option<u64>,
    /// Seconds before that for which it listens and says that it is not ready
    #[arg(long, value_name = "N")]
    pub(crate) drain_delay_seconds: Option<u64>,
    /// Requests that tokenize at once, and as many that turn texts into vectors or scores
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Conversations that generate at the same time; more wait
    #[arg(long, value_name = "N")]
    pub(crate) max_sequences: Option<usize>,
    /// Most bytes of a language model's keys and values
    #[arg(long, value_name = "N")]
    pub(crate) cache_bytes: Option<u64>,
    /// Another name of a model, as in gpt-4o=small; may be given again
    #[arg(long, value_name = "NAME=MODEL", value_parser = alias)]
    pub(crate) alias: Vec<(String, String)>,
    /// A model that is loaded when a request names it; may be given again
    #[arg(long, value_name = "NAME=MODEL", value_parser = alias)]
    pub(crate) on_demand: Vec<(String, String)>,
    /// Folder whose GGUF files and folders of models may be named too
    #[arg(long, value_name = "FOLDER")]
    pub(crate) models_folder: Option<String>,
    /// Most bytes of models that come and go
    #[arg(long, value_name = "N")]
    pub(crate) models_memory_bytes: Option<u64>,
    /// An adapter of the first language model under a name of its own, a PEFT folder or a GGUF file;
    /// may be given again
    #[arg(long, value_name = "NAME=ADAPTER", value_parser = alias)]
    pub(crate) adapter: Vec<(String, String)>,
    /// Folder of adapters that may be loaded while the server runs
    #[arg(long, value_name = "FOLDER")]
    pub(crate) adapters_folder: Option<String>,
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        "off" => Ok(LogFormat::Off),
        _ => Err("one of text, json, off".to_owned()),
    }
}

fn alias(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("give it as NAME=MODEL")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena keys create ann                     in a project's folder
  catena keys create ann --file keys.json    for a server without a project
  catena keys create web --models bank-support --routes '/v1/chat/*' --expires 30d
  catena keys create batch --requests-per-minute 60 --tokens-per-minute 100000 --max-concurrent 4
  catena keys create ops --admin
  catena keys list --file keys.json
  catena keys revoke 3f9a12c4

A key goes into `Authorization: Bearer KEY` or `x-api-key: KEY`; in a browser it is the password. It
is shown once. A running server reads the file again at SIGHUP.")]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) action: KeysAction,
    /// Folder with catena.toml, whose `serve.keys` names the file
    #[arg(long, global = true, default_value = ".", value_name = "FOLDER")]
    pub(crate) project: Utf8PathBuf,
    /// The file itself
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) file: Option<Utf8PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysAction {
    /// Make a key and print it
    Create(NewKeyArgs),
    /// Show the keys there are; a key's text is kept nowhere
    #[command(after_help = "\
Examples:
  catena keys list
  catena keys list --file keys.json --json")]
    List {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Take keys away
    #[command(after_help = "\
Examples:
  catena keys revoke 3f9a12c4
  catena keys revoke 3f9a12c4 b81e07d5 --file keys.json")]
    Revoke {
        /// Identities, as `list` shows them
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena keys create ann --file keys.json
  catena keys create web --models bank-support --routes '/v1/chat/*' --expires 30d
  catena keys create batch --requests-per-minute 60 --tokens-per-minute 100000 --max-concurrent 4
  catena keys create ops --admin")]
pub(crate) struct NewKeyArgs {
    /// Whom the key is for
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Models it may ask for; `*` at the end stands for any rest (default: all)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    pub(crate) models: Vec<String>,
    /// Paths it may ask for, in the same way (default: all)
    #[arg(long, value_name = "PATH,...", value_delimiter = ',')]
    pub(crate) routes: Vec<String>,
    /// When it ends: 12h, 30d or 2w from now (default: never)
    #[arg(long, value_name = "TIME", value_parser = crate::keys::lifetime)]
    pub(crate) expires: Option<u64>,
    /// Let it load and unload models and adapters
    #[arg(long)]
    pub(crate) admin: bool,
    /// Most requests a minute
    #[arg(long, value_name = "N")]
    pub(crate) requests_per_minute: Option<u32>,
    /// Most tokens a minute, of prompts and answers
    #[arg(long, value_name = "N")]
    pub(crate) tokens_per_minute: Option<u32>,
    /// Most requests at once
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrent: Option<u32>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  catena plan examples/bank-support")]
pub(crate) struct PlanArgs {
    /// Folder with catena.toml
    #[arg(default_value = ".", value_name = "FOLDER")]
    pub(crate) project: Utf8PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena pull smollm2-135m-instruct
  catena pull all-minilm-l6-v2 --from ./my-copy
  catena pull --list

Environment:
  HF_ENDPOINT      another address of the Hugging Face Hub
  HF_HUB_OFFLINE   1 skips the hub
  HF_TOKEN         the hub's token
  HF_HOME          where the hub's own cache lies; HF_HUB_CACHE says the folder itself
  HTTPS_PROXY      a proxy for all downloads
  SSL_CERT_FILE    certificates that are trusted, in PEM form
  XDG_CACHE_HOME   where the per-user cache lies (default ~/.cache)")]
pub(crate) struct PullArgs {
    /// Names to fetch; all known ones are shown by --list
    #[arg(value_name = "NAME", required_unless_present = "list")]
    pub(crate) names: Vec<String>,
    /// Show the known names and where they come from
    #[arg(long)]
    pub(crate) list: bool,
    /// Take the files from this folder or URL before any other source
    #[arg(long, value_name = "FOLDER|URL")]
    pub(crate) from: Option<String>,
    /// Read every cached file again and compare its checksum
    #[arg(long)]
    pub(crate) verify: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena train lint train.toml --sample 0   show which tokens are trained on
  catena train plan train.toml              say what it takes, before it is started
  catena train run train.toml               train; run it again to go on after a stop
  catena train run llama3_lora_sft.yaml     a LLaMA-Factory file as it is
  catena train run train.toml --set epochs=1 --set output=short
  catena train predict train.toml --data test.csv")]
pub(crate) struct TrainArgs {
    #[command(subcommand)]
    pub(crate) action: TrainAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrainAction {
    /// Train as the file says, from its last checkpoint if there is one
    Run(TrainRunArgs),
    /// Say what a run takes, memory, time and disk, and how it is cut to fit; train nothing
    Plan(TrainPlanArgs),
    /// Look for what would spoil the run, or show what is trained on in one sample
    Lint(LintArgs),
    /// Answer samples with the finished model and say how many answers are right
    Predict(PredictArgs),
    /// Write what a run trained as a whole model, or its adapter alone as a GGUF file
    Merge(MergeArgs),
    /// List all keys with their defaults and meanings
    #[command(after_help = "\
Example:
  catena train keys | less")]
    Keys,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena train run train.toml
  catena train run llama3_lora_sft.yaml     a LLaMA-Factory file as it is
  catena train run train.toml --set epochs=1 --set output=short
  catena train run train.toml --set 'data=[\"a.jsonl\", \"b.jsonl\"]'

Paths in the file begin at its folder, those in a YAML where the command is started.")]
pub(crate) struct TrainRunArgs {
    /// A TOML file with a section `[train]`, or a LLaMA-Factory YAML
    #[arg(value_name = "FILE")]
    pub(crate) file: Utf8PathBuf,
    /// Set a key to another value; may be given again
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena train plan train.toml
  catena train plan train.toml --set max_memory=4GiB
  catena train plan train.toml --json")]
pub(crate) struct TrainPlanArgs {
    #[command(flatten)]
    pub(crate) run: TrainRunArgs,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena train lint train.toml
  catena train lint train.toml --sample 0   which tokens of the first sample are trained on")]
pub(crate) struct LintArgs {
    #[command(flatten)]
    pub(crate) run: TrainRunArgs,
    /// Show this sample with what is trained on between « and »
    #[arg(long, value_name = "N")]
    pub(crate) sample: Option<usize>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena train predict train.toml --data test.csv
  catena train predict train.toml --data test.csv --choices --output answers.jsonl
  catena train predict train.toml --data test.csv --base --limit 100")]
pub(crate) struct PredictArgs {
    #[command(flatten)]
    pub(crate) run: TrainRunArgs,
    /// The samples to answer, in any format that runs learn from
    #[arg(long, value_name = "FILE")]
    pub(crate) data: String,
    /// Ask the model as it was before training
    #[arg(long)]
    pub(crate) base: bool,
    /// Write nothing but an answer of the training data, such as an intent
    #[arg(long)]
    pub(crate) choices: bool,
    /// Only so many samples
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Most tokens of an answer
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) max_new_tokens: u32,
    /// Write each answer beside the wanted one, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena train merge sft.toml --out merged                  a folder that transformers loads
  catena train merge sft.toml --out merged --gguf q4_1      merged/model.q4_1.gguf
  catena train merge adapters/formal --base model.gguf --out formal --gguf q8_0 --gguf q4_0
  catena train merge out --base smollm2-135m-instruct --out out --adapter-gguf
                                                            out/adapter.gguf, for llama.cpp's --lora")]
pub(crate) struct MergeArgs {
    /// A run's file or its output folder, a PEFT folder, or a GGUF adapter
    #[arg(value_name = "RUN_OR_ADAPTER")]
    pub(crate) source: Utf8PathBuf,
    /// The model that it was trained on: a path, or a name that `catena pull` knows (default: what
    /// the run or the adapter names)
    #[arg(long, value_name = "MODEL")]
    pub(crate) base: Option<String>,
    /// Folder for what is written; a file that is there is not replaced
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Utf8PathBuf,
    /// Write FOLDER/model.FORMAT.gguf in the place of safetensors; may be given again
    #[arg(long, value_name = "FORMAT")]
    pub(crate) gguf: Vec<GgufFormat>,
    /// Write FOLDER/adapter.gguf, the adapter alone, in the place of safetensors
    #[arg(long)]
    pub(crate) adapter_gguf: bool,
}

#[derive(Debug, Args)]
pub(crate) struct TokenizerArgs {
    #[command(subcommand)]
    pub(crate) action: TokenizerAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TokenizerAction {
    /// Learn a byte-level BPE vocabulary and write tokenizer.json and tokenizer_config.json
    Train(TokenizerTrainArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena tokenizer train docs --vocab-size 8192 --output tokenizer
  catena tokenizer train books.jsonl notes.md --vocab-size 32000 --chat --output tokenizer
  catena tokenizer train rows.csv --column body --pre-tokenizer qwen2 --vocab-size 4096 --output t")]
pub(crate) struct TokenizerTrainArgs {
    /// Text, Markdown, JSON, JSON Lines, CSV, TSV or Parquet files, or folders of them
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<Utf8PathBuf>,
    /// Tokens in all, the 256 bytes and special tokens included
    #[arg(long, value_name = "N")]
    pub(crate) vocab_size: usize,
    /// New folder for the tokenizer
    #[arg(long, value_name = "FOLDER")]
    pub(crate) output: Utf8PathBuf,
    /// Column that holds the text (default: `text` or `content`)
    #[arg(long, value_name = "NAME")]
    pub(crate) column: Option<String>,
    /// How often a pair must stand in the texts to become a token
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub(crate) min_frequency: u64,
    /// How texts are cut into words, by llama.cpp's names: gpt-2, llama-bpe, qwen2 and others
    #[arg(long, default_value = "llama-bpe", value_name = "NAME")]
    pub(crate) pre_tokenizer: String,
    /// Token that begins every text; `none` for none
    #[arg(long, default_value = "<|begin_of_text|>", value_name = "TOKEN")]
    pub(crate) bos: String,
    /// Token that ends a text
    #[arg(long, default_value = "<|end_of_text|>", value_name = "TOKEN")]
    pub(crate) eos: String,
    /// Token of empty places in a batch; `none` for none
    #[arg(long, default_value = "<|pad|>", value_name = "TOKEN")]
    pub(crate) pad: String,
    /// Another special token; may be given again
    #[arg(long, value_name = "TOKEN")]
    pub(crate) special: Vec<String>,
    /// Add the tokens and the template of conversations in the ChatML form
    #[arg(long)]
    pub(crate) chat: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena bench peak
  catena bench kernels
  catena bench engine --only shared_prefix
  catena bench infer --model model.gguf --json infer.json
  catena bench infer --model a.q4_0.gguf --model a.q8_0.gguf --only decode
  catena bench infer --peers      in a checkout: beside other engines, installed once")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) area: BenchArea,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchArea {
    /// What the processor can do at most: f32, 8-bit and bf16 arithmetic
    #[command(after_help = "\
Example:
  catena bench peak")]
    Peak,
    /// Prompts, single sequences, batches, start, memory, and embedding
    Infer(InferArgs),
    /// Many sequences, shared prompts, turns, guessed tokens, and what a step costs beside the model
    Engine(EngineArgs),
    /// Single kernels as a share of what the processor can do: products of every format, attention
    Kernels(KernelArgs),
    /// Training steps: tokens per second and peak memory of pairs, of all weights, of 4-bit weights
    Train(TrainBenchArgs),
    /// A server under load: users at once, chats for minutes, and what HTTP costs
    Serve(ServeBenchArgs),
    /// Cleaning data: rule sets, languages, personal data, exact and near duplicates
    Data(DataBenchArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena bench data --corpus docs.jsonl --near docs.jsonl
  catena bench data                     in a checkout: on Debian's documentation, made once
  catena bench data --peers             beside DataTrove and others, installed once
  catena bench data --large --only clean   what memory the cleaning of 5 GB takes
  catena bench data --only minhash")]
pub(crate) struct DataBenchArgs {
    /// Documents for all but duplicates (default: 100,000 made from Debian's documentation)
    #[arg(long, value_name = "FILE")]
    pub(crate) corpus: Option<Utf8PathBuf>,
    /// Documents for duplicates (default: a million, with planted near duplicates)
    #[arg(long, value_name = "FILE")]
    pub(crate) near: Option<Utf8PathBuf>,
    /// Only the measurements with this text in a cell's name, such as `rules`; may be given again
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Measure other tools in the same run, in turn with ours
    #[arg(long)]
    pub(crate) peers: bool,
    /// Clean a file of 5 GB too, in one round: minutes, and 15 GB of disk
    #[arg(long)]
    pub(crate) large: bool,
    /// Seconds after which a peer is measured on what it did until then
    #[arg(long, default_value_t = 120, value_name = "N")]
    pub(crate) peer_seconds: u64,
    #[command(flatten)]
    pub(crate) rounds: RoundArgs,
    /// One measurement in this process: what the others start
    #[arg(long, hide = true, value_name = "STEP", requires = "near")]
    pub(crate) step: Option<DataStep>,
}

/// How often is measured, and where the figures go.
#[derive(Debug, Args)]
pub(crate) struct RoundArgs {
    /// Rounds; every figure is the median over them
    #[arg(long = "rounds", default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) count: u32,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<Utf8PathBuf>,
}

/// What `catena bench data` measures in a process of its own.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DataStep {
    /// Near duplicates
    Minhash,
    /// The whole usual plan
    Clean,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena bench serve                                     ours, with the example's model
  catena bench serve --peers                             beside llama-server, in turn
  catena bench serve --only 64chats --seconds 300        64 chats for five minutes
  catena bench serve --url http://127.0.0.1:8000 --model NAME   a server that is already there")]
pub(crate) struct ServeBenchArgs {
    /// The model: a GGUF file, a folder with safetensors, or a name that `catena pull` knows; with
    /// --url the name that the server knows
    #[arg(long, default_value = "smollm2-135m-instruct", value_name = "MODEL")]
    pub(crate) model: String,
    /// Measure the server at this address, with OpenAI's API, instead of our own
    #[arg(long, value_name = "URL", conflicts_with = "peers")]
    pub(crate) url: Option<String>,
    /// Only the measurements with this text in a cell's name, such as `16users`; may be given again
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Seconds that the chats last
    #[arg(long, default_value_t = 60, value_name = "N", value_parser = clap::value_parser!(u64).range(5..=86_400))]
    pub(crate) seconds: u64,
    /// Measure llama.cpp's server in the same run, in turn with ours
    #[arg(long)]
    pub(crate) peers: bool,
    #[command(flatten)]
    pub(crate) rounds: RoundArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena bench train --only lora/4x256
  catena bench train --only plan            what plans of runs say beside what the runs take
  catena bench train --peers                in a checkout: beside PyTorch with PEFT")]
pub(crate) struct TrainBenchArgs {
    /// The model: a GGUF file, a folder with safetensors, or a name that `catena pull` knows
    #[arg(long, default_value = "smollm2-135m-instruct", value_name = "MODEL")]
    pub(crate) model: String,
    /// Only the measurements with this text in a cell's name, such as `lora/4x256` or `plan`; may be
    /// given again
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Measure PyTorch with PEFT in the same run, in turn with ours
    #[arg(long)]
    pub(crate) peers: bool,
    #[command(flatten)]
    pub(crate) rounds: RoundArgs,
    /// One task in this process: what the others start
    #[arg(long, hide = true, value_name = "TASK")]
    pub(crate) step: Option<String>,
}

#[derive(Debug, Args)]
#[command(mut_arg("count", |arg| arg.default_value("1")))]
#[command(after_help = "\
Examples:
  catena bench kernels
  catena bench kernels --rounds 3 --json kernels.json")]
pub(crate) struct KernelArgs {
    /// Measure dense products of PyTorch and of the crate `gemm` in the same run
    #[arg(long)]
    pub(crate) peers: bool,
    #[command(flatten)]
    pub(crate) rounds: RoundArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena bench engine --only shared_prefix
  catena bench engine --model large.gguf --draft small.gguf --only draft
  catena bench engine --peers               in a checkout: beside llama.cpp's server")]
pub(crate) struct EngineArgs {
    /// The model: a GGUF file, a folder with safetensors, or a name that `catena pull` knows
    #[arg(long, default_value = "smollm2-135m-instruct", value_name = "MODEL")]
    pub(crate) model: String,
    /// A smaller model with the same tokenizer that writes ahead for it: also measures
    /// `infer/draft/answer`
    #[arg(long, value_name = "MODEL")]
    pub(crate) draft: Option<String>,
    /// Only the measurements with this text in a cell's name, such as `turns`; may be given again
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Measure llama.cpp's server and batches in the same run, in turn with ours
    #[arg(long)]
    pub(crate) peers: bool,
    #[command(flatten)]
    pub(crate) rounds: RoundArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena bench infer --only decode/0 --rounds 1
  catena bench infer --model a.q4_0.gguf --model a.q8_0.gguf --only decode
  catena bench infer --named --model small.gguf --model large.gguf --json infer.json
  catena bench infer --peers --peer llama.cpp   in a checkout: beside it alone")]
pub(crate) struct InferArgs {
    /// The model: a GGUF file, a folder with safetensors, or a name that `catena pull` knows; may be
    /// given again for the same model in other formats
    #[arg(long, default_value = "smollm2-135m-instruct", value_name = "MODEL")]
    pub(crate) model: Vec<String>,
    /// Only the cells with this text in their name, such as `prefill/512`; may be given again
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Put the file's name into its cells' names: for different models in one run
    #[arg(long)]
    pub(crate) named: bool,
    /// Measure every file again with activations that are not rounded to 8 bits: cells of `-precise`
    #[arg(long)]
    pub(crate) precise: bool,
    /// Measure every file again with keys and values of 8 bits: cells of `-kv8`
    #[arg(long)]
    pub(crate) kv_int8: bool,
    /// Also the perplexity on this text, over 16 windows of 512 tokens
    #[arg(long, value_name = "TEXT_FILE")]
    pub(crate) perplexity: Option<Utf8PathBuf>,
    /// Measure other engines in the same run, in turn with ours
    #[arg(long)]
    pub(crate) peers: bool,
    /// Of the other engines only this one, such as `llama.cpp`; may be given again
    #[arg(long, value_name = "NAME", requires = "peers")]
    pub(crate) peer: Vec<String>,
    #[command(flatten)]
    pub(crate) rounds: RoundArgs,
    /// One token, then the resident bytes: what `infer/start` starts
    #[arg(long, hide = true)]
    pub(crate) first_token: bool,
}
