//! Models in several files, as llama.cpp's `gguf-split` writes them.
//!
//! The first holds all keys; each holds its number (`split.no`, from 0), how many there are
//! (`split.count`) and how many tensors all have together (`split.tensors.count`). They lie in one
//! folder and are called `NAME-00001-of-00003.gguf` and so on.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::GgufError;
use super::value::MetaValue;

/// Digits of a number in a name.
const DIGITS: usize = 5;

/// What a name says: what stands before the numbers, the part's number from 1, and how many there are.
fn numbers(path: &Utf8Path) -> Option<(&str, usize, usize)> {
    let (rest, count) = path.file_stem()?.rsplit_once("-of-")?;
    let (name, number) = rest.rsplit_once('-')?;
    let parse = |digits: &str| {
        let is_number = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { digits.parse().ok() } else { None }
    };
    Some((name, parse(number)?, parse(count)?))
}

/// All files of the model in `path` by its name: that of the first of several parts, or the only one.
pub fn part_paths(path: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Some((name, 1, count)) = numbers(path) else { return vec![path.to_owned()] };
    let extension = path.extension().unwrap_or_default();
    let part =
        |number| path.with_file_name(format!("{name}-{number:05}-of-{count:05}.{extension}"));
    (1..=count).map(part).collect()
}

/// Whether `path` is called as a part behind the first, which nobody opens.
pub fn is_later_part(path: &Utf8Path) -> bool {
    numbers(path).is_some_and(|(_, number, _)| number > 1)
}

/// What the keys of a part say of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its number, from 1.
    pub(super) number: u64,
    /// How many parts there are; 1 for a file that was not split.
    pub(super) count: u64,
    /// Tensors of all parts.
    pub(super) tensors: Option<u64>,
}

impl Place {
    /// The place of a file with these keys.
    pub(super) fn of(keys: &[(String, MetaValue)]) -> Result<Self, GgufError> {
        let read = |key: &str| {
            let Some((_, value)) = keys.iter().find(|(found, _)| found == key) else {
                return Ok(None);
            };
            let found = value.type_name().to_owned();
            let fault = GgufError::KeyType { key: key.to_owned(), found, expected: "a count" };
            value.as_u64().map(Some).ok_or(fault)
        };
        Ok(Self {
            number: read("split.no")?.unwrap_or(0).saturating_add(1),
            count: read("split.count")?.unwrap_or(1).max(1),
            tensors: read("split.tensors.count")?,
        })
    }

    /// Refuses a part that is not number `number` of `count`.
    pub(super) fn check(self, number: u64, count: u64) -> Result<(), GgufError> {
        if (self.number, self.count) == (number, count) {
            return Ok(());
        }
        let (found, found_count) = (self.number, self.count);
        Err(GgufError::SplitPart { found, found_count, number, count })
    }
}
