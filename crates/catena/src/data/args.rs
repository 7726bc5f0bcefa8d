//! The command line of `catena data`.

use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueEnum};
use std::num::{NonZeroU64, NonZeroUsize};

/// Prepare data sets: read anything, clean, deduplicate, mask, query, split, mix, pack
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data clean crawl/*.warc.gz --out clean --rules gopher,c4,fineweb --languages en,zh
  catena data explain clean 'crawl/0.warc.gz:17'     why a document was kept or dropped
  catena data sql \"SELECT language.code, count(*) FROM attributes GROUP BY 1\" --on clean
  catena data rules gopher                           the rules of a set, with their thresholds
  catena data plan fineweb > plan.toml               a plan to start from

Reads JSONL, JSON, CSV, TSV, Parquet, Arrow, text, Markdown, HTML, PDF, Word, Excel, PowerPoint,
EPUB and WARC, compressed or not, in folders, globs, Hugging Face data sets and Dolma sets, here
and in object stores: s3://bucket/folder, with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION
and, where it is not Amazon's, AWS_ENDPOINT_URL.")]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    pub(crate) action: DataAction,
}

/// What is done with data.
#[derive(Debug, Subcommand)]
pub(crate) enum DataAction {
    /// Clean a data set by a plan and account for every document
    Clean(Box<CleanArgs>),
    /// Drop documents that repeat others, and nothing else
    Dedup(DedupArgs),
    /// Mask personal data, and nothing else
    Mask(MaskArgs),
    /// Write documents in another form
    Convert(ConvertArgs),
    /// Drop documents that say the same in other words, by an embedding model
    Semantic(SemanticArgs),
    /// Choose documents by a score within a budget, or order them by it
    Select(SelectArgs),
    /// Mix sources by weights
    Mix(MixArgs),
    /// Encode documents with a tokenizer into the shards that trainers read
    Pack(PackArgs),
    /// Tell why a document was kept, changed or dropped
    Explain(ExplainArgs),
    /// Ask anything of data in SQL, with the operators as functions
    Sql(SqlArgs),
    /// Judge by other rules or thresholds what was measured before, without reading texts
    Judge(JudgeArgs),
    /// List the rule sets, or the rules of one with their thresholds
    Rules(RulesArgs),
    /// Print a plan to start from, with every key
    Plan(PlanPresetArgs),
}

/// What is read of rows, and of a Hugging Face data set.
#[derive(Debug, Args)]
pub(crate) struct SetPart {
    /// Column of the text (default: the first of `text`, `content`, `body` and others)
    #[arg(long, value_name = "COLUMN")]
    pub(crate) text: Option<String>,
    /// Column of the id (default: `id` and others, else the place in the file)
    #[arg(long, value_name = "COLUMN")]
    pub(crate) id: Option<String>,
    /// Configuration of a Hugging Face data set (default: its own default, or the first)
    #[arg(long, value_name = "NAME")]
    pub(crate) config: Option<String>,
    /// Split of a data set, or of files by their names (default: all)
    #[arg(long, value_name = "NAME")]
    pub(crate) split: Option<String>,
}

/// What is read.
#[derive(Debug, Args)]
pub(crate) struct Inputs {
    /// Files, folders, globs, s3:// addresses
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<String>,
    #[command(flatten)]
    pub(crate) set_part: SetPart,
}

/// How documents are written that were chosen or mixed.
#[derive(Debug, Args)]
pub(crate) struct TextForm {
    /// Form of the documents: jsonl, jsonl.gz, jsonl.zst, parquet, arrow, csv, tsv, text, dolma,
    /// datatrove
    #[arg(long, value_name = "FORM", default_value = "jsonl")]
    pub(crate) format: String,
}

/// What is read and where the result goes.
#[derive(Debug, Args)]
pub(crate) struct InOut {
    /// Files, folders, globs, s3:// addresses
    #[arg(value_name = "INPUT", required = true)]
    pub(crate) inputs: Vec<String>,
    /// Folder for the result, here or as s3://bucket/folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Utf8PathBuf,
    /// Replace what another plan or other inputs left in the folder
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Form of the documents: jsonl, jsonl.gz, jsonl.zst, parquet, arrow, csv, tsv, text, dolma,
    /// datatrove
    #[arg(long, value_name = "FORM")]
    pub(crate) format: Option<String>,
    #[command(flatten)]
    pub(crate) set_part: SetPart,
    /// End at the first row that cannot be read, instead of keeping it aside
    #[arg(long)]
    pub(crate) strict: bool,
    /// Print the card as JSON, last
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data clean docs --out clean                     repair, drop duplicates, mask
  catena data clean dump.jsonl.gz --out clean --rules fineweb --languages en
  catena data clean dump.jsonl.gz --out clean --plan plan.toml
  catena data clean dump.jsonl.gz --out clean --set dedup.near_threshold=0.9
  catena data clean train.jsonl --out clean --against gsm8k/test.jsonl
  catena data clean mails.jsonl --out clean --validation 0.1 --stratify topic
  catena data clean docs --out clean --tokenizer smollm2-135m-instruct --set tokens.at_most=2048
  catena data clean crawl.warc.gz --out clean --set 'urls.domains=[\"blocked.txt\"]'

A run that was interrupted or killed goes on where it was when it is started again.")]
pub(crate) struct CleanArgs {
    #[command(flatten)]
    pub(crate) files: InOut,
    /// A plan; see `catena data plan`
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<Utf8PathBuf>,
    /// Rule sets that documents must pass, in this order; see `catena data rules`
    #[arg(long, value_name = "SET,…", value_delimiter = ',')]
    pub(crate) rules: Vec<String>,
    /// Languages that stay, such as `en,zh` (default: all)
    #[arg(long, value_name = "CODE,…", value_delimiter = ',')]
    pub(crate) languages: Vec<String>,
    /// Files of evaluation sets; documents that hold their samples are dropped
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Vec<String>,
    /// Count the tokens of every text: a model, or its tokenizer.json
    #[arg(long, value_name = "MODEL")]
    pub(crate) tokenizer: Option<String>,
    /// Share of documents for validation
    #[arg(long, value_name = "0..1")]
    pub(crate) validation: Option<f64>,
    /// Share of documents for testing
    #[arg(long, value_name = "0..1")]
    pub(crate) test: Option<f64>,
    /// Field of the metadata whose values stay in one split
    #[arg(long, value_name = "FIELD")]
    pub(crate) group: Option<String>,
    /// Field of the metadata, or `language` or `source`, that has the same shares in every split
    #[arg(long, value_name = "FIELD")]
    pub(crate) stratify: Option<String>,
    /// One key of the plan, such as `pii.mask=["email"]`; may be given again
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data dedup docs.jsonl --out unique
  catena data dedup docs.jsonl --out unique --near fineweb       DataTrove's parameters
  catena data dedup docs.jsonl --out unique --near off           exact copies only
  catena data dedup pages.jsonl --out unique --lines             and lines that occurred before
  catena data dedup pages.jsonl --out unique --substring 100     and any 100 bytes that did")]
pub(crate) struct DedupArgs {
    #[command(flatten)]
    pub(crate) files: InOut,
    /// Parameters of MinHash: catena, datatrove, fineweb, refinedweb, nemo, data-juicer, text-dedup,
    /// or off
    #[arg(long, value_name = "NAME", default_value = "catena")]
    pub(crate) near: String,
    /// Jaccard similarity from which documents repeat each other
    #[arg(long, value_name = "0..1")]
    pub(crate) threshold: Option<f64>,
    /// Keep both documents if their numbers differ
    #[arg(long)]
    pub(crate) keep_if_numbers_differ: bool,
    /// Cut lines of 20 characters and more that occurred before
    #[arg(long)]
    pub(crate) lines: bool,
    /// Cut paragraphs that occurred before
    #[arg(long)]
    pub(crate) paragraphs: bool,
    /// Cut whatever repeats so many bytes of earlier text
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) substring: usize,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data mask mails.jsonl --out masked
  catena data mask mails.jsonl --out masked --kinds email,phone
  catena data mask mails.jsonl --out masked --style pseudonym --key-file secret.key")]
pub(crate) struct MaskArgs {
    #[command(flatten)]
    pub(crate) files: InOut,
    /// Kinds of personal data, such as email and phone; an unknown one lists all (default: all)
    #[arg(long, value_name = "KIND,…", value_delimiter = ',')]
    pub(crate) kinds: Vec<String>,
    /// What stands in their place
    #[arg(long, value_name = "STYLE", default_value = "placeholder")]
    pub(crate) style: Style,
    /// Secret that pseudonyms are made with, so that they are the same in every run
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<String>,
}

/// What stands in the place of personal data.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Style {
    /// Its kind
    Placeholder,
    /// Its kind and a mark that is the same for the same value
    Pseudonym,
    /// Something of the same look that belongs to nobody
    Realistic,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data convert books/ --out texts --format jsonl.zst
  catena data convert dump.jsonl --out table --format parquet
  catena data convert dump.jsonl --out set --format dolma       with sidecars of attributes")]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    pub(crate) files: InOut,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data explain clean doc-17
  catena data explain clean doc-17 --profile      with everything that was measured")]
pub(crate) struct ExplainArgs {
    /// Folder that `catena data clean`, `select` or `semantic` wrote
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: Utf8PathBuf,
    /// Id of a document, or its place, such as `docs.jsonl:17`
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Also print what was measured
    #[arg(long)]
    pub(crate) profile: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data sql \"SELECT count(*), avg(length(text)) FROM documents\" --on docs.jsonl.gz
  catena data sql \"SELECT verdict['rule'], count(*) n FROM attributes GROUP BY 1 ORDER BY n DESC\" \\
    --on clean
  catena data sql \"SELECT id, mask_pii(text)['text'] FROM documents LIMIT 5\" --on mails.jsonl
  catena data sql \"SELECT judge('c4', text)['rule'], count(*) FROM documents GROUP BY 1\" --on docs

Tables: documents (id, source, place, format, metadata, text, turns) of every input, and rejected
(place, reason, detail, sample), what is none; attributes and duplicates of a folder that `clean`
wrote; rows, rows2, … with the columns of each file.")]
pub(crate) struct SqlArgs {
    /// The query
    #[arg(value_name = "QUERY")]
    pub(crate) query: String,
    /// Files, folders, globs, or folders that `catena data clean` wrote; may be given again
    #[arg(long, value_name = "INPUT")]
    pub(crate) on: Vec<String>,
    /// How the answer is printed
    #[arg(long, value_name = "FORM", default_value = "table")]
    pub(crate) format: AnswerFormat,
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum AnswerFormat {
    /// For people
    Table,
    /// One JSON object a row
    Jsonl,
    /// Comma-separated values
    Csv,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data judge clean --rules gopher                    after `clean --rules gopher`
  catena data judge clean --rules gopher \\
    --threshold gopher@datatrove/gopher_short_doc=20        with one rule looser

Only what the run measured can be judged: the rule sets that it named, and those that look at no
more.")]
pub(crate) struct JudgeArgs {
    /// Folder that `catena data clean` wrote
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: Utf8PathBuf,
    /// Rule sets, in this order; see `catena data rules`
    #[arg(long, value_name = "SET,…", value_delimiter = ',', required = true)]
    pub(crate) rules: Vec<String>,
    /// Another threshold; may be given again
    #[arg(long, value_name = "SET/RULE=VALUE", value_parser = threshold)]
    pub(crate) threshold: Vec<(String, f64)>,
}

/// A rule's name and its threshold.
fn threshold(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write SET/RULE=VALUE")?;
    let value = value.parse().map_err(|_| format!("`{value}` is no number"))?;
    Ok((name.to_owned(), value))
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data rules                      the sets, with where they come from
  catena data rules fineweb              the rules of one")]
pub(crate) struct RulesArgs {
    /// A rule set; none lists them
    #[arg(value_name = "SET")]
    pub(crate) set: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data plan                       every key with its default
  catena data plan fineweb > plan.toml   also: refinedweb, chinese, dialogues
  catena data clean docs --out clean --plan plan.toml")]
pub(crate) struct PlanPresetArgs {
    /// The preset; none prints the defaults
    #[arg(value_name = "NAME")]
    pub(crate) preset: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data select docs.jsonl --out best --score rarity --documents 10000
  catena data select docs.jsonl --out plain --score perplexity --model smollm2-135m-instruct \\
    --at-most 80
  catena data select docs.jsonl --out good --score classifier --model quality.ftz --label hq \\
    --at-least 0.6
  catena data select crawl.jsonl --out like --score likeness --like handbook.pdf --documents 5000
  catena data select docs.jsonl --out varied --diverse facility --documents 1000
  catena data select docs.jsonl --out ordered --score flesch --curriculum ascending

Scores: length, rarity, compression, type-token, flesch; perplexity (of a language model over the
first 512 tokens) and classifier (the probability of a label; fastText or an encoder with a head)
with --model; likeness (DSIR's weight) with --like. Each document carries its score. Without a
budget or a bound all are written. Texts are on disk beside the result while it works.")]
pub(crate) struct SelectArgs {
    #[command(flatten)]
    pub(crate) read: Inputs,
    /// Folder for the result
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Utf8PathBuf,
    /// The score
    #[arg(long, value_name = "NAME", required_unless_present = "diverse")]
    #[arg(required_if_eq("diverse", "relevance"))]
    pub(crate) score: Option<String>,
    /// The model of the score: a file, a folder, or a name that `catena pull` knows
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// The label whose probability is the score
    #[arg(long, value_name = "NAME")]
    pub(crate) label: Option<String>,
    /// Texts such as are wanted; may be given again
    #[arg(long, value_name = "INPUT")]
    pub(crate) like: Vec<String>,
    /// Leave out smaller scores
    #[arg(long, value_name = "X", requires = "score", allow_negative_numbers = true)]
    pub(crate) at_least: Option<f32>,
    /// Leave out greater scores
    #[arg(long, value_name = "X", requires = "score", allow_negative_numbers = true)]
    pub(crate) at_most: Option<f32>,
    /// Take so many documents
    #[arg(long, value_name = "N", conflicts_with = "bytes")]
    pub(crate) documents: Option<usize>,
    /// Take documents of so many bytes in all
    #[arg(long, value_name = "N")]
    pub(crate) bytes: Option<u64>,
    /// Take the smallest scores instead of the greatest
    #[arg(long)]
    pub(crate) ascending: bool,
    /// Draw by chance, as likely as exp(score) says, instead of taking the greatest
    #[arg(long, requires = "score", conflicts_with_all = ["bytes", "diverse"])]
    pub(crate) draw: bool,
    /// Take documents that differ from each other, by their words
    #[arg(long, value_name = "KIND")]
    pub(crate) diverse: Option<DiversityKind>,
    /// Write in the order of a curriculum instead of the order of the input
    #[arg(long, value_name = "ORDER", requires = "score")]
    pub(crate) curriculum: Option<CurriculumOrder>,
    /// Seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) form: TextForm,
}

/// What makes a choice diverse.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DiversityKind {
    /// Each next one is the farthest from all taken
    KCenter,
    /// Those taken stand for the whole; up to 20,000 documents
    Facility,
    /// The score, less what those taken say already
    Relevance,
}

/// The order in which a model meets documents.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CurriculumOrder {
    /// From the smallest score to the greatest
    Ascending,
    /// From the greatest to the smallest
    Descending,
    /// Ten buckets in ascending order, each shuffled
    Buckets,
    /// Up and down again
    Sandwich,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data mix web.jsonl=0.7 books.jsonl=0.2 code.jsonl=0.1 --bytes 1000000000 --out mixed
  catena data mix en.jsonl zh.jsonl --temperature 3 --bytes 50000000 --max-epochs 2 --out mixed

Without weights a source counts as what it has; a higher temperature evens sources out. Texts are on
disk beside the result while it works.")]
pub(crate) struct MixArgs {
    /// Sources, as INPUT or INPUT=WEIGHT
    #[arg(value_name = "SOURCE", required = true)]
    pub(crate) sources: Vec<String>,
    #[command(flatten)]
    pub(crate) set_part: SetPart,
    /// Folder for the result
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Utf8PathBuf,
    /// Bytes of text in the mix
    #[arg(long, value_name = "N")]
    pub(crate) bytes: u64,
    /// How often a source may be gone through
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub(crate) max_epochs: f64,
    /// Shares go as weight^(1/temperature)
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub(crate) temperature: f64,
    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) form: TextForm,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data pack clean/data --tokenizer smollm2-135m-instruct --out shards/train
  catena data pack clean/data --tokenizer model.gguf --out shards/train --format megatron
  catena data pack clean/data --tokenizer model.gguf --out shards/train --length 2048 --shuffle \\
    --seed 7 --shard-tokens 100000000
  catena data pack docs --tokenizer model.gguf --out s3://bucket/train --length 4096 \\
    --packing best-fit

Formats: datatrove (.ds), megatron (.bin, .idx), numpy (.npy), dolma (.npy, .csv.gz). Beside the
shards stand PATH.card.json and PATH.README.md with counts, seeds and hashes, and the rows that
could not be read.")]
pub(crate) struct PackArgs {
    #[command(flatten)]
    pub(crate) read: Inputs,
    /// A model whose tokenizer is used: a GGUF file, a folder, or a name that `catena pull` knows
    #[arg(long, value_name = "MODEL")]
    pub(crate) tokenizer: String,
    /// Path of the shards, without ending, here or as s3://bucket/path
    #[arg(long, value_name = "PATH")]
    pub(crate) out: Utf8PathBuf,
    /// Form of the shards
    #[arg(long, value_name = "FORMAT", default_value = "datatrove")]
    pub(crate) format: String,
    /// Leave out the token that ends a text
    #[arg(long)]
    pub(crate) no_end: bool,
    /// Make sequences of so many tokens
    #[arg(long, value_name = "N")]
    pub(crate) length: Option<NonZeroUsize>,
    /// How documents become sequences
    #[arg(long, value_name = "KIND", default_value = "concat", requires = "length")]
    pub(crate) packing: PackingKind,
    /// Shuffle sequences, or else documents, within windows of so many [default: 16384]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "16384")]
    pub(crate) shuffle: Option<NonZeroUsize>,
    /// Seed of the shuffling
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Begin another shard after so many tokens; the shards are numbered
    #[arg(long, value_name = "N")]
    pub(crate) shard_tokens: Option<NonZeroU64>,
}

/// How documents become sequences.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PackingKind {
    /// In a row, cut wherever a sequence is full; what is behind the last full one is left out
    Concat,
    /// None is cut that fits into a sequence; what stays empty is filled up
    BestFit,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  catena data semantic questions.jsonl --out unique --threshold 0.92
  catena data semantic docs.jsonl --out unique --embedder encoder/ --clusters 500

Vectors are held in memory, texts on disk beside the result. Up to 20,000 documents every pair is
compared, beyond that pairs of a cluster, as SemDeDup does.")]
pub(crate) struct SemanticArgs {
    #[command(flatten)]
    pub(crate) read: Inputs,
    /// Folder for the result
    #[arg(long, value_name = "FOLDER")]
    pub(crate) out: Utf8PathBuf,
    /// The model: a folder, a GGUF file, or a name that `catena pull` knows
    #[arg(long, value_name = "MODEL", default_value = "all-minilm-l6-v2")]
    pub(crate) embedder: String,
    /// Cosine from which documents say the same
    #[arg(long, value_name = "0..1", default_value_t = 0.95)]
    pub(crate) threshold: f32,
    /// Clusters of large sets (default: the square root of the documents)
    #[arg(long, value_name = "N")]
    pub(crate) clusters: Option<usize>,
    /// Seed of the clustering
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) form: TextForm,
}
