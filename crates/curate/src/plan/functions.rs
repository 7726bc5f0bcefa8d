//! The functions that a plan needs, made once and shared by all threads.

use super::benchmarks;
use super::masking::{kinds, masking};
use super::near::near_config;
use super::settings::{CleaningPlan, RuleSettings};
use super::titles::repair_titles;
use super::tokens::counting;
use super::urls::keep_urls;
use crate::error::CurateError;
use crate::functions::{
    Changed, EXTRACTED, Note, Operator, Verdict, analyse, audit_pii, change_row, extract_row,
    judge, keep, keep_languages, keep_tokens, language, mask_metadata, metadata_field, sample,
};
use camino::Utf8Path;
use catena_corpus::{
    C4LineEnd, Families, Family, LanguageDetector, ReadOptions, RuleSet, edit_c4, edit_refinedweb,
    extract_html, normalize, remove_boilerplate, repair, rule_set,
};
use datafusion::logical_expr::ScalarUDF;
use std::borrow::Cow;
use std::fs;
use std::sync::Arc;

/// What is measured of every text, whatever the rules: it costs little and says much.
const ALWAYS: [Family; 2] = [Family::Characters, Family::Lines];

/// A function under the name of the column that its note goes to.
pub(crate) type Noted = (&'static str, Arc<ScalarUDF>);

/// A function that drops documents, and the columns that it looks at.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) function: Arc<ScalarUDF>,
    pub(crate) columns: Vec<&'static str>,
}

/// The functions of a plan, in the order in which they are applied.
#[derive(Debug)]
pub(crate) struct PlanFunctions {
    /// Before markup is taken away.
    pub(crate) repairs: Vec<Noted>,
    /// Takes the text out of a page.
    pub(crate) extract: Option<Arc<ScalarUDF>>,
    /// After it.
    pub(crate) after_extraction: Vec<Noted>,
    /// What is done to titles, which stand in the metadata.
    pub(crate) titles: Vec<Noted>,
    /// None if nobody asks for languages.
    pub(crate) language: Option<Arc<ScalarUDF>>,
    /// None if nobody asks for measures.
    pub(crate) analyse: Option<Arc<ScalarUDF>>,
    /// None if no tokenizer is named.
    pub(crate) count_tokens: Option<Arc<ScalarUDF>>,
    /// Each sees what those before it left.
    pub(crate) judges: Vec<Judge>,
    /// Only the documents that stay are changed further.
    pub(crate) changes_of_kept: Vec<Noted>,
    /// Masks the metadata of the documents that stay; none if it is not masked.
    pub(crate) mask_metadata: Option<Arc<ScalarUDF>>,
    /// Masks a text; none if nothing is masked.
    pub(crate) masking: Option<Operator>,
    /// The key of the plan that cuts lines out of texts, if one does.
    pub(crate) cuts_lines: Option<&'static str>,
    /// Takes the group of splits out of metadata; none if there are no groups.
    pub(crate) group: Option<Arc<ScalarUDF>>,
    /// Takes what splits are stratified by out of metadata; none if nothing there is.
    pub(crate) label: Option<Arc<ScalarUDF>>,
    /// Looks at what is masked; none if nothing is.
    pub(crate) audit: Option<Arc<ScalarUDF>>,
    /// Tells rows that are the same sample, and rows that may be compared by their words.
    pub(crate) sample: Arc<ScalarUDF>,
    sets: Vec<RuleSet>,
}

impl PlanFunctions {
    /// The functions of `plan`; what they read beside the documents is opened as `base` says.
    ///
    /// # Errors
    /// Names that are unknown, thresholds out of range, files that cannot be read.
    pub(crate) fn new(plan: &CleaningPlan, base: &ReadOptions) -> Result<Self, CurateError> {
        let sets = rule_sets(&plan.rules)?;
        let always: Families = ALWAYS.into_iter().filter(|_| plan.rules.measure).collect();
        let families = sets.iter().fold(always, |all, set| all.union(set.families()));
        let mut repairs = Vec::new();
        if plan.repair.mojibake {
            repairs.push(("repaired", change_row(repair_text())));
        }
        let mut after_extraction = Vec::new();
        if plan.repair.normalize {
            after_extraction.push(("normalized", change_row(normalize_text())));
        }
        if plan.repair.boilerplate {
            after_extraction.push(("boilerplate", change_row(drop_boilerplate())));
        }
        let mut changes_of_kept = Vec::new();
        if plan.rules.edit_lines {
            changes_of_kept.extend(edits(&sets));
        }
        let cuts_lines = if !changes_of_kept.is_empty() {
            Some("rules.edit_lines")
        } else if plan.repair.boilerplate {
            Some("repair.boilerplate")
        } else {
            None
        };
        let masking = masking(&plan.pii)?;
        let audited = masking.as_ref().map(|_| kinds(&plan.pii)).transpose()?;
        let audit = audited.map(|kinds| audit_pii(kinds, plan.pii.metadata));
        changes_of_kept.extend(masking.iter().map(|mask| ("masked", change_row(mask.clone()))));
        let metadata_too = masking.clone().filter(|_| plan.pii.metadata);
        let titles = repair_titles(&plan.repair).map(|one| ("title_repaired", one));
        let titles = titles.into_iter().collect();
        let near = near_config(&plan.dedup)?;
        Ok(Self {
            repairs,
            extract: plan.repair.html.then(extract_row),
            after_extraction,
            titles,
            language: told_language(plan)?,
            analyse: (plan.rules.measure || !sets.is_empty()).then(|| analyse(families)),
            count_tokens: counting(&plan.tokens)?,
            judges: judges(plan, base, &sets, families)?,
            changes_of_kept,
            mask_metadata: metadata_too.map(mask_metadata),
            masking,
            cuts_lines,
            group: plan.split.group.clone().map(metadata_field),
            label: plan.split.stratify.clone().map(metadata_field),
            audit,
            sample: sample(plan.read.id.clone(), near.map(|near| near.threshold)),
            sets,
        })
    }

    /// The rule sets with their versions, for the card.
    pub(crate) fn versions(&self) -> Vec<String> {
        let line = |set: &RuleSet| format!("{} version {}: {}", set.name, set.version, set.source);
        self.sets.iter().map(line).collect()
    }
}

/// The rule sets of a plan with its thresholds.
pub(crate) fn rule_sets(rules: &RuleSettings) -> Result<Vec<RuleSet>, CurateError> {
    let mut sets = Vec::new();
    for name in &rules.sets {
        sets.push(rule_set(name)?);
    }
    for (key, threshold) in &rules.thresholds {
        let unknown = || CurateError::UnknownThreshold { found: key.clone() };
        let (name, rule) = key.split_once('/').ok_or_else(unknown)?;
        let own = rule_set(name)?.name;
        let at = sets.iter().position(|set| set.name == own).ok_or_else(unknown)?;
        let set = sets.remove(at).with_threshold(rule, *threshold)?;
        sets.insert(at, set);
    }
    Ok(sets)
}

fn told_language(plan: &CleaningPlan) -> Result<Option<Arc<ScalarUDF>>, CurateError> {
    if !plan.language.detect && !plan.language.drops() {
        return Ok(None);
    }
    let settings = plan.language.model.clone().unwrap_or_default();
    Ok(Some(language(detector(plan)?, settings)))
}

fn detector(plan: &CleaningPlan) -> Result<LanguageDetector, CurateError> {
    let Some(path) = &plan.language.model else { return Ok(LanguageDetector::builtin()) };
    let path = Utf8Path::new(path);
    let bytes = fs::read(path).map_err(CurateError::io("read", path))?;
    Ok(LanguageDetector::from_fasttext(&bytes)?)
}

fn judges(
    plan: &CleaningPlan,
    base: &ReadOptions,
    sets: &[RuleSet],
    families: Families,
) -> Result<Vec<Judge>, CurateError> {
    let mut judges = vec![Judge { function: not_empty(), columns: vec!["text"] }];
    if let Some(function) = keep_urls(&plan.urls)? {
        judges.push(Judge { function, columns: vec!["metadata"] });
    }
    let wanted = &plan.language;
    if wanted.drops() {
        let function = keep_languages(wanted.keep.clone(), wanted.min_score);
        judges.push(Judge { function, columns: vec!["language"] });
    }
    if !sets.is_empty() {
        let function = judge(sets.to_vec(), families);
        judges.push(Judge { function, columns: vec!["profile"] });
    }
    if plan.tokens.bound().is_some() {
        let function = keep_tokens(plan.tokens.at_least, plan.tokens.at_most);
        judges.push(Judge { function, columns: vec!["tokens"] });
    }
    if !plan.decontaminate.against.is_empty() {
        let function = benchmarks::decontaminate(&plan.decontaminate, base)?;
        judges.push(Judge { function, columns: vec!["text"] });
    }
    Ok(judges)
}

fn not_empty() -> Arc<ScalarUDF> {
    keep("keep_texts", String::new(), |text| {
        let empty = !text.chars().any(char::is_alphanumeric);
        Ok(empty.then(|| Verdict {
            step: "read",
            rule: "empty".to_owned(),
            value: None,
            expected: "a letter or digit".to_owned(),
        }))
    })
}

/// `text` as it was, or what became of it, with a note.
fn noted<'t>(text: &'t str, changed: Cow<'t, str>, note: impl FnOnce() -> Note) -> Changed<'t> {
    if changed == text { (Cow::Borrowed(text), None) } else { (changed, Some(note())) }
}

pub(crate) fn repair_text() -> Operator {
    Operator::new("repair_text", String::new(), |text| {
        let repaired = repair(text, &catena_corpus::RepairOptions::default());
        let fixes = repaired.fixes;
        noted(text, repaired.text, || Note::of(fixes.iter().map(|fix| fix.name())))
    })
}

pub(crate) fn normalize_text() -> Operator {
    Operator::new("normalize_text", String::new(), |text| {
        noted(text, normalize(text), || Note::of(["Unicode and white space"]))
    })
}

/// What cannot be read as a page has an empty text, and so is dropped with its reason in the note.
pub(crate) fn extract_page() -> Operator {
    Operator::new("extract_html", String::new(), |text| {
        match extract_html(text, &catena_corpus::ExtractOptions::default()) {
            Ok(page) => (Cow::Owned(page.text), Some(Note::of([EXTRACTED]))),
            Err(error) => (Cow::Borrowed(""), Some(Note::of([error.to_string()]))),
        }
    })
}

pub(crate) fn drop_boilerplate() -> Operator {
    Operator::new("drop_boilerplate", String::new(), |text| {
        let left = remove_boilerplate(text);
        let count = left.dropped.len();
        noted(text, left.text, || Note::of([format!("{count} lines dropped")]))
    })
}

/// What the sets that edit lines do to a text that passed.
fn edits(sets: &[RuleSet]) -> Vec<Noted> {
    let has = |part: &str| sets.iter().any(|set| set.name.starts_with(part));
    let mut edits = Vec::new();
    if has("c4@") {
        edits.push(("lines_edited", change_row(edit_lines_c4(C4LineEnd::Punctuation))));
    } else if has("c4-") {
        edits.push(("lines_edited", change_row(edit_lines_c4(C4LineEnd::Any))));
    }
    if has("refinedweb") {
        let edit = Operator::new("edit_refinedweb", String::new(), |text| {
            noted(text, edit_refinedweb(text), || Note::of(["RefinedWeb's lines"]))
        });
        edits.push(("lines_edited_refinedweb", change_row(edit)));
    }
    edits
}

fn edit_lines_c4(line_end: C4LineEnd) -> Operator {
    Operator::new("edit_c4", format!("{line_end:?}"), move |text| {
        noted(text, edit_c4(text, line_end), || Note::of(["C4's lines and citations"]))
    })
}
