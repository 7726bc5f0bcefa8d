//! Values of more than one form.

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"auto\", \"off\", \"all\", or a number of layers")]
pub enum RecomputeChoice {
    /// So many, the first ones.
    Layers(usize),
    /// In words.
    Word(RecomputeWord),
}

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
