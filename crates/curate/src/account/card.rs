//! The card of a curated set: what is in it, where it is from, and what was done.

use super::histogram::Histogram;
use super::summary::Summary;
use crate::error::CurateError;
use crate::plan::CleaningPlan;
use crate::run::{SideFile, WrittenFile};
use catena_corpus::{PiiAudit, PiiSample, ReadOptions, SetCard, SplitReport, set_card};
use catena_protocol::{CuratedSet, DropCount, LengthBar, MaskAudit, MaskedSample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The card as data. The same inputs and plan give the same card.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Version of the program that wrote it.
    pub version: String,
    /// Digest of the plan, the inputs and the files that the plan names.
    pub fingerprint: String,
    /// What was read, as it was named, with its bytes.
    pub inputs: Vec<CardInput>,
    /// What inputs that are data sets say of themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_sets: Vec<InputSet>,
    /// Files that the plan names: models, evaluation sets, secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub side_files: Vec<SideFile>,
    /// The plan with all its defaults.
    pub plan: CleaningPlan,
    /// Rule sets and detectors with their versions.
    pub rules: Vec<String>,
    /// The sums.
    pub summary: Summary,
    /// What was masked, with samples that show nobody's data; none if nothing was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pii_audit: Option<PiiAudit>,
    /// What an exact division came to; none if documents were divided by hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitReport>,
    /// What was written.
    pub files: Vec<WrittenFile>,
}

/// An input of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardInput {
    /// Its path or address.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was changed last, in seconds since 1970, or the entity tag of an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// SHA-256 of its bytes, where it was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// An input that is a data set with a card of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSet {
    /// Its folder.
    pub path: String,
    /// What it says of itself.
    pub about: SetCard,
}

impl InputSet {
    /// Its line in a README.
    pub(super) fn write(&self, text: &mut String) {
        let list = |names: &[String]| match names {
            [] => "not told".to_owned(),
            names => names.join(", "),
        };
        let SetCard { license, language } = &self.about;
        let (license, language) = (list(license), list(language));
        let _ = writeln!(text, "- `{}`: licence {license}, languages {language}", self.path);
    }
}

/// The inputs that are data sets with a card.
pub(crate) fn input_sets(
    inputs: &[String],
    options: &ReadOptions,
) -> Result<Vec<InputSet>, CurateError> {
    let mut sets = Vec::new();
    for input in inputs {
        if let Some(about) = set_card(input, options)? {
            sets.push(InputSet { path: input.clone(), about });
        }
    }
    Ok(sets)
}

impl CardInput {
    /// Its line in a README.
    pub(super) fn write(&self, text: &mut String) {
        let Self { path, bytes, version, sha256 } = self;
        let _ = write!(text, "- `{path}` ({bytes} bytes");
        if let Some(version) = version {
            let _ = write!(text, ", version {version}");
        }
        if let Some(sha256) = sha256 {
            let _ = write!(text, ", SHA-256 `{sha256}`");
        }
        text.push_str(")\n");
    }
}

impl Card {
    /// Documents by split.
    pub fn splits(&self) -> BTreeMap<&str, u64> {
        let mut splits = BTreeMap::new();
        for file in &self.files {
            *splits.entry(file.split.as_str()).or_insert(0) += file.num_documents;
        }
        splits
    }

    /// What the studio shows of the card. Its name and age are those of its folder, which the card
    /// does not know.
    pub fn curated_set(&self, name: String, idle_seconds: f64) -> CuratedSet {
        let summary = &self.summary;
        let dropped = summary.dropped.iter().flat_map(|(step, rules)| {
            rules.iter().map(|(rule, &count)| DropCount {
                step: step.clone(),
                rule: rule.clone(),
                count,
            })
        });
        let bars = |lengths: &Histogram| {
            lengths.bars().map(|(from, count)| LengthBar { from, count }).collect()
        };
        CuratedSet {
            name,
            idle_seconds,
            version: self.version.clone(),
            fingerprint: self.fingerprint.clone(),
            num_inputs: self.inputs.len() as u64,
            bytes_inputs: self.inputs.iter().map(|input| input.bytes).sum(),
            num_read: summary.num_read,
            bytes_read: summary.bytes_read,
            num_kept: summary.num_kept,
            bytes_kept: summary.bytes_kept,
            rejected: summary.rejected.clone(),
            dropped: dropped.collect(),
            changed: summary.changed.clone(),
            masked: summary.masked.clone(),
            audit: self.pii_audit.as_ref().map(mask_audit),
            languages_kept: summary.languages_kept.clone(),
            sources: summary.sources.clone(),
            splits: self.splits().into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
            lengths: bars(&summary.lengths),
            lengths_dropped: bars(&summary.lengths_dropped),
            rules: self.rules.clone(),
            plan: self.plan_text(),
        }
    }

    /// The plan as TOML.
    pub(crate) fn plan_text(&self) -> String {
        toml::to_string_pretty(&self.plan).expect("a plan is plain data")
    }

    /// The card as the README of a Hugging Face data set.
    pub fn readme(&self) -> String {
        let mut text = String::from("---\n");
        let summary = &self.summary;
        if let Some(license) = &self.plan.write.license {
            let _ = writeln!(text, "license: {license}");
        }
        if !summary.languages_kept.is_empty() {
            text.push_str("language:\n");
            for code in by_count(&summary.languages_kept).iter().map(|(code, _)| code) {
                let _ = writeln!(text, "- {code}");
            }
        }
        text.push_str("configs:\n- config_name: default\n  data_files:\n");
        for split in self.splits().keys() {
            let pattern = self.plan.write.pattern(split);
            let _ = writeln!(text, "  - split: {split}\n    path: {pattern}");
        }
        text.push_str("---\n\n# Data card\n\n");
        let _ = writeln!(
            text,
            "{} of {} documents were kept ({} of {} bytes of text); {} rows could not be read.\n",
            summary.num_kept,
            summary.num_read,
            summary.bytes_kept,
            summary.bytes_read,
            summary.num_rejected(),
        );
        self.write_tables(&mut text);
        text
    }

    /// The samples of masked places.
    fn write_audit(&self, text: &mut String) {
        let Some(audit) = self.pii_audit.as_ref().filter(|audit| audit.total() > 0) else { return };
        let _ = writeln!(
            text,
            "Personal data was masked in {} of {} documents. Of each kind up to {} places, with \
             all but the ends hidden:\n\n| kind | place |\n|---|---|",
            audit.texts_with_matches, audit.texts, audit.sample_size
        );
        for (kind, sample) in samples(audit) {
            let PiiSample { before, value, after } = sample;
            let _ = writeln!(text, "| {kind} | {} |", code(&format!("{before}{value}{after}")));
        }
        text.push('\n');
    }

    fn write_tables(&self, text: &mut String) {
        let summary = &self.summary;
        table(text, "Splits", "split", &self.splits().into_iter().collect::<Vec<_>>());
        if let Some(report) = &self.split {
            let _ = writeln!(text, "```\n{report}\n```\n");
        }
        let dropped: Vec<(String, u64)> = summary
            .dropped
            .iter()
            .flat_map(|(step, rules)| {
                rules.iter().map(move |(rule, count)| (format!("{step}: {rule}"), *count))
            })
            .collect();
        table(text, "Dropped", "step: rule", &dropped);
        table(text, "Rows that could not be read", "reason", &by_count(&summary.rejected));
        table(text, "Changed", "operator", &by_count(&summary.changed));
        table(text, "Masked places", "kind", &by_count(&summary.masked));
        self.write_audit(text);
        table(text, "Languages kept", "language", &by_count(&summary.languages_kept));
        table(text, "Sources kept", "source", &by_count(&summary.sources));
        text.push_str("## Inputs\n\n");
        self.input_sets.iter().for_each(|set| set.write(text));
        for input in &self.inputs {
            input.write(text);
        }
        self.side_files.iter().for_each(|file| file.write(text));
        text.push_str("\n## Rules\n\n");
        for rule in &self.rules {
            let _ = writeln!(text, "- {rule}");
        }
        text.push_str("\n## Files\n\n| file | documents | bytes | SHA-256 |\n|---|---|---|---|\n");
        for file in &self.files {
            let _ = writeln!(
                text,
                "| {} | {} | {} | `{}` |",
                file.path, file.num_documents, file.bytes, file.sha256
            );
        }
        let plan = self.plan_text();
        let _ = write!(
            text,
            "\nMade by catena {} with plan and inputs `{}`:\n\n```toml\n{plan}```\n",
            self.version, self.fingerprint
        );
    }
}

/// The samples of an audit with their kinds, in the order of the kinds.
pub(super) fn samples(audit: &PiiAudit) -> impl Iterator<Item = (&'static str, &PiiSample)> {
    audit.samples.iter().flat_map(|(kind, all)| all.iter().map(move |one| (kind.name(), one)))
}

/// An audit as the studio shows it.
fn mask_audit(audit: &PiiAudit) -> MaskAudit {
    let sample = |(kind, sample): (&'static str, &PiiSample)| {
        let PiiSample { value, before, after } = sample.clone();
        MaskedSample { kind: kind.to_owned(), before, value, after }
    };
    MaskAudit {
        num_documents: audit.texts,
        num_with_matches: audit.texts_with_matches,
        counts: audit.counts.iter().map(|(kind, &n)| (kind.name().to_owned(), n)).collect(),
        samples: samples(audit).map(sample).collect(),
    }
}

/// Texts that a table of Markdown shows as they are.
fn code(text: &str) -> String {
    let plain = |ch: char| if ch.is_control() { ' ' } else { ch };
    let text: String = text.chars().map(plain).collect();
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

/// Names with counts, most first, equal ones by name.
pub(crate) fn by_count(counts: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut list: Vec<(String, u64)> = counts.iter().map(|(k, v)| (k.clone(), *v)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list
}

pub(super) fn table<N: AsRef<str>>(text: &mut String, title: &str, name: &str, rows: &[(N, u64)]) {
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "## {title}\n\n| {name} | count |\n|---|---:|");
    for (name, count) in rows {
        let name = name.as_ref().replace('|', "\\|");
        let _ = writeln!(text, "| {name} | {count} |");
    }
    text.push('\n');
}
