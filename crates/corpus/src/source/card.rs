//! The card of a Hugging Face data set: which files belong to which configuration and split, and
//! what the set says of itself.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The YAML between the `---` lines of a README.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Card {
    #[serde(default)]
    pub(super) configs: Vec<Config>,
}

/// One configuration.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default = "default_name", rename = "config_name")]
    pub(super) name: String,
    #[serde(default)]
    pub(super) default: bool,
    pub(super) data_dir: Option<String>,
    data_files: Option<DataFiles>,
}

fn default_name() -> String {
    "default".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum DataFiles {
    One(String),
    Many(Vec<Entry>),
    Splits(BTreeMap<String, Paths>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Entry {
    Path(String),
    Split { split: String, path: Paths },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Paths {
    One(String),
    Many(Vec<String>),
}

impl Paths {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(path) => vec![path],
            Self::Many(paths) => paths,
        }
    }
}

impl Config {
    /// The patterns of its files, each with its split; none without a word on files.
    pub(super) fn patterns(self) -> Option<Vec<(String, String)>> {
        let train = |path: String| ("train".to_owned(), path);
        let of = |split: String, paths: Paths| {
            paths.into_vec().into_iter().map(move |path| (split.clone(), path))
        };
        Some(match self.data_files? {
            DataFiles::One(path) => vec![train(path)],
            DataFiles::Splits(splits) => {
                splits.into_iter().flat_map(|(split, paths)| of(split, paths)).collect()
            }
            DataFiles::Many(entries) => entries
                .into_iter()
                .flat_map(|entry| match entry {
                    Entry::Path(path) => vec![train(path)],
                    Entry::Split { split, path } => of(split, path).collect(),
                })
                .collect(),
        })
    }
}

/// The YAML of a README, if it has any.
pub(super) fn front_matter(readme: &str) -> Option<&str> {
    let rest = readme.trim_start_matches('\u{FEFF}').strip_prefix("---")?;
    let rest = rest.strip_prefix('\r').unwrap_or(rest).strip_prefix('\n')?;
    let end = rest.find("\n---")?;
    Some(&rest[..=end])
}

/// What a data set says of itself at the top of its README.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetCard {
    /// Its licences, as it names them, such as `apache-2.0`.
    pub license: Vec<String>,
    /// Codes of its languages.
    pub language: Vec<String>,
}

/// The keys of the YAML that tell it.
#[derive(Default, Deserialize)]
struct About {
    #[serde(default)]
    license: Names,
    license_name: Option<String>,
    #[serde(default)]
    language: Names,
}

/// One name or several.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

impl Names {
    fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(name) => vec![name],
            Self::Many(names) => names,
            Self::None => Vec::new(),
        }
    }
}

impl SetCard {
    /// What the YAML says; nothing where it says it in another form.
    pub(super) fn parse(yaml: &str) -> Self {
        let About { license, license_name, language } =
            serde_saphyr::from_str(yaml).unwrap_or_default();
        let mut license = license.into_vec();
        // A licence without a code of its own is called `other`, and has a name.
        if let Some(name) = license_name {
            license.retain(|code| code != "other");
            license.push(name);
        }
        Self { license, language: language.into_vec() }
    }
}
