//! Cleaning a set of documents.

use crate::error::DataError;
use crate::profile::{DocumentProfile, Profile};
use catena_corpus::normalize;
use catena_corpus::{Duplicate, MinHashConfig, exact_duplicates, near_duplicates};
use catena_corpus::{PiiRule, mask};
use catena_protocol::{Cancel, Document, Progress};
use serde::{Deserialize, Serialize};

/// Why a document was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropRule {
    /// Nothing readable is left of it.
    Empty,
    /// An earlier document has the same content up to case and white space.
    ExactDuplicate,
    /// An earlier document has nearly the same words.
    NearDuplicate,
}

impl DropRule {
    /// Every rule, in the order they apply.
    pub const ALL: [Self; 3] = [Self::Empty, Self::ExactDuplicate, Self::NearDuplicate];

    /// Its name in profiles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::ExactDuplicate => "exact_duplicate",
            Self::NearDuplicate => "near_duplicate",
        }
    }
}

/// What cleaning does.
#[derive(Clone, Debug, PartialEq)]
pub struct CleanConfig {
    /// Unicode and white space; see [`normalize`].
    pub normalize: bool,
    /// Drop documents that repeat an earlier one exactly.
    pub exact_dedup: bool,
    /// Drop documents that nearly repeat an earlier one.
    pub near_dedup: Option<MinHashConfig>,
    /// Personal data to mask in titles and contents.
    pub mask: Vec<PiiRule>,
}

impl Default for CleanConfig {
    /// Everything; documents that differ in their figures are kept.
    fn default() -> Self {
        Self {
            normalize: true,
            exact_dedup: true,
            near_dedup: Some(MinHashConfig {
                keep_if_numbers_differ: true,
                ..MinHashConfig::default()
            }),
            mask: PiiRule::usual(),
        }
    }
}

/// Clean documents and the account of what was done.
#[derive(Clone, Debug, PartialEq)]
pub struct CleanOutput {
    /// The kept documents in their order.
    pub documents: Vec<Document>,
    /// One entry per document read, in their order.
    pub document_profiles: Vec<DocumentProfile>,
    /// The sums.
    pub profile: Profile,
}

/// Normalizes, drops duplicates, masks personal data, and counts, in this order.
///
/// `count_tokens` measures the profile's token lengths, usually with the model's tokenizer.
///
/// # Errors
/// [`DataError::Config`] for a setting out of range, [`DataError::AllDropped`] if nothing is
/// left, [`DataError::Interrupted`].
pub fn clean(
    mut documents: Vec<Document>,
    config: &CleanConfig,
    count_tokens: &dyn Fn(&str) -> usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<CleanOutput, DataError> {
    if let Some(near) = &config.near_dedup {
        near.check()?;
    }
    progress.begin("cleaning documents", Some(documents.len() as u64), "documents");
    let output = clean_all(&mut documents, config, count_tokens, progress, cancel);
    progress.end();
    output
}

fn clean_all(
    documents: &mut [Document],
    config: &CleanConfig,
    count_tokens: &dyn Fn(&str) -> usize,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<CleanOutput, DataError> {
    let normalized: Vec<bool> = documents
        .iter_mut()
        .map(|document| config.normalize && normalize_document(document))
        .collect();
    let verdicts = judge(documents, config, progress, cancel)?;

    let mut kept = Vec::new();
    let mut document_profiles = Vec::with_capacity(documents.len());
    for (index, (document, verdict)) in documents.iter().zip(&verdicts).enumerate() {
        if cancel.is_cancelled() {
            return Err(DataError::Interrupted);
        }
        let title = mask(&document.title, &config.mask);
        let content = mask(&document.content, &config.mask);
        let mut masked = content.counts;
        for (rule, count) in title.counts {
            *masked.entry(rule).or_insert(0) += count;
        }
        let duplicate = verdict.and_then(|(_, duplicate)| duplicate);
        document_profiles.push(DocumentProfile {
            id: document.id.clone(),
            title: title.text.clone(),
            dropped_by: verdict.map(|(rule, _)| rule),
            duplicate_of: duplicate.map(|duplicate| documents[duplicate.of].id.clone()),
            similarity: duplicate.map(|duplicate| duplicate.similarity),
            normalized: normalized[index],
            chars: content.text.chars().count(),
            tokens: count_tokens(&content.text),
            masked,
        });
        if verdict.is_none() {
            let id = document.id.clone();
            kept.push(Document { id, title: title.text, content: content.text });
        }
    }
    progress.update(documents.len() as u64);
    let profile = Profile::new(&document_profiles, &config.mask);
    check_any_kept(&verdicts)?;
    Ok(CleanOutput { documents: kept, document_profiles, profile })
}

/// Normalizes title and content; whether anything changed.
fn normalize_document(document: &mut Document) -> bool {
    let title = normalize(&document.title).replace(['\n', '\t'], " ");
    let content = normalize(&document.content);
    let changed = title != document.title || content != document.content;
    (document.title, document.content) = (title, content);
    changed
}

type Verdict = Option<(DropRule, Option<Duplicate>)>;

/// For each document, the first rule that drops it.
fn judge(
    documents: &[Document],
    config: &CleanConfig,
    progress: &dyn Progress,
    cancel: &Cancel,
) -> Result<Vec<Verdict>, DataError> {
    let is_empty = |one: &Document| !one.content.chars().any(char::is_alphanumeric);
    let empty = |one: &Document| is_empty(one).then_some((DropRule::Empty, None));
    let mut verdicts: Vec<Verdict> = documents.iter().map(empty).collect();
    if config.exact_dedup {
        for (verdict, duplicate) in verdicts.iter_mut().zip(exact_duplicates(documents)) {
            let repeats = duplicate.map(|one| (DropRule::ExactDuplicate, Some(one)));
            *verdict = verdict.or(repeats);
        }
    }
    if let Some(near) = &config.near_dedup {
        let left: Vec<usize> = (0..documents.len()).filter(|&at| verdicts[at].is_none()).collect();
        let candidates: Vec<&Document> = left.iter().map(|&at| &documents[at]).collect();
        let found = near_duplicates(&candidates, near, progress, cancel)?;
        for (&at, duplicate) in left.iter().zip(found) {
            verdicts[at] = duplicate.map(|one| {
                let of = left[one.of];
                (DropRule::NearDuplicate, Some(Duplicate { of, ..one }))
            });
        }
    }
    Ok(verdicts)
}

fn check_any_kept(verdicts: &[Verdict]) -> Result<(), DataError> {
    if verdicts.iter().any(Option::is_none) {
        return Ok(());
    }
    let count_of = |rule: &DropRule| {
        verdicts.iter().flatten().filter(|(dropped_by, _)| dropped_by == rule).count()
    };
    let rule = DropRule::ALL.into_iter().max_by_key(count_of).unwrap_or(DropRule::Empty);
    Err(DataError::AllDropped { count: verdicts.len(), rule: rule.name() })
}

#[cfg(test)]
mod tests;
