//! The functions that a plan needs, made once and shared by all threads.

use super::benchmarks;
use super::mask::{Masker, kinds};
use super::settings::{CleaningPlan, RuleSettings};
use super::titles::repair_titles;
use crate::error::CurateError;
use crate::functions::{
    Changed, Verdict, analyse, change, judge, keep, keep_languages, key, language,
};
use camino::Utf8Path;
use catena_corpus::{
    C4LineEnd, Families, Family, LanguageDetector, RuleSet, edit_c4, edit_refinedweb, extract_html,
    normalize, remove_boilerplate, repair, rule_set,
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
    /// Each sees what those before it left.
    pub(crate) judges: Vec<Judge>,
    /// Only the documents that stay are changed further.
    pub(crate) changes_of_kept: Vec<Noted>,
    /// And their titles.
    pub(crate) titles_of_kept: Vec<Noted>,
    pub(crate) key: Arc<ScalarUDF>,
    sets: Vec<RuleSet>,
}

impl PlanFunctions {
    /// The functions of `plan`.
    ///
    /// # Errors
    /// Names that are unknown, thresholds out of range, files that cannot be read.
    pub(crate) fn new(plan: &CleaningPlan) -> Result<Self, CurateError> {
        let sets = rule_sets(&plan.rules)?;
        let always: Families = ALWAYS.into_iter().filter(|_| plan.rules.measure).collect();
        let families = sets.iter().fold(always, |all, set| all.union(set.families()));
        let mut repairs = Vec::new();
        if plan.repair.mojibake {
            repairs.push(("repaired", repair_text()));
        }
        let mut after_extraction = Vec::new();
        if plan.repair.normalize {
            after_extraction.push(("normalized", normalize_text()));
        }
        if plan.repair.boilerplate {
            after_extraction.push(("boilerplate", drop_boilerplate()));
        }
        let mut changes_of_kept = Vec::new();
        if plan.rules.edit_lines {
            changes_of_kept.extend(edits(&sets));
        }
        let titles = repair_titles(&plan.repair).map(|one| ("title_repaired", one));
        let titles = titles.into_iter().collect();
        let mut titles_of_kept = Vec::new();
        let kinds = kinds(&plan.pii)?;
        if !kinds.is_empty() {
            let masker = Masker::new(&plan.pii, kinds)?;
            titles_of_kept.push(("title_masked", masker.clone().of_titles()));
            changes_of_kept.push(("masked", masker.of_texts()));
        }
        Ok(Self {
            repairs,
            extract: plan.repair.html.then(extract_page),
            after_extraction,
            titles,
            language: told_language(plan)?,
            analyse: (plan.rules.measure || !sets.is_empty()).then(|| analyse(families)),
            judges: judges(plan, &sets, families)?,
            changes_of_kept,
            titles_of_kept,
            key: key(),
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
    sets: &[RuleSet],
    families: Families,
) -> Result<Vec<Judge>, CurateError> {
    let mut judges = vec![Judge { function: not_empty(), columns: vec!["text"] }];
    let wanted = &plan.language;
    if wanted.drops() {
        let function = keep_languages(wanted.keep.clone(), wanted.min_score);
        judges.push(Judge { function, columns: vec!["language"] });
    }
    if !sets.is_empty() {
        let function = judge(sets.to_vec(), families);
        judges.push(Judge { function, columns: vec!["profile"] });
    }
    if !plan.decontaminate.against.is_empty() {
        let function = benchmarks::decontaminate(&plan.decontaminate)?;
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
pub(super) fn noted<'t>(
    text: &'t str,
    changed: Cow<'t, str>,
    note: impl FnOnce() -> String,
) -> Changed<'t> {
    if changed == text { (Cow::Borrowed(text), None) } else { (changed, Some(note())) }
}

pub(crate) fn repair_text() -> Arc<ScalarUDF> {
    change("repair_text", String::new(), |text| {
        let repaired = repair(text, &catena_corpus::RepairOptions::default());
        let names: Vec<&str> = repaired.fixes.iter().map(|fix| fix.name()).collect();
        noted(text, repaired.text, || names.join(", "))
    })
}

pub(crate) fn normalize_text() -> Arc<ScalarUDF> {
    change("normalize_text", String::new(), |text| {
        noted(text, Cow::Owned(normalize(text)), || "Unicode and white space".to_owned())
    })
}

/// What cannot be read as a page has an empty text, and so is dropped with its reason in the note.
pub(crate) fn extract_page() -> Arc<ScalarUDF> {
    change("extract_html", String::new(), |text| {
        match extract_html(text, &catena_corpus::ExtractOptions::default()) {
            Ok(page) => (Cow::Owned(page.text), Some("main content of a page".to_owned())),
            Err(error) => (Cow::Borrowed(""), Some(error.to_string())),
        }
    })
}

pub(crate) fn drop_boilerplate() -> Arc<ScalarUDF> {
    change("drop_boilerplate", String::new(), |text| {
        let left = remove_boilerplate(text);
        let count = left.dropped.len();
        noted(text, left.text, || format!("{count} lines dropped"))
    })
}

/// What the sets that edit lines do to a text that passed.
fn edits(sets: &[RuleSet]) -> Vec<Noted> {
    let has = |part: &str| sets.iter().any(|set| set.name.starts_with(part));
    let mut edits = Vec::new();
    if has("c4@") {
        edits.push(("lines_edited", edit_lines_c4(C4LineEnd::Punctuation)));
    } else if has("c4-") {
        edits.push(("lines_edited", edit_lines_c4(C4LineEnd::Any)));
    }
    if has("refinedweb") {
        let edit = change("edit_refinedweb", String::new(), |text| {
            noted(text, edit_refinedweb(text), || "RefinedWeb's lines".to_owned())
        });
        edits.push(("lines_edited_refinedweb", edit));
    }
    edits
}

fn edit_lines_c4(line_end: C4LineEnd) -> Arc<ScalarUDF> {
    change("edit_c4", format!("{line_end:?}"), move |text| {
        noted(text, edit_c4(text, line_end), || "C4's lines and citations".to_owned())
    })
}
