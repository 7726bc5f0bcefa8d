//! Every key of a cleaning plan.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is done to documents, in the order of these sections.
///
/// A missing section has its defaults; unknown keys are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CleaningPlan {
    /// How rows become documents.
    pub read: ReadSettings,
    /// Broken characters, markup and boilerplate.
    pub repair: RepairSettings,
    /// Pages that are dropped for their addresses.
    pub urls: UrlSettings,
    /// Which languages stay.
    pub language: LanguageSettings,
    /// Which documents are good enough.
    pub rules: RuleSettings,
    /// How many tokens documents have.
    pub tokens: TokenSettings,
    /// Documents that evaluation sets hold.
    pub decontaminate: DecontaminateSettings,
    /// Personal data.
    pub pii: PiiSettings,
    /// Documents that repeat others.
    pub dedup: DedupSettings,
    /// Which documents are held out.
    pub split: SplitSettings,
    /// What is written.
    pub write: WriteSettings,
}

/// How rows become documents.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadSettings {
    /// The column of the text; else the first there is of `text`, `content`, `body` and others.
    pub text: Option<String>,
    /// The column of the id; else `id` and others, else the place in the file.
    pub id: Option<String>,
    /// Whether text files are one document each (`file`), or one by `line` or `paragraph`.
    pub text_by: TextUnit,
    /// The encoding by its WHATWG label, such as `gb18030`; else detected for each file.
    pub encoding: Option<String>,
    /// Whether the first row that cannot be read ends the run.
    pub strict: bool,
    /// Whether README, LICENSE and their like in a folder are documents as well.
    pub every_file: bool,
    /// Dolma attributes to read beside the documents.
    pub attributes: Vec<String>,
    /// The configuration of a Hugging Face data set; else the one marked `default`, or the first.
    pub config: Option<String>,
    /// The split of a Hugging Face data set; else all.
    pub split: Option<String>,
}

/// What of a text file is one document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextUnit {
    /// The whole file.
    #[default]
    File,
    /// Each line that is not blank.
    Line,
    /// Each run of lines that are not blank.
    Paragraph,
}

/// Broken characters, markup and boilerplate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RepairSettings {
    /// Undo text that was decoded with the wrong encoding, and what else ftfy repairs.
    pub mojibake: bool,
    /// One Unicode form, no invisible characters, plain spaces and line ends.
    pub normalize: bool,
    /// Take the main content out of HTML pages.
    pub html: bool,
    /// Drop lines of navigation, consent and sharing.
    pub boilerplate: bool,
}

impl Default for RepairSettings {
    fn default() -> Self {
        Self { mojibake: true, normalize: true, html: true, boilerplate: false }
    }
}

/// Pages that are dropped for their addresses, by files with an entry a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UrlSettings {
    /// The field of the metadata with the address of the page.
    pub field: String,
    /// Files of domains: no page of theirs or of their subdomains stays.
    pub domains: Vec<String>,
    /// Files of letters that must not follow each other in an address, whatever separates them.
    pub subwords: Vec<String>,
    /// Files of words that must not stand in an address.
    pub words: Vec<String>,
    /// Files of words of which an address may have one, not two.
    pub soft_words: Vec<String>,
}

impl Default for UrlSettings {
    fn default() -> Self {
        Self {
            field: "url".to_owned(),
            domains: Vec::new(),
            subwords: Vec::new(),
            words: Vec::new(),
            soft_words: Vec::new(),
        }
    }
}

impl UrlSettings {
    /// Each list by its key, with its files.
    pub(crate) fn lists(&self) -> [(&'static str, &[String]); 4] {
        [
            ("urls.domains", &self.domains),
            ("urls.subwords", &self.subwords),
            ("urls.words", &self.words),
            ("urls.soft_words", &self.soft_words),
        ]
    }
}

/// How many tokens documents have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// A `tokenizer.json`, or a folder with one, by which the tokens of every text are counted;
    /// none: they are not.
    pub tokenizer: Option<String>,
    /// Drop documents of fewer tokens.
    pub at_least: Option<u64>,
    /// Drop documents of more tokens.
    pub at_most: Option<u64>,
}

impl TokenSettings {
    /// The file that the plan names.
    pub(crate) fn file(&self) -> Option<Utf8PathBuf> {
        let path = Utf8Path::new(self.tokenizer.as_deref()?);
        Some(if path.is_dir() { path.join("tokenizer.json") } else { path.to_owned() })
    }

    /// The first key that cannot be without a count of tokens.
    pub(crate) fn bound(&self) -> Option<&'static str> {
        let keys = [("tokens.at_least", self.at_least), ("tokens.at_most", self.at_most)];
        keys.into_iter().find_map(|(key, bound)| bound.map(|_| key))
    }
}

/// Which languages stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanguageSettings {
    /// Whether languages are told at all; they are wherever a setting below needs them.
    pub detect: bool,
    /// Codes of the languages that stay, such as `en` and `zh`; none: all stay.
    pub keep: Vec<String>,
    /// The least score of a language that stays.
    pub min_score: f32,
    /// A fastText model such as lid.176.ftz; else the built-in detector.
    pub model: Option<String>,
}

impl Default for LanguageSettings {
    fn default() -> Self {
        Self { detect: true, keep: Vec::new(), min_score: 0.0, model: None }
    }
}

impl LanguageSettings {
    /// Whether documents are dropped for their language.
    pub(crate) fn drops(&self) -> bool {
        !self.keep.is_empty() || self.min_score > 0.0
    }
}

/// Which documents are good enough.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuleSettings {
    /// Whether characters and lines are measured even where no rule looks at them.
    pub measure: bool,
    /// Names of rule sets, judged in this order; see `catena data rules`.
    pub sets: Vec<String>,
    /// Other thresholds, as `"set/rule" = value`.
    pub thresholds: BTreeMap<String, f64>,
    /// Drop the lines that the sets `c4` and `refinedweb` drop.
    pub edit_lines: bool,
}

impl Default for RuleSettings {
    fn default() -> Self {
        Self { measure: true, sets: Vec::new(), thresholds: BTreeMap::new(), edit_lines: false }
    }
}

/// Documents that evaluation sets hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecontaminateSettings {
    /// Files of evaluation sets; none: nothing is looked for.
    pub against: Vec<String>,
    /// The column of their text; else the first there is of `text`, `content` and others, or all
    /// texts of questions, answers and other turns.
    pub text: Option<String>,
    /// Words in a row that tell a copy.
    pub ngram: usize,
}

impl Default for DecontaminateSettings {
    fn default() -> Self {
        Self { against: Vec::new(), text: None, ngram: 13 }
    }
}

/// Personal data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PiiSettings {
    /// What is masked, in texts and titles: kinds such as `email` and `phone`, or `all`; none:
    /// nothing is.
    pub mask: Vec<String>,
    /// What stands in its place: its kind (`placeholder`), its kind and a mark that is the same for
    /// the same value (`pseudonym`), or something of the same look that belongs to nobody
    /// (`realistic`).
    pub style: PiiStyle,
    /// A file with the secret that `pseudonym` and `realistic` need: with the same secret a value has
    /// the same one in its place in every run.
    pub key_file: Option<String>,
    /// Whether the texts of the metadata are masked too: titles, authors, addresses of pages.
    pub metadata: bool,
}

impl Default for PiiSettings {
    fn default() -> Self {
        Self {
            mask: vec!["all".to_owned()],
            style: PiiStyle::Placeholder,
            key_file: None,
            metadata: true,
        }
    }
}

/// What stands in the place of personal data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PiiStyle {
    /// Its kind: `[EMAIL]`.
    #[default]
    Placeholder,
    /// Its kind and a mark that is the same for the same value: `[EMAIL_9f3a1c]`.
    Pseudonym,
    /// Something of the same look that belongs to nobody.
    Realistic,
}

/// What of documents that are alike stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NearLinking {
    /// The first of all that hang together, though the ends of a chain may differ.
    #[default]
    Clusters,
    /// Whatever is not alike to an earlier document that stays.
    Kept,
}

/// Documents that repeat others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DedupSettings {
    /// Drop documents with the content of an earlier one, case and white space aside.
    pub exact: bool,
    /// Drop documents that nearly repeat an earlier one, by the parameters of MinHash that are
    /// called `catena`, `datatrove`, `fineweb`, `refinedweb`, `nemo`, `data-juicer` or
    /// `text-dedup`; or `off`.
    pub near: String,
    /// Jaccard similarity from which they do; else that of the parameter set.
    pub near_threshold: Option<f64>,
    /// Keep both documents if their numbers differ.
    pub keep_if_numbers_differ: bool,
    /// What of documents that are alike stays: the first of all that hang together (`clusters`), or
    /// whatever is not alike to an earlier one that stays (`kept`).
    pub near_linking: NearLinking,
    /// Cut lines that occurred before, here or in an earlier document.
    pub lines: bool,
    /// Cut paragraphs that occurred before.
    pub paragraphs: bool,
    /// Cut whatever repeats so many bytes of earlier text, found by suffix arrays; 0: nothing.
    pub substring_bytes: usize,
}

impl DedupSettings {
    /// Whether passages are cut out of the texts that stay.
    pub(crate) fn cuts(&self) -> bool {
        self.lines || self.paragraphs || self.substring_bytes > 0
    }
}

impl Default for DedupSettings {
    fn default() -> Self {
        Self {
            exact: true,
            near: "catena".to_owned(),
            near_threshold: None,
            keep_if_numbers_differ: false,
            near_linking: NearLinking::Clusters,
            lines: false,
            paragraphs: false,
            substring_bytes: 0,
        }
    }
}

/// Which documents are held out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SplitSettings {
    /// Share of documents for validation.
    pub validation: f64,
    /// Share of documents for testing.
    pub test: f64,
    /// A field of the metadata whose values stay together; else each document by its id.
    pub group: Option<String>,
    /// A field of the metadata, or `language` or `source`, whose values have the same shares in
    /// every split. Sizes are exact then.
    pub stratify: Option<String>,
    /// Meet the shares exactly. A document may then change sides when others are added.
    pub exact: bool,
    /// Seed of the draw.
    pub seed: u64,
}

impl SplitSettings {
    /// Whether all documents are looked at before any is put in its split.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact || self.stratify.is_some()
    }
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WriteSettings {
    /// The form of the documents: `jsonl`, `jsonl.gz`, `jsonl.zst`, `parquet`, `arrow`, `csv`,
    /// `tsv`, `text`, `dolma` or `datatrove`.
    pub format: String,
    /// Licence of the set, for its card.
    pub license: Option<String>,
}

impl Default for WriteSettings {
    fn default() -> Self {
        Self { format: "jsonl".to_owned(), license: None }
    }
}
