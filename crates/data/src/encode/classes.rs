//! What a classifier chooses between, or the scale that a regression is on.

use crate::error::DataError;
use catena_protocol::Label;
use std::collections::BTreeSet;

/// Highest number that is taken for that of a class.
const MAX_CLASSES: f64 = 10_000.0;

/// The answers that the labels of a data set are of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classes {
    /// Classes by name, in order.
    Named(Vec<String>),
    /// So many classes, numbered from zero.
    Numbered(usize),
    /// A score.
    Score,
}

/// A label as a trainer takes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EncodedLabel {
    /// The number of a class.
    Class(usize),
    /// A score.
    Score(f64),
}

impl Classes {
    /// The classes of `labels`: names in order (numbers among them by value), or whole numbers;
    /// scores if any label is another number.
    pub fn of<'l>(labels: impl IntoIterator<Item = &'l Label>) -> Self {
        let (mut names, mut highest, mut scores) = (BTreeSet::new(), 0usize, false);
        for label in labels {
            match label {
                Label::Name(name) => {
                    names.insert(name.clone());
                }
                Label::Number(number) => match class_number(*number) {
                    Some(class) => highest = highest.max(class + 1),
                    None => scores = true,
                },
            }
        }
        if !names.is_empty() {
            let mut names: Vec<String> = names.into_iter().collect();
            if names.iter().all(|name| name.parse::<u64>().is_ok()) {
                names.sort_by_key(|name| name.parse::<u64>().unwrap_or(u64::MAX));
            }
            return Self::Named(names);
        }
        if scores { Self::Score } else { Self::Numbered(highest) }
    }

    /// How many classes there are; none for scores.
    pub fn count(&self) -> Option<usize> {
        match self {
            Self::Named(names) => Some(names.len()),
            Self::Numbered(count) => Some(*count),
            Self::Score => None,
        }
    }

    /// The label of the sample `name`.
    ///
    /// # Errors
    /// [`DataError::UnknownLabel`] if it is none of the classes.
    pub fn encode(&self, name: &str, label: &Label) -> Result<EncodedLabel, DataError> {
        let class = match (self, label) {
            (Self::Score, Label::Number(number)) => return Ok(EncodedLabel::Score(*number)),
            (Self::Named(names), Label::Name(class)) => {
                names.iter().position(|known| known == class)
            }
            (Self::Named(names), Label::Number(number)) => {
                names.iter().position(|known| *known == number.to_string())
            }
            (Self::Numbered(count), Label::Number(number)) => {
                class_number(*number).filter(|class| class < count)
            }
            (Self::Numbered(_) | Self::Score, Label::Name(_)) => None,
        };
        class.map(EncodedLabel::Class).ok_or_else(|| {
            let label = match label {
                Label::Name(class) => class.clone(),
                Label::Number(number) => number.to_string(),
            };
            let (record, count) = (name.to_owned(), self.count().unwrap_or_default());
            DataError::UnknownLabel { record, label, count }
        })
    }
}

/// The number of a class, if `number` is one.
fn class_number(number: f64) -> Option<usize> {
    let whole = number.fract() == 0.0 && (0.0..MAX_CLASSES).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small whole number, not below zero"
    )]
    whole.then_some(number as usize)
}
