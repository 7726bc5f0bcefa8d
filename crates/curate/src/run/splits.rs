//! Which split each document that stays belongs to.

use super::duplicates::Repeats;
use super::judge::Means;
use super::names::passed;
use super::passages::Cuts;
use super::spool::read_spool;
use super::table::{column, read_columns};
use super::work::Work;
use crate::documents::Part;
use crate::documents::schema::{GROUP, ID, LABEL, SOURCE, VERDICT_STEP};
use crate::error::CurateError;
use crate::plan::{SplitSettings, Splitter};
use arrow_array::Array;
use arrow_array::cast::AsArray;
use camino::Utf8Path;
use catena_corpus::{SplitItem, SplitReport, split};

/// The set's column that tells a document's language.
const LANGUAGE: &str = "language";

/// The split of each document.
pub(crate) enum Splits {
    /// By the hash of its id or group.
    ByHash(Splitter),
    /// By its number among those that stay.
    Exact { names: Vec<String>, parts: Vec<usize> },
}

impl Splits {
    /// The name of the split of the document `id`, which is the one `number` of those that stay.
    pub(crate) fn of(&self, number: usize, id: &str, group: Option<&str>) -> &str {
        match self {
            Self::ByHash(splitter) => splitter.split(id, group),
            Self::Exact { names, parts } => &names[parts[number]],
        }
    }
}

/// What is known of a document when it is divided.
struct Known {
    id: String,
    label: Option<String>,
    group: Option<String>,
}

impl Known {
    fn item(&self) -> SplitItem<'_> {
        let Self { id, label, group } = self;
        SplitItem { key: id, label: label.as_deref(), group: group.as_deref() }
    }
}

/// Divides the documents that stay: exact sizes and labels need a pass over all of them, and tell
/// what they came to.
pub(crate) fn splits(
    work: &Work,
    settings: &SplitSettings,
    (repeats, cuts): (&Repeats, &Cuts),
    means: &Means<'_>,
) -> Result<(Splits, Option<SplitReport>), CurateError> {
    let splitter = Splitter::new(settings)?;
    let Some(options) = splitter.options().filter(|_| settings.is_exact()) else {
        return Ok((Splits::ByHash(splitter), None));
    };
    means.progress.begin("dividing documents", None, "documents");
    let (mut known, mut number) = (Vec::new(), 0);
    for part in &work.parts {
        for one in of_part(work, part, settings, means)? {
            if !repeats.drops(number) && !cuts.drops(number) {
                known.push(one);
            }
            number += 1;
        }
        means.progress.update(known.len() as u64);
    }
    means.progress.end();
    let items: Vec<SplitItem<'_>> = known.iter().map(Known::item).collect();
    let parts = split(&items, options)?;
    let report = SplitReport::new(&items, &parts, options);
    let names = options.parts.iter().map(|part| part.name.clone()).collect();
    Ok((Splits::Exact { names, parts }, Some(report)))
}

/// What is known of the documents of one part that rules let pass.
fn of_part(
    work: &Work,
    part: &Part,
    settings: &SplitSettings,
    means: &Means<'_>,
) -> Result<Vec<Known>, CurateError> {
    let files = work.files(part);
    let label = settings.stratify.as_deref();
    let mut known = Vec::new();
    for batch in read_spool(&files.documents)? {
        if means.cancel.is_cancelled() {
            return Err(CurateError::Interrupted);
        }
        let batch = batch?;
        let labels = column(&batch, if label == Some(SOURCE) { SOURCE } else { LABEL });
        let rows = column(&batch, ID).iter().zip(labels).zip(column(&batch, GROUP));
        known.extend(rows.map(|((id, label), group)| Known {
            id: id.unwrap_or_default().to_owned(),
            label: label.map(str::to_owned),
            group: group.map(str::to_owned),
        }));
    }
    if label == Some(LANGUAGE) {
        let codes = languages(&files.attributes)?;
        for (known, code) in known.iter_mut().zip(codes) {
            known.label = code.or(known.label.take());
        }
    }
    Ok(known)
}

/// The languages of the documents that rules let pass.
fn languages(attributes: &Utf8Path) -> Result<Vec<Option<String>>, CurateError> {
    let mut codes = Vec::new();
    for batch in read_columns(attributes, &[LANGUAGE, VERDICT_STEP])? {
        let batch = batch?;
        let languages = batch.column_by_name(LANGUAGE).expect("attributes have it").as_struct();
        let names = languages.column_by_name("code").expect("languages have it");
        let names = names.as_string::<i32>();
        let known = |row| languages.is_valid(row) && names.is_valid(row);
        codes.extend(passed(&batch).map(|row| known(row).then(|| names.value(row).to_owned())));
    }
    Ok(codes)
}
