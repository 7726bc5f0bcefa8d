//! The one error of this crate.

use crate::nearest::{nearest, perhaps};
use crate::source::{BadReason, Place};
use camino::{Utf8Path, Utf8PathBuf};

/// What can go wrong with a corpus.
///
/// Grouped by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    // Fix the input.
    /// A setting is out of range.
    #[error("`{key}` is {found}, expected {expected}")]
    Config {
        /// The setting.
        key: &'static str,
        /// Its value.
        found: f64,
        /// The range allowed, in words.
        expected: &'static str,
    },
    /// There is more of something than there is room for.
    #[error("{found} {what}, the limit is {limit}")]
    TooMany {
        /// What is counted, in the plural.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// Two columns about the same rows have different lengths.
    #[error("{found} {what} for {expected} rows")]
    Lengths {
        /// What the column holds, in the plural.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The rows.
        expected: usize,
    },
    /// A number is not one: NaN or infinite.
    #[error("{what} of row {row} is {found}")]
    NotFinite {
        /// What the number is.
        what: &'static str,
        /// Its row, from 0.
        row: usize,
        /// The number.
        found: f64,
    },
    /// No operator of that kind has this name.
    #[error("no {what} is called `{name}`{}; known: {known}", perhaps(.nearest.as_ref()))]
    UnknownName {
        /// The kind of thing looked for.
        what: &'static str,
        /// The name given.
        name: String,
        /// The names there are, with commas.
        known: String,
        /// The one that may have been meant.
        nearest: Option<String>,
    },
    /// The documents cannot be divided as asked.
    #[error("part `{part}` gets {found} of {documents} documents, {wanted} are wanted")]
    Split {
        /// Name of the part.
        part: String,
        /// Documents it would get.
        found: usize,
        /// Documents it should have.
        wanted: usize,
        /// Documents to divide.
        documents: usize,
    },
    /// A source has less than its share of the mix.
    #[error(
        "source `{source_name}` has {available} at {max_epochs} epochs at most, \
         the mix wants {wanted}"
    )]
    MixShort {
        /// Name of the source.
        source_name: String,
        /// What it can give, repeats included.
        available: u64,
        /// How often it may be repeated.
        max_epochs: f64,
        /// What the mix wants of it.
        wanted: u64,
    },
    /// A token does not fit in the width of the shard.
    #[error("token {token} does not fit: the shard holds tokens up to {limit}")]
    TokenTooLarge {
        /// The token.
        token: u32,
        /// The greatest that fits.
        limit: u32,
    },
    /// A shard of tokens is not what it should be.
    #[error("{path}: {what} is {found}, expected {expected}")]
    Shard {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong in it.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The value that the rest of the shard implies.
        expected: u64,
    },
    /// Kept pairs cannot answer for a threshold below the one they were searched with.
    #[error("pairs are known from similarity {floor} on, {threshold} was asked")]
    BelowFloor {
        /// The threshold asked for.
        threshold: f32,
        /// The lowest similarity that was kept.
        floor: f32,
    },
    /// A file is not a model that can be used here.
    #[error("the file is {what}")]
    ModelUnsupported {
        /// What it is instead.
        what: &'static str,
    },
    /// A model file contradicts itself or is cut short.
    #[error("the model file is damaged: {what}, at byte {offset}")]
    ModelDamaged {
        /// What was read.
        what: &'static str,
        /// Offset behind the last bytes that made sense.
        offset: usize,
    },
    /// A page is longer than allowed.
    #[error("the page has {bytes} bytes, the limit is {limit}")]
    PageTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A page has no main content.
    #[error("the page has no main content")]
    NoContent,
    /// A rule set has no rule of this name.
    #[error("`{set}` has no rule `{rule}`; its rules are {}", known.join(", "))]
    UnknownRule {
        /// The rule set.
        set: &'static str,
        /// The name asked for.
        rule: String,
        /// The name that may have been meant.
        near: Option<String>,
        /// The rules of the set.
        known: Vec<&'static str>,
    },
    /// A threshold is not a number.
    #[error("the threshold of `{rule}` in `{set}` is not a number")]
    Threshold {
        /// The rule set.
        set: &'static str,
        /// The rule.
        rule: String,
    },
    /// A profile lacks what a rule looks at.
    #[error("`{set}` looks at `{measure}`, which was not measured")]
    NotMeasured {
        /// The rule set.
        set: &'static str,
        /// The measure.
        measure: &'static str,
    },
    /// A text is too long to be looked at as a whole.
    #[error("the text has {bytes} bytes, at most {limit} are looked at as one text")]
    TextTooLong {
        /// Its bytes.
        bytes: usize,
        /// The bytes allowed.
        limit: usize,
    },
    /// More documents than a run can number.
    #[error("more than {limit} documents in one run")]
    TooManyDocuments {
        /// The most there can be.
        limit: u64,
    },
    /// The path does not exist.
    #[error("there is no file or folder {path}")]
    NotFound {
        /// The path.
        path: Utf8PathBuf,
    },
    /// An input names no file.
    #[error("{input} names no file")]
    NoInput {
        /// The folder or glob.
        input: String,
    },
    /// A pattern of paths is malformed.
    #[error("{pattern} is no pattern of paths")]
    Glob {
        /// The pattern.
        pattern: String,
        /// The parser's word.
        #[source]
        source: globset::Error,
    },
    /// Neither the file's ending nor its first bytes tell its format.
    #[error("{path} is of no known format (known: {known})")]
    UnknownFormat {
        /// The file.
        path: Utf8PathBuf,
        /// The endings that are read.
        known: &'static str,
    },
    /// The YAML of a data set's card cannot be read.
    #[error("the YAML at the top of {path} does not tell which files the data set has")]
    Card {
        /// The README.
        path: Utf8PathBuf,
        /// The parser's word.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// A data set has no configuration of this name.
    #[error("{path} has no configuration `{name}` (known: {})", known.join(", "))]
    UnknownConfig {
        /// The README, the folder of a set whose README names none, or what is no folder.
        path: Utf8PathBuf,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// A data set has no split of this name.
    #[error("{path} has no split `{name}` (known: {})", known.join(", "))]
    UnknownSplit {
        /// The folder of the set, or the file.
        path: Utf8PathBuf,
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No encoding has this label.
    #[error("there is no encoding `{label}`")]
    UnknownEncoding {
        /// The label.
        label: String,
    },
    /// A row is bad, and the caller wants none.
    #[error("row {place} cannot be read")]
    BadRow {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        #[source]
        reason: BadReason,
    },

    // Fix the machine.
    /// A model does not fit.
    #[error("a model of {bytes} bytes does not fit")]
    ModelTooLarge {
        /// Bytes that it needs.
        bytes: usize,
    },
    /// Nothing is left where intermediate results go.
    #[error("no space is left in {path}, where sorting needs it")]
    SpillFull {
        /// The folder.
        path: Utf8PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// Threads cannot be started.
    #[error("cannot start {count} threads")]
    Threads {
        /// How many.
        count: usize,
        /// The system's word.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: Utf8PathBuf,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// A table cannot be written.
    #[error("cannot write {path}")]
    Table {
        /// The file.
        path: Utf8PathBuf,
        /// The writer's word.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// Memory was refused.
    #[error("cannot have {bytes} bytes of memory")]
    Memory {
        /// How much.
        bytes: usize,
    },

    // Retry.
    /// Somebody asked to stop.
    #[error("data preparation was interrupted")]
    Interrupted,
}

impl CorpusError {
    /// Whether the machine is in the way, not the input.
    pub fn is_environment(&self) -> bool {
        matches!(
            self,
            Self::Io { .. }
                | Self::SpillFull { .. }
                | Self::Threads { .. }
                | Self::Table { .. }
                | Self::Memory { .. }
                | Self::ModelTooLarge { .. }
        )
    }

    /// Names `action` on `path` in an error of the system.
    pub(crate) fn io<P: AsRef<Utf8Path> + ?Sized>(
        action: &'static str,
        path: &P,
    ) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }

    /// [`Self::UnknownName`] with the names there are.
    pub fn unknown<'n>(
        what: &'static str,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        Self::UnknownName {
            what,
            name: name.to_owned(),
            nearest: nearest(name, known.iter().copied()),
            known: known.join(", "),
        }
    }

    /// One thing to try, where there is one that is always right.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::TooMany { .. } => Some("work on smaller sets, one after another"),
            Self::Split { .. } => Some("use smaller groups, other shares, or more documents"),
            Self::MixShort { .. } => Some("allow more epochs, or let other sources fill the gap"),
            Self::TokenTooLarge { .. } => Some("write the shard with 4 bytes a token"),
            Self::Shard { .. } => {
                Some("write the shard again; it is damaged or not of this format")
            }
            Self::BelowFloor { .. } => Some("search again with a lower floor"),
            Self::ModelUnsupported { .. } => {
                Some("language and quality models are supervised fastText files (.bin or .ftz)")
            }
            Self::ModelDamaged { .. } => Some("fetch the model file again"),
            Self::PageTooLong { .. } => Some("raise the limit if the page is sound"),
            Self::NotMeasured { .. } => {
                Some("clean the texts again with this set in --rules, so that it is measured")
            }
            Self::TextTooLong { .. } => Some("cut the text into documents before it is judged"),
            Self::TooManyDocuments { .. } => Some("split the documents into several runs"),
            Self::NotFound { .. } => Some("check the path"),
            Self::NoInput { .. } => Some("name a folder or a pattern that holds files"),
            Self::Glob { .. } => Some("patterns have *, **, ?, [..] and {..}"),
            Self::UnknownFormat { .. } => Some("give the file the ending of its format"),
            Self::Card { .. } => Some("correct the README, or name the files themselves"),
            Self::UnknownConfig { .. } => Some("name one of the known configurations"),
            Self::UnknownSplit { .. } => Some("name one of the known splits"),
            Self::UnknownEncoding { .. } => Some("labels are those of the web, such as gb18030"),
            Self::BadRow { reason, .. } => reason.hint(),
            Self::SpillFull { .. } => Some("free some space, or choose a folder on another disk"),
            Self::Table { .. } => Some("check that the folder is writable and has space left"),
            Self::Config { .. }
            | Self::Lengths { .. }
            | Self::NotFinite { .. }
            | Self::UnknownName { .. }
            | Self::NoContent
            | Self::UnknownRule { .. }
            | Self::Threshold { .. }
            | Self::ModelTooLarge { .. }
            | Self::Threads { .. }
            | Self::Io { .. }
            | Self::Memory { .. }
            | Self::Interrupted => None,
        }
    }
}

#[cfg(test)]
mod tests;
