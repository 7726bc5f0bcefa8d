//! A cleaned data set, as the studio shows it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A folder that `catena data clean` wrote, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CuratedSet {
    /// Its folder, below the project's.
    pub name: String,
    /// Seconds since it was written.
    pub idle_seconds: f64,
    /// Version of the program that wrote it.
    pub version: String,
    /// Digest of plan and inputs.
    pub fingerprint: String,
    /// Files read.
    pub num_inputs: u64,
    /// Bytes of them.
    pub bytes_inputs: u64,
    /// Documents read.
    pub num_read: u64,
    /// Bytes of their texts.
    pub bytes_read: u64,
    /// Documents kept.
    pub num_kept: u64,
    /// Bytes of their texts as written.
    pub bytes_kept: u64,
    /// Rows that were no documents, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Why documents were dropped, by step and rule.
    pub dropped: Vec<DropCount>,
    /// Documents changed, by operator.
    pub changed: BTreeMap<String, u64>,
    /// Masked places, by kind of personal data.
    pub masked: BTreeMap<String, u64>,
    /// What was masked in the kept documents, for review; none if nothing was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<MaskAudit>,
    /// Documents kept, by language.
    pub languages_kept: BTreeMap<String, u64>,
    /// Documents kept, by source.
    pub sources: BTreeMap<String, u64>,
    /// Documents written, by split.
    pub splits: BTreeMap<String, u64>,
    /// How long the kept texts are.
    pub lengths: Vec<LengthBar>,
    /// How long the dropped texts were.
    pub lengths_dropped: Vec<LengthBar>,
    /// Rule sets and detectors with their versions.
    pub rules: Vec<String>,
    /// The plan as TOML.
    pub plan: String,
}

/// Personal data that was masked, without showing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskAudit {
    /// Documents looked at.
    pub num_documents: u64,
    /// Documents in which something was masked.
    pub num_with_matches: u64,
    /// Masked places, by kind of personal data.
    pub counts: BTreeMap<String, u64>,
    /// A few places of each kind.
    pub samples: Vec<MaskedSample>,
}

/// A masked place with the text around it, digits and other matches hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskedSample {
    /// The kind of personal data.
    pub kind: String,
    /// A few characters before.
    pub before: String,
    /// The value with all but its ends hidden.
    pub value: String,
    /// A few characters after.
    pub after: String,
}

/// Documents that a rule dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// The step, such as `rules`.
    pub step: String,
    /// The rule, such as `c4@datatrove/too_few_sentences`.
    pub rule: String,
    /// How many.
    pub count: u64,
}

/// Texts whose length lies from one edge up to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LengthBar {
    /// The lower edge, in bytes.
    pub from: u64,
    /// How many.
    pub count: u64,
}
