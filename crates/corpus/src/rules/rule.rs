//! Rules and sets of them.

use crate::analysis::{Families, Measure, TextProfile};
use crate::error::CorpusError;
use crate::nearest::nearest;
use serde::Serialize;
use std::fmt;

/// What a measure must be for a text to pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The value or more.
    AtLeast(f64),
    /// The value or less.
    AtMost(f64),
}

impl Bound {
    /// Whether `value` is within the bound.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }

    /// The same side with another threshold.
    #[must_use]
    pub fn with_threshold(self, threshold: f64) -> Self {
        match self {
            Self::AtLeast(_) => Self::AtLeast(threshold),
            Self::AtMost(_) => Self::AtMost(threshold),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(formatter, "at least {least}"),
            Self::AtMost(most) => write!(formatter, "at most {most}"),
        }
    }
}

/// One condition that a text must meet.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name within the set; where the original gives a reason for dropping, that reason.
    pub name: &'static str,
    /// What is looked at.
    pub measure: &'static Measure,
    /// What it must be.
    pub bound: Bound,
}

impl Rule {
    /// # Panics
    /// If no measure has this name: rule sets are code, and a test reads them all.
    pub(super) fn new(name: &'static str, measure: &'static str, bound: Bound) -> Self {
        let measure = Measure::named(measure)
            .unwrap_or_else(|| panic!("rule `{name}` asks for `{measure}`, which is no measure"));
        Self { name, measure, bound }
    }
}

/// Why a text does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The rule it breaks.
    pub rule: &'static str,
    /// The measure the rule looks at.
    pub measure: &'static str,
    /// Its value in this text.
    pub value: f64,
    /// What it had to be.
    pub bound: Bound,
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, measure, value, bound } = self;
        write!(formatter, "{rule}: {measure} is {value}, must be {bound}")
    }
}

/// A named, versioned list of rules, in the order in which the original applies them.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// Its name, such as `gopher@datatrove`.
    pub name: &'static str,
    /// Raised whenever the set decides otherwise about any text.
    pub version: u32,
    /// What it agrees with, and where it departs from it.
    pub source: &'static str,
    /// The rules.
    pub rules: Vec<Rule>,
}

impl RuleSet {
    /// The families that a profile needs to be judged by this set.
    pub fn families(&self) -> Families {
        self.rules.iter().map(|rule| rule.measure.family).collect()
    }

    /// The first rule that the text breaks, if any.
    ///
    /// # Errors
    /// [`CorpusError::NotMeasured`] if the profile was taken without a family that a rule needs.
    pub fn judge(&self, profile: &TextProfile) -> Result<Option<Failure>, CorpusError> {
        for rule in &self.rules {
            if let Some(failure) = self.apply(rule, profile)? {
                return Ok(Some(failure));
            }
        }
        Ok(None)
    }

    /// Every rule that the text breaks, in order.
    ///
    /// # Errors
    /// As [`Self::judge`].
    pub fn all_failures(&self, profile: &TextProfile) -> Result<Vec<Failure>, CorpusError> {
        let failures = self.rules.iter().map(|rule| self.apply(rule, profile));
        failures.filter_map(Result::transpose).collect()
    }

    /// The set with another threshold for the rule `rule`.
    ///
    /// # Errors
    /// [`CorpusError::UnknownRule`] if the set has no rule of this name,
    /// [`CorpusError::Threshold`] if the threshold is not a number.
    pub fn with_threshold(mut self, rule: &str, threshold: f64) -> Result<Self, CorpusError> {
        if threshold.is_nan() {
            return Err(CorpusError::Threshold { set: self.name, rule: rule.to_owned() });
        }
        let found = self.rules.iter_mut().find(|known| known.name == rule);
        let Some(found) = found else {
            let known = self.rules.iter().map(|known| known.name);
            return Err(CorpusError::UnknownRule {
                set: self.name,
                rule: rule.to_owned(),
                near: nearest(rule, known.clone()),
                known: known.collect(),
            });
        };
        found.bound = found.bound.with_threshold(threshold);
        Ok(self)
    }

    fn apply(&self, rule: &Rule, profile: &TextProfile) -> Result<Option<Failure>, CorpusError> {
        let Some(value) = rule.measure.value(profile) else {
            return Err(CorpusError::NotMeasured { set: self.name, measure: rule.measure.name });
        };
        Ok((!rule.bound.holds(value)).then_some(Failure {
            rule: rule.name,
            measure: rule.measure.name,
            value,
            bound: rule.bound,
        }))
    }
}
