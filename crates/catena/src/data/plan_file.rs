//! The plan of a command: a file, then `--set`, then the flags.

use super::failure::curate_failure;
use crate::failure::{Exit, Failure};
use camino::Utf8Path;
use catena_curate::CleaningPlan;

/// Reads the plan at `path`, or the defaults, changed by `set`.
pub(super) fn read(
    goal: &str,
    path: Option<&Utf8Path>,
    set: &[String],
) -> Result<CleaningPlan, Failure> {
    let mut table = match path {
        None => toml::Table::new(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| Failure::new(Exit::Environment, goal, error))?;
            CleaningPlan::parse(path, &text).map_err(|error| curate_failure(goal, error))?;
            text.parse().map_err(|error: toml::de::Error| Failure::new(Exit::Usage, goal, error))?
        }
    };
    for one in set {
        let wrong = |why: String| {
            Failure::new(Exit::Usage, goal, why).hint("write --set section.key=value")
        };
        let (key, value) =
            one.split_once('=').ok_or_else(|| wrong(format!("`{one}` is not KEY=VALUE")))?;
        let (section, key) =
            key.split_once('.').ok_or_else(|| wrong(format!("`{key}` names no section")))?;
        let section = table.entry(section).or_insert_with(|| toml::Table::new().into());
        let section =
            section.as_table_mut().ok_or_else(|| wrong(format!("`{one}` is no section")))?;
        // What is not a value of TOML is a text: `write.format=parquet` needs no quotes.
        let parsed = format!("value = {value}").parse::<toml::Table>().ok();
        let parsed = parsed.and_then(|mut table| table.remove("value"));
        section.insert(key.to_owned(), parsed.unwrap_or_else(|| value.into()));
    }
    let text = toml::to_string(&table).expect("a table is TOML");
    CleaningPlan::parse(path.unwrap_or(Utf8Path::new("--set")), &text)
        .map_err(|error| curate_failure(goal, error))
}
