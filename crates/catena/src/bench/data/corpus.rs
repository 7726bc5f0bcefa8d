//! The texts that are measured.

use crate::failure::{Exit, Failure};
use crate::progress::say;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{ReadOptions, Row, SourceDocument, plan_shards};

/// The script that makes the usual corpora from Debian's documentation packages.
const SCRIPT: &str = "bench/peers/debian_corpus.py";

/// Which documents are measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Documents of varied length.
    Varied,
    /// Passages with planted near duplicates.
    Near,
    /// Five gigabytes.
    Big,
}

impl Kind {
    /// All, in the order in which they are measured on.
    pub(super) const ALL: [Self; 3] = [Self::Varied, Self::Near, Self::Big];

    /// Its name in the script that makes the corpora.
    fn name(self) -> &'static str {
        match self {
            Self::Varied => "varied",
            Self::Near => "near",
            Self::Big => "big",
        }
    }
}

/// Texts in memory.
pub(super) struct Corpus {
    pub(super) path: Utf8PathBuf,
    /// Bytes of the file.
    pub(super) file_bytes: u64,
    /// The texts; none where a cell reads the file itself.
    pub(super) texts: Vec<String>,
    /// Bytes of the texts.
    pub(super) bytes: u64,
}

impl Corpus {
    /// The file at `path`.
    pub(super) fn unread(path: &Utf8Path) -> Result<Self, Failure> {
        let goal = format!("cannot measure with `{path}`");
        let file = std::fs::metadata(path)
            .map_err(|error| Failure::new(Exit::Environment, goal, error))?;
        let (path, file_bytes) = (path.to_owned(), file.len());
        Ok(Self { path, file_bytes, texts: Vec::new(), bytes: 0 })
    }

    /// Reads the texts of `path`.
    pub(super) fn read(path: &Utf8Path) -> Result<Self, Failure> {
        let mut texts = Vec::new();
        each_document(path, |document| {
            texts.push(document.text);
            Ok(())
        })?;
        let bytes = texts.iter().map(|text| text.len() as u64).sum();
        Ok(Self { texts, bytes, ..Self::unread(path)? })
    }

    /// Megabytes (10^6 bytes) of text.
    pub(super) fn megabytes(&self) -> f64 {
        self.bytes as f64 / 1e6
    }
}

/// Shows every document of `path` to `visit`.
pub(super) fn each_document(
    path: &Utf8Path,
    mut visit: impl FnMut(SourceDocument) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let goal = format!("cannot measure with `{path}`");
    let fail = |error| Failure::new(Exit::Usage, goal.clone(), error);
    let options = ReadOptions::default();
    for shard in plan_shards(&[path.to_string()], &options).map_err(fail)? {
        for row in shard.open(&options).map_err(fail)? {
            if let Row::Document(document) = row.map_err(fail)? {
                visit(document)?;
            }
        }
    }
    Ok(())
}

/// The corpus that the user named, else the one that the script makes with `kind`.
pub(super) fn find(named: Option<&Utf8Path>, kind: Kind) -> Result<Utf8PathBuf, Failure> {
    let kind = kind.name();
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let goal = "cannot make the corpora";
    if !Utf8Path::new(SCRIPT).exists() {
        let cause = format!("there is no `{SCRIPT}` here");
        return Err(Failure::new(Exit::Usage, goal, cause)
            .hint("name your own with --corpus and --near, or run it in a checkout of Catena"));
    }
    say(&format!("  making the corpus `{kind}` from Debian's documentation, once per user"));
    let made = std::process::Command::new("python3")
        .args([SCRIPT, "path", kind])
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| Failure::new(Exit::Environment, goal, error))?;
    if !made.status.success() {
        let cause = format!("the script ended with {}; its own lines are above", made.status);
        return Err(Failure::new(Exit::Environment, goal, cause));
    }
    let path = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    Ok(Utf8PathBuf::from(path))
}
