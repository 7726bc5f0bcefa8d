//! What answers may be held to.

use super::asked::wanted;
use crate::failure::{Exit, Failure};
use crate::models::BoxError;
use crate::train::read::RunFile;
use crate::train::samples::read_set;
use catena_engine::{Constraint, ConstraintProbe, Vocabulary};
use std::collections::BTreeSet;

/// The different answers of a run's training data, such as the intents of a router.
pub(super) struct Choices {
    texts: Vec<String>,
}

impl Choices {
    /// Those of all sets, as the vocabulary's tokens can write them.
    ///
    /// # Errors
    /// A set cannot be read, or its answers are none that a model can be held to: there are too
    /// many of them, or they are too long.
    pub(super) fn of(file: &RunFile, vocabulary: &Vocabulary) -> Result<Self, Failure> {
        let fail = |error: BoxError| {
            let goal = "cannot hold answers to those of the training data";
            Failure::new(Exit::Usage, goal, error)
                .hint("`--choices` is for a model that answers with one of a few texts")
        };
        let mut texts = BTreeSet::new();
        for name in &file.settings.data {
            for sample in &read_set(file, name)?.samples {
                texts.insert(wanted(sample).map_err(fail)?);
            }
        }
        let choices = Self { texts: texts.into_iter().collect() };
        ConstraintProbe::new(vocabulary, &choices.constraint())
            .map_err(|error| fail(error.into()))?;
        Ok(choices)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.texts.len()
    }

    /// Whether `answer` is one of them.
    pub(super) fn has(&self, answer: &str) -> bool {
        self.texts.iter().any(|text| text.trim() == answer.trim())
    }

    /// Tokens that the longest one takes at most: each stands for a byte or more.
    pub(super) fn most_tokens(&self) -> usize {
        self.texts.iter().map(String::len).max().unwrap_or(0)
    }

    /// What keeps a model from writing anything else.
    pub(super) fn constraint(&self) -> Constraint {
        Constraint::Choice(self.texts.clone())
    }
}
