//! Stage `data`: the documents of the project as `catena data clean` cleans them, under a plan
//! made of the section `[data]` and the plan that it names.
//!
//! The result is a curated set with its card, its report and one row for each document read, as
//! `catena data explain`, `sql` and the studio's page of data sets know them, and beside it the
//! [`Profile`] for the report of the run.

use super::profile::Profile;
use super::sources::{digest_of, read_options};
use super::{Inputs, digest_setting, setting};
use crate::documents::read_clean_documents;
use crate::failure::{Exit, Failure};
use crate::models::{BoxError, LanguageModel};
use crate::progress::say;
use catena_curate::{Card, CleaningPlan, CurateError, Curation, NearLinking, curate};
use catena_pipeline::config::DataConfig;
use catena_pipeline::{Settings, Stage, StageContext, Summary};
use catena_protocol::Document;
use catena_store::write_atomic;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

/// Name of the profile in the stage's folder.
pub(crate) const PROFILE_FILE: &str = "profile.json";

/// The stage.
pub(crate) struct Data(pub(crate) Arc<Inputs>);

impl Stage for Data {
    fn name(&self) -> &'static str {
        "data"
    }

    fn version(&self) -> u32 {
        4
    }

    fn inputs(&self) -> &'static [&'static str] {
        &[]
    }

    fn settings(&self) -> Settings {
        let data = &self.0.config.data;
        let mut settings = Settings::from([
            digest_setting("documents", &digest_of(&self.0.documents)),
            digest_setting("tokenizer of the base model", &self.0.base.digest),
            setting("data.near_duplicate_jaccard", data.near_duplicate_jaccard),
            setting("data.mask_pii", data.mask_pii),
        ]);
        let plan = self.0.plan.digest.iter();
        settings.extend(plan.map(|digest| digest_setting("data.plan", digest)));
        settings
    }

    fn run(&self, context: &StageContext<'_>) -> Result<Summary, BoxError> {
        // First, since a damaged model should not cost the time of cleaning.
        let model = LanguageModel::open(&self.0.base.path)?;
        let count =
            |text: &str| model.tokenizer().encode(text, false, false).map_or(0, |ids| ids.len());
        let inputs: Vec<String> =
            self.0.documents.iter().map(|source| source.path.to_string()).collect();
        let curation = Curation {
            inputs: &inputs,
            plan: &self.0.plan.plan,
            folder: context.dir(),
            threads: self.0.pool.threads(),
            // The folder is the stage's own, whoever began it.
            overwrite: true,
            options: read_options()?,
            // What the stages after this one stand on must be there after any end of this one.
            sync: true,
        };
        let card = curate(&curation, context.progress(), context.cancel())
            .map_err(|error| self.explained(error))?;
        let documents = read_clean_documents(context.dir())?;
        check_ids(&documents)?;
        let profile = Profile::new(&card.summary, &documents, &count);
        write_atomic(&context.dir().join(PROFILE_FILE), &serde_json::to_vec_pretty(&profile)?)?;
        tell_refused(&card);
        Ok(super::summary(json!({
            "documents_read": profile.num_input,
            "documents_kept": profile.num_kept,
            "rows_refused": card.summary.num_rejected(),
            "changed": profile.changed,
            "dropped": profile.dropped,
            "masked": profile.masked,
            "tokens": profile.tokens.total,
        })))
    }
}

impl Data {
    /// An error of cleaning; that there is nothing to clean is a matter of the project's source.
    fn explained(&self, error: CurateError) -> BoxError {
        let CurateError::NoDocuments { num_bad, .. } = error else { return error.into() };
        let hint = match num_bad {
            0 => "add files that hold text",
            _ => "rejected/ below .catena/stages/data says why",
        };
        let paths: Vec<&str> = self.0.documents.iter().map(|one| one.path.as_str()).collect();
        let goal = format!("cannot use `{}`", paths.join("`, `"));
        Failure::new(Exit::Environment, goal, error).hint(hint).into()
    }
}

/// What the keys of `[data]` mean as a cleaning plan; all that they do not say is that plan's
/// default.
pub(super) fn usual_plan(data: &DataConfig) -> CleaningPlan {
    let mut plan = CleaningPlan::default();
    plan.read.every_file = true;
    plan.dedup.near_threshold = Some(data.near_duplicate_jaccard);
    // A wrong answer is worse than two passages that say the same: what has other figures, or is
    // like nothing that stays, stays.
    plan.dedup.keep_if_numbers_differ = true;
    plan.dedup.near_linking = NearLinking::Kept;
    if !data.mask_pii {
        plan.pii.mask.clear();
    }
    plan
}

/// A citation names its document by the id.
fn check_ids(documents: &[Document]) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    match documents.iter().find(|document| !seen.insert(document.id.as_str())) {
        None => Ok(()),
        Some(twice) => {
            let cause = format!("document id `{}` occurs twice", twice.id);
            Err(Failure::new(Exit::Environment, "cannot tell documents apart", cause)
                .hint("give each document its own id"))
        }
    }
}

/// What could not be read is not in the answers either.
fn tell_refused(card: &Card) {
    for (reason, count) in &card.summary.rejected {
        say(&format!("  refused {count:>9} files or rows: {reason} (see rejected/ of the stage)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;
    use catena_corpus::ReadOptions;
    use catena_protocol::{Cancel, NoProgress};

    fn config(text: &str) -> DataConfig {
        toml::from_str(&format!("source = \"docs\"\n{text}")).expect("it is a section")
    }

    #[test]
    fn every_key_means_the_same_in_the_plan() {
        let usual = usual_plan(&config(""));
        assert_eq!(usual.dedup.near_threshold, Some(0.9));
        assert_eq!(usual.pii, CleaningPlan::default().pii);
        let other = usual_plan(&config("near_duplicate_jaccard = 0.7\nmask_pii = false"));
        assert_eq!(other.dedup.near_threshold, Some(0.7));
        assert!(other.pii.mask.is_empty());
    }

    #[test]
    fn nothing_in_the_banks_documents_is_dropped_or_masked() {
        let models = std::env::var("CATENA_TEST_MODELS")
            .expect("CATENA_TEST_MODELS names no folder: run the tests with `make test`");
        let dir = tempfile::tempdir().expect("a folder");
        let folder = Utf8Path::from_path(dir.path()).expect("a plain path");
        let curation = Curation {
            inputs: &[format!("{models}/bank-support/documents.json.gz")],
            plan: &usual_plan(&config("")),
            folder,
            threads: 2,
            overwrite: false,
            options: ReadOptions::default(),
            sync: false,
        };
        let card = curate(&curation, &NoProgress, &Cancel::new())
            .expect("the bank's documents are missing: run the tests with `make test`");
        let summary = &card.summary;
        assert_eq!((summary.num_read, summary.num_kept), (698, 698));
        assert!(summary.masked.is_empty(), "{:?}", summary.masked);
        assert!(summary.changed["normalized"] > 0, "no-break hyphens and spaces are normalized");
        let documents = read_clean_documents(folder).expect("they were just written");
        assert!(check_ids(&documents).is_ok());
        assert!(documents.iter().all(|one| !one.title.is_empty()));
        assert!(documents.iter().all(|one| !one.content.contains('\u{2011}')));
    }

    #[test]
    fn documents_that_share_an_id_are_refused() {
        let document =
            |id: &str| Document { id: id.to_owned(), title: String::new(), content: String::new() };
        assert!(check_ids(&[document("a"), document("b")]).is_ok());
        let twice = check_ids(&[document("a"), document("b"), document("a")]);
        let failure = twice.expect_err("an id occurs twice");
        assert!(crate::failure::render(&failure).contains("`a` occurs twice"));
    }
}
