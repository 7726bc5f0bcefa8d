//! Values of more than one form.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Where documents are: one place, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a path or an address, or a list of them")]
pub enum Sources {
    /// One.
    One(String),
    /// Any number.
    Many(Vec<String>),
}

/// Most tokens of one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number of tokens, or \"auto\"")]
pub enum MicroStep {
    /// So many.
    Tokens(usize),
    /// In words.
    Word(Auto),
}

/// Layers that are computed again on the way back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected \"auto\", \"off\", \"all\", a number of layers, or layers such as [0, 2] or \"0-9\""
)]
pub enum RecomputeChoice {
    /// So many, the first ones.
    Layers(usize),
    /// These, counted from 0.
    Listed(Vec<usize>),
    /// In words.
    Word(RecomputeWord),
    /// In ranges.
    Ranges(LayerRanges),
}

/// Layers as ranges with both ends, such as `0-9` or `0-3,8`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LayerRanges(Vec<RangeInclusive<usize>>);

/// An amount of memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number of bytes, or a size such as \"4GiB\"")]
pub enum ByteSize {
    /// Bytes.
    Bytes(u64),
    /// A number with a unit.
    Text(String),
}

/// A model that is served beside the first ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a path or a name, or a table with `source`, and `draft` and `pinned` if wanted"
)]
pub enum ServedModelChoice {
    /// Where it is.
    Source(String),
    /// With more about it.
    Table(ServedModelTable),
}

/// A model that is served, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServedModelTable {
    /// Where it is: a path, or a name that `catena pull` knows.
    pub source: String,
    /// A smaller model that writes ahead, named in the same way; empty for none.
    #[serde(default)]
    pub draft: String,
    /// Load it at the start, and let it stay.
    #[serde(default)]
    pub pinned: bool,
}

/// Left to the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auto {
    /// What fits the memory.
    Auto,
}

/// Layers in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecomputeWord {
    /// As few as fit the memory.
    Auto,
    /// None.
    Off,
    /// All.
    All,
}

impl Sources {
    /// All of them in their order.
    pub fn list(&self) -> &[String] {
        match self {
            Self::One(source) => std::slice::from_ref(source),
            Self::Many(sources) => sources,
        }
    }
}

impl RecomputeChoice {
    /// The layers that are named, ranges one after another; `None` if they are chosen otherwise.
    pub fn named(&self) -> Option<Vec<RangeInclusive<usize>>> {
        match self {
            Self::Listed(layers) => Some(layers.iter().map(|&layer| layer..=layer).collect()),
            Self::Ranges(LayerRanges(ranges)) => Some(ranges.clone()),
            Self::Layers(_) | Self::Word(_) => None,
        }
    }
}

impl TryFrom<String> for LayerRanges {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<usize>().ok();
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(number(first)?..=number(last)?).filter(|range| !range.is_empty())
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self).ok_or_else(|| format!("`{text}` is no range of layers such as 0-9"))
    }
}

impl From<LayerRanges> for String {
    fn from(LayerRanges(ranges): LayerRanges) -> Self {
        let part = |range: RangeInclusive<usize>| match range.into_inner() {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        };
        ranges.into_iter().map(part).collect::<Vec<_>>().join(",")
    }
}

impl ServedModelChoice {
    /// The whole table, whichever form was given.
    pub fn table(&self) -> ServedModelTable {
        match self {
            Self::Source(source) => {
                ServedModelTable { source: source.clone(), ..ServedModelTable::default() }
            }
            Self::Table(table) => table.clone(),
        }
    }
}

impl MicroStep {
    /// The number, if one was given.
    pub fn given(self) -> Option<usize> {
        match self {
            Self::Tokens(tokens) => Some(tokens),
            Self::Word(Auto::Auto) => None,
        }
    }
}

impl ByteSize {
    /// The bytes; `None` if the text is no number with a unit, or no amount of memory.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes are whole, and their range was checked"
    )]
    pub fn bytes(&self) -> Option<u64> {
        let text = match self {
            Self::Bytes(bytes) => return (*bytes > 0).then_some(*bytes),
            Self::Text(text) => text.trim(),
        };
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = (text[..end].parse::<f64>().ok()?, text[end..].trim());
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            "tb" => 1e12,
            "k" | "kib" => 1024f64,
            "m" | "mib" => 1024f64.powi(2),
            "g" | "gib" => 1024f64.powi(3),
            "t" | "tib" => 1024f64.powi(4),
            _ => return None,
        };
        let bytes = number * factor;
        (1.0..1e18).contains(&bytes).then_some(bytes as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_numbers_lists_words_or_ranges() {
        let read = |json: &str| serde_json::from_str::<RecomputeChoice>(json).ok();
        for (json, named) in [
            ("3", None),
            ("\"auto\"", None),
            ("\"all\"", None),
            ("[]", Some(vec![])),
            ("[2, 0]", Some(vec![2..=2, 0..=0])),
            ("\"0-9\"", Some(vec![0..=9])),
            ("\"0-3,8\"", Some(vec![0..=3, 8..=8])),
            ("\"7\"", Some(vec![7..=7])),
        ] {
            let choice = read(json).unwrap();
            assert_eq!(choice.named(), named, "{json}");
            let written = serde_json::to_string(&choice).unwrap();
            assert_eq!(read(&written), Some(choice), "{json} is written as {written}");
        }
        assert_eq!(read("\" 0 - 3 , 8\""), read("\"0-3,8\""));
        for json in ["\"\"", "\"9-0\"", "\"1-\"", "\"some\"", "\"1,,2\"", "[-1]", "-1", "1.5"] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in [
            ("4GiB", Some(4 << 30)),
            ("1.5 gib", Some(3 << 29)),
            ("500MB", Some(500_000_000)),
            ("2g", Some(2 << 30)),
            ("123456", Some(123_456)),
            ("", None),
            ("0", None),
            ("4 pounds", None),
            ("-1GiB", None),
            ("1e30", None),
        ] {
            assert_eq!(ByteSize::Text(text.to_owned()).bytes(), bytes, "{text}");
        }
        assert_eq!(ByteSize::Bytes(0).bytes(), None);
    }
}
