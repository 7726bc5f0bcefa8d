//! What tells runs apart.

use super::config::RunConfig;
use crate::objective::Objective;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What tells a run from others, beside its configuration and its samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The base model, such as the digest of its files.
    pub base_model: String,
    /// What is trained of it, and how it is held.
    pub trained: String,
    /// What the machine computes with, in words, such as `bf16 operands on avx512`. The last bits
    /// of a run depend on it. It is no part of the fingerprints: a run that moves to another
    /// machine is still worth going on with, and [`Trainer::resumed`](super::Trainer::resumed)
    /// says so.
    pub arithmetic: String,
}

impl From<&str> for Identity {
    /// A base model of which nothing else need be said.
    fn from(base_model: &str) -> Self {
        Self { base_model: base_model.to_owned(), ..Self::default() }
    }
}

/// Fingerprints of what a run's result depends on, each by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints {
    /// Of the base model.
    pub base_model: String,
    /// Of the configuration, the objective and what is trained.
    pub settings: String,
    /// Of the samples.
    pub samples: String,
}

/// What differs between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The base model.
    BaseModel,
    /// Configuration, objective, or what is trained.
    Settings,
    /// The samples.
    Samples,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BaseModel => "from another base model",
            Self::Settings => "with other settings",
            Self::Samples => "on other samples",
        })
    }
}

impl Fingerprints {
    /// Fingerprints of a run.
    pub(super) fn of(config: &RunConfig, objective: &dyn Objective, identity: &Identity) -> Self {
        let (mut base_model, mut settings, mut samples) =
            (Hash::default(), Hash::default(), Hash::default());
        base_model.feed(identity.base_model.as_bytes());
        settings.feed(identity.trained.as_bytes());
        settings.feed(json(config).as_bytes());
        settings.feed(objective.name().as_bytes());
        objective.identify(&mut |bytes| samples.feed(bytes));
        let (base_model, settings) = (base_model.text(), settings.text());
        Self { base_model, settings, samples: samples.text() }
    }

    /// What of `other` is not the same.
    pub(super) fn differences(&self, other: &Self) -> Vec<Difference> {
        let parts = [
            (Difference::BaseModel, self.base_model != other.base_model),
            (Difference::Settings, self.settings != other.settings),
            (Difference::Samples, self.samples != other.samples),
        ];
        parts.into_iter().filter(|(_, differs)| *differs).map(|(part, _)| part).collect()
    }
}

/// One fingerprint over everything: what checkpoints of all versions are compared by.
pub(super) fn fingerprint(
    config: &RunConfig,
    objective: &dyn Objective,
    identity: &Identity,
) -> String {
    let mut hash = Hash::default();
    hash.feed(identity.base_model.as_bytes());
    if !identity.trained.is_empty() {
        hash.feed(b" ");
        hash.feed(identity.trained.as_bytes());
    }
    hash.feed(json(config).as_bytes());
    hash.feed(objective.name().as_bytes());
    objective.identify(&mut |bytes| hash.feed(bytes));
    hash.text()
}

fn json(config: &RunConfig) -> String {
    serde_json::to_string(config).expect("plain numbers serialize")
}

/// FNV-1a: tells runs apart, is no defence against forgery.
struct Hash(u64);

impl Default for Hash {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hash {
    fn feed(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0)
    }
}
