//! Where a project's documents are, and the plan by which they are cleaned.

use super::ModelInput;
use super::data::usual_plan;
use crate::data::curate_failure;
use crate::failure::{Exit, Failure};
use crate::pull::Finder;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::{ReadOptions, Shard, plan_shards};
use catena_curate::{CleaningPlan, CurateError, ObjectFiles, is_object};
use catena_pipeline::config::{DataConfig, Sources};
use catena_store::{Hasher, digest_file};
use std::fs;
use std::sync::Arc;

/// Sections of a plan that say what becomes of the result, which the stages after `data` need as
/// it is.
const NOT_OURS: [&str; 2] = ["split", "write"];

/// The documents of a project, source by source.
pub(crate) fn documents(
    sources: &Sources,
    finder: &Finder<'_>,
) -> Result<Vec<ModelInput>, Failure> {
    sources.list().iter().map(|source| documents_at(source, finder)).collect()
}

/// What tells documents from others: what the sources hold, and where there are several, the names
/// that theirs begin with and their order.
pub(super) fn digest_of(documents: &[ModelInput]) -> String {
    if let [one] = documents {
        return one.digest.clone();
    }
    let mut hasher = Hasher::new();
    for source in documents {
        hasher.update(source.path.file_name().unwrap_or_default().as_bytes());
        hasher.update(source.digest.as_bytes());
    }
    hasher.finish().to_hex()
}

/// How the documents of a project are read.
pub(super) fn read_options() -> Result<ReadOptions, CurateError> {
    let opener = Arc::new(ObjectFiles::new()?);
    Ok(ReadOptions { opener, name_inputs: true, ..ReadOptions::default() })
}

/// The documents that `source` names: a file, folder or pattern relative to the project, a place in
/// an object store, or `pull:NAME/FILE`.
fn documents_at(source: &str, finder: &Finder<'_>) -> Result<ModelInput, Failure> {
    if is_object(source) {
        return listed(source.into());
    }
    let path = finder.project.join(source);
    if source.contains(['*', '?', '[', '{']) && !source.starts_with("pull:") && !path.exists() {
        return listed(path);
    }
    finder.file(source)
}

/// What is not one file or folder here: known by its files, those of a store by their entity tags.
fn listed(path: Utf8PathBuf) -> Result<ModelInput, Failure> {
    let goal = format!("cannot read `{path}`");
    let fail = |error: CurateError| curate_failure(&goal, error);
    let options = ReadOptions { every_file: true, ..read_options().map_err(fail)? };
    let shards = plan_shards(&[path.to_string()], &options).map_err(|error| fail(error.into()))?;
    let mut hasher = Hasher::new();
    let mut before: Option<&Shard> = None;
    for shard in &shards {
        if before.is_some_and(|before| before.path == shard.path) {
            continue;
        }
        before = Some(shard);
        hasher.update(shard.name.as_bytes());
        let version = if is_object(&shard.path) {
            format!("{} {}", shard.bytes, shard.version.as_deref().unwrap_or_default())
        } else {
            let digest = digest_file(Utf8Path::new(&*shard.path));
            digest.map_err(|error| Failure::new(Exit::Environment, goal.as_str(), error))?.to_hex()
        };
        hasher.update(version.as_bytes());
    }
    Ok(ModelInput { path, digest: hasher.finish().to_hex() })
}

/// How the documents of a project are cleaned.
#[derive(Debug)]
pub(crate) struct DataPlan {
    pub(crate) plan: CleaningPlan,
    /// SHA-256 over the project's own plan and the files that it names; none if it has none.
    pub(crate) digest: Option<String>,
}

impl DataPlan {
    /// The plan of `[data]`, with what its file says in place of what the keys mean.
    pub(crate) fn open(data: &DataConfig, finder: &Finder<'_>) -> Result<Self, Failure> {
        let usual = usual_plan(data);
        if data.plan.is_empty() {
            return Ok(Self { plan: usual, digest: None });
        }
        let path = finder.project.join(&data.plan);
        let goal = format!("cannot use the plan `{path}`");
        let text = fs::read_to_string(&path)
            .map_err(|error| Failure::new(Exit::Environment, goal.as_str(), error))?;
        let fail = |error: CurateError| curate_failure(&goal, error);
        // By itself first, so that an error has its line.
        CleaningPlan::parse(&path, &text).map_err(fail)?;
        let own: toml::Table = text
            .parse()
            .map_err(|error: toml::de::Error| Failure::new(Exit::Usage, goal.as_str(), error))?;
        if let Some(section) = NOT_OURS.into_iter().find(|section| own.contains_key(*section)) {
            let cause = format!("`{section}` is not for the documents of a project's stages");
            return Err(Failure::new(Exit::Usage, goal, cause).hint("leave that section out"));
        }
        let mut plan = with(&usual, own, &path).map_err(fail)?;
        let mut hasher = Hasher::new();
        hasher.update(&serde_json::to_vec(&plan).expect("a plan is plain data"));
        let named = plan.language.model.iter_mut().chain(plan.pii.key_file.iter_mut());
        for name in named.chain(plan.decontaminate.against.iter_mut()) {
            let input = documents_at(name, finder)?;
            hasher.update(input.digest.as_bytes());
            *name = input.path.into_string();
        }
        Ok(Self { plan, digest: Some(hasher.finish().to_hex()) })
    }
}

/// `usual` with the keys of `own`, which stand in `path`, in place of its own.
fn with(
    usual: &CleaningPlan,
    own: toml::Table,
    path: &Utf8Path,
) -> Result<CleaningPlan, CurateError> {
    let text = toml::to_string(usual).expect("a plan is plain data");
    let mut all: toml::Table = text.parse().expect("it was just written");
    for (section, keys) in own {
        let known = all.get_mut(&section).and_then(toml::Value::as_table_mut);
        if let (Some(known), toml::Value::Table(keys)) = (known, &keys) {
            known.extend(keys.clone());
        } else {
            all.insert(section, keys);
        }
    }
    CleaningPlan::parse(path, &toml::to_string(&all).expect("a table is TOML"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use catena_protocol::{Cancel, NoProgress};

    #[test]
    fn patterns_name_documents_by_their_contents() {
        let dir = tempfile::tempdir().unwrap();
        let project = Utf8Path::from_path(dir.path()).unwrap();
        let cancel = Cancel::new();
        let finder = Finder { project, progress: &NoProgress, cancel: &cancel };
        fs::create_dir(project.join("docs")).unwrap();
        let put = |name: &str, text: &str| fs::write(project.join(name), text).unwrap();
        put("docs/a.md", "# A");
        put("docs/b.txt", "b");
        let found = |source: &str| documents_at(source, &finder).unwrap();
        let first = found("docs/*.md");
        assert_eq!(first.path, project.join("docs/*.md"));
        put("docs/b.txt", "other");
        assert_eq!(found("docs/*.md").digest, first.digest);
        put("docs/a.md", "# B");
        assert_ne!(found("docs/*.md").digest, first.digest);
        assert_eq!(found("docs").path, project.join("docs"));
        let none = documents_at("docs/*.pdf", &finder).unwrap_err();
        assert!(crate::failure::render(&none).contains("names no file"));
    }

    #[test]
    fn several_sources_are_known_by_all_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let project = Utf8Path::from_path(dir.path()).unwrap();
        let cancel = Cancel::new();
        let finder = Finder { project, progress: &NoProgress, cancel: &cancel };
        for folder in ["docs", "wiki"] {
            fs::create_dir(project.join(folder)).unwrap();
            fs::write(project.join(folder).join("a.md"), format!("# {folder}")).unwrap();
        }
        let found = |sources: &[&str]| {
            let sources = sources.iter().map(ToString::to_string).collect();
            documents(&Sources::Many(sources), &finder).unwrap()
        };
        let both = found(&["docs", "wiki"]);
        let paths: Vec<String> = both.iter().map(|source| source.path.to_string()).collect();
        assert_eq!(paths, ["docs", "wiki"].map(|name| project.join(name).into_string()));
        assert_ne!(digest_of(&both), digest_of(&found(&["wiki", "docs"])));
        let one = documents(&Sources::One("docs".to_owned()), &finder).unwrap();
        assert_eq!(digest_of(&one), one[0].digest);
        assert_eq!(digest_of(&found(&["docs"])), one[0].digest);
        let shards = plan_shards(&paths, &read_options().unwrap()).unwrap();
        let names: Vec<&str> = shards.iter().map(|shard| &*shard.name).collect();
        assert_eq!(names, ["docs/a.md", "wiki/a.md"]);
        assert!(documents(&Sources::Many(vec!["none".to_owned()]), &finder).is_err());
    }

    #[test]
    fn a_plan_goes_before_the_keys_of_the_section() {
        let dir = tempfile::tempdir().unwrap();
        let project = Utf8Path::from_path(dir.path()).unwrap();
        let cancel = Cancel::new();
        let finder = Finder { project, progress: &NoProgress, cancel: &cancel };
        let put = |name: &str, text: &str| fs::write(project.join(name), text).unwrap();
        let text = "source = \"docs\"\nplan = \"plan.toml\"\nmask_pii = false\n";
        let config: DataConfig = toml::from_str(text).unwrap();
        let open = || DataPlan::open(&config, &finder);
        put("test.jsonl", "{\"text\": \"one\"}");
        put("plan.toml", "[dedup]\nexact = false\n[decontaminate]\nagainst = [\"test.jsonl\"]\n");
        let first = open().unwrap();
        let mut expected = usual_plan(&config);
        expected.dedup.exact = false;
        expected.decontaminate.against = vec![project.join("test.jsonl").into_string()];
        assert_eq!(first.plan, expected);
        put("test.jsonl", "{\"text\": \"two\"}");
        assert_ne!(open().unwrap().digest, first.digest);
        put("plan.toml", "[dedup]\nexat = false\n");
        assert!(crate::failure::render(&open().unwrap_err()).contains("exat"));
        put("plan.toml", "[write]\nformat = \"parquet\"\n");
        assert!(crate::failure::render(&open().unwrap_err()).contains("`write` is not for"));
    }
}
