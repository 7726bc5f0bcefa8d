//! From a file, and changes on the command line, to settings.

use super::llama_factory;
use super::new_model::NewModel;
use super::settings::{TrainMethod, TrainSettings};
use super::start;
use crate::failure::{Exit, Failure};
use crate::progress::say;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Largest settings file.
const MAX_BYTES: u64 = 1 << 20;
/// The table of a TOML file that describes a run.
const SECTION: &str = "train";

/// A run's settings and the folder that their paths are relative to.
pub(super) struct RunFile {
    pub(super) settings: TrainSettings,
    pub(super) folder: Utf8PathBuf,
    /// The keys that are in the file or among its changes.
    pub(super) given: BTreeSet<String>,
}

impl RunFile {
    /// Folder of the result.
    pub(super) fn output(&self) -> Utf8PathBuf {
        self.folder.join(&self.settings.output)
    }
}

/// Whether a path is that of a run's file.
pub(super) fn is_run_file(path: &Utf8Path) -> bool {
    matches!(path.extension(), Some("toml" | "yaml" | "yml"))
}

/// Reads `[train]` of a TOML file, or a LLaMA-Factory YAML, then takes `key=value` changes over.
pub(super) fn read(file: &Utf8Path, changes: &[String]) -> Result<RunFile, Failure> {
    let goal = || format!("cannot read the run `{file}`");
    let too_large = std::fs::metadata(file).is_ok_and(|found| found.len() > MAX_BYTES);
    if too_large {
        let cause = format!("it has more than {MAX_BYTES} bytes");
        return Err(Failure::new(Exit::Usage, goal(), cause));
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(Exit::Environment, goal(), error))?;
    let yaml = matches!(file.extension(), Some("yaml" | "yml"));
    let mut values = if yaml {
        let imported = llama_factory::import(&text)
            .map_err(|cause| Failure::new(Exit::Usage, goal(), cause))?;
        imported.notes.iter().for_each(|note| say(&format!("  {note}")));
        imported.values
    } else {
        section(&text).map_err(|cause| Failure::new(Exit::Usage, goal(), cause))?
    };
    for change in changes {
        let (key, value) = parse_change(change).map_err(|cause| {
            Failure::new(Exit::Usage, format!("cannot take over `{change}`"), cause)
                .hint("changes are written as --set epochs=1, with text in quotes")
        })?;
        values.insert(key, value);
    }
    let given: BTreeSet<String> = values.keys().cloned().collect();
    let mut settings = settings(values).map_err(|cause| {
        let hint = "`catena train keys` lists all keys with their defaults";
        Failure::new(Exit::Usage, goal(), cause).hint(hint)
    })?;
    for (key, is_empty) in [
        ("model", settings.model.is_empty() && settings.pretrain.new_model.is_none()),
        ("data", settings.data.is_empty()),
        ("output", settings.output.is_empty()),
    ] {
        if is_empty {
            let cause = format!("the key `{key}` is missing");
            return Err(Failure::new(Exit::Usage, goal(), cause)
                .hint("`catena train keys` lists all keys with their defaults"));
        }
    }
    check_scratch(&settings).map_err(|cause| Failure::new(Exit::Usage, goal(), cause))?;
    let folder = match file.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent.to_owned(),
        _ => Utf8PathBuf::from("."),
    };
    // LLaMA-Factory's paths are relative to where it is started.
    let folder = if yaml { Utf8PathBuf::from(".") } else { folder };
    settings.method = start::check(&folder, &settings, |key| given.contains(key))?;
    Ok(RunFile { settings, folder, given })
}

/// What a model without weights cannot be trained by.
fn check_scratch(settings: &TrainSettings) -> Result<(), String> {
    if settings.pretrain.new_model.is_some() && !settings.model.is_empty() {
        return Err("`model` and `new_model` exclude each other".to_owned());
    }
    if settings.draws_weights() && settings.method != TrainMethod::Full {
        return Err("weights that are drawn must be trained: set `method = \"full\"`".to_owned());
    }
    Ok(())
}

/// The keys of the section as JSON.
fn section(text: &str) -> Result<Map<String, Value>, String> {
    let file: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let section = file.get(SECTION).ok_or(format!("it has no section `[{SECTION}]`"))?;
    match serde_json::to_value(section) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) | Err(_) => Err(format!("`{SECTION}` is no table")),
    }
}

/// `key=value`, the value as in TOML; bare words are text.
fn parse_change(change: &str) -> Result<(String, Value), String> {
    let (key, value) = change.split_once('=').ok_or("there is no `=` in it")?;
    let (key, value) = (key.trim(), value.trim());
    let parsed: Result<toml::Table, _> = format!("value = {value}").parse();
    let value = match parsed {
        Ok(table) => serde_json::to_value(&table["value"]).map_err(|error| error.to_string())?,
        Err(_) => Value::String(value.to_owned()),
    };
    Ok((key.to_owned(), value))
}

/// Known keys only; a near miss is named.
pub(super) fn settings(values: Map<String, Value>) -> Result<TrainSettings, String> {
    let known = keys();
    // Key by key, so that an error says which, and all of them at once.
    let wrong = values.iter().filter_map(|(key, value)| {
        if !known.contains_key(key) {
            return Some(unknown(key, known.keys().map(String::as_str)));
        }
        let one = Map::from_iter([(key.clone(), value.clone())]);
        let read = serde_json::from_value::<TrainSettings>(Value::Object(one));
        read.err().map(|error| format!("`{key}` is {value}: {error}"))
    });
    let wrong: Vec<String> = wrong.collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    serde_json::from_value(Value::Object(values)).map_err(|error| error.to_string())
}

/// All keys with their defaults.
pub(super) fn keys() -> Map<String, Value> {
    defaults(&TrainSettings::default())
}

/// The keys of `[train.new_model]` with their defaults.
pub(super) fn new_model_keys() -> Map<String, Value> {
    defaults(&NewModel::default())
}

fn defaults(settings: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(keys)) => keys,
        Ok(_) | Err(_) => unreachable!("settings are an object of plain values"),
    }
}

/// What is said about a key that nobody knows.
pub(super) fn unknown<'a>(key: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known
        .map(|name| (strsim::normalized_damerau_levenshtein(key, name), name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.5);
    match near {
        Some((_, name)) => format!("the key `{key}` is not known; did you mean `{name}`?"),
        None => format!("the key `{key}` is not known"),
    }
}

/// The settings of an object, for tests.
#[cfg(test)]
pub(super) fn of_json(values: Value) -> TrainSettings {
    let Value::Object(values) = values else { panic!("an object is expected") };
    settings(values).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::settings::TrainStage;

    fn read_section(text: &str) -> Result<TrainSettings, String> {
        settings(section(text)?)
    }

    #[test]
    fn a_section_gives_settings_and_keeps_defaults() {
        let read =
            read_section("[train]\nstage = 'kto'\nlearning_rate = 1e-5\ndata = ['a']").unwrap();
        assert_eq!(read.stage, TrainStage::Kto);
        assert_eq!(read.learning_rate, 1e-5);
        assert_eq!(read.epochs, TrainSettings::default().epochs);
    }

    #[test]
    fn one_data_file_needs_no_list() {
        let read = read_section("[train]\ndata = 'a.jsonl'\neval_data = ['b', 'c']").unwrap();
        assert_eq!(
            (read.data, read.eval_data),
            (vec!["a.jsonl".into()], vec!["b".into(), "c".into()])
        );
        let wrong = read_section("[train]\ndata = 3").unwrap_err();
        assert!(wrong.contains("`data` is 3") && wrong.contains("a list of them"), "{wrong}");
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_named() {
        let near = read_section("[train]\nlearning_rat = 1.0").unwrap_err();
        assert!(near.contains("did you mean `learning_rate`"), "{near}");
        let wrong = read_section("[train]\nepochs = 'many'").unwrap_err();
        assert!(wrong.contains("`epochs` is \"many\""), "{wrong}");
        let word = read_section("[train]\noptimizer = 'adamv'").unwrap_err();
        assert!(word.contains("`optimizer`") && word.contains("`adamw_8bit`"), "{word}");
        assert!(read_section("x = 1").unwrap_err().contains("[train]"));
        let all = read_section("[train]\nepochs = 'many'\nlora_rnak = 8\nseed = -1").unwrap_err();
        assert_eq!(all.lines().count(), 3, "{all}");
    }

    #[test]
    fn methods_that_are_not_trained_are_named_with_the_nearest_that_is() {
        let said = |word: &str| read_section(&format!("[train]\nmethod = '{word}'")).unwrap_err();
        for (word, nearest) in [
            (
                "adalora",
                "ranks change while they are trained: not supported; the nearest that is trained is `lora`",
            ),
            ("AdaLoRA", "the nearest that is trained is `lora`"),
            ("prompt-tuning", "the nearest that is trained is `prefix`"),
            ("p_tuning", "made by a network"),
            ("road", "the nearest that is trained is `ia3`"),
            ("dora", "`lora` with `use_dora = true`"),
            ("lorra", "expected one of `full`, `freeze`, `lora`, `ia3`, `prefix`"),
        ] {
            let error = said(word);
            assert!(error.contains(&format!("`method` is \"{word}\"")), "{error}");
            assert!(error.contains(nearest), "{error}");
        }
        let words = ["full", "freeze", "lora", "ia3", "prefix"];
        for word in words {
            let read = read_section(&format!("[train]\nmethod = '{word}'")).unwrap().method;
            assert_eq!(serde_json::to_value(read).unwrap(), word, "written as it is read");
        }
        assert!(read_section("[train]\nmethod = 3").unwrap_err().contains("expected a string"));
    }

    #[test]
    fn changes_are_numbers_lists_or_words() {
        assert_eq!(parse_change("epochs=2").unwrap(), ("epochs".to_owned(), 2.into()));
        assert_eq!(parse_change("schedule = linear").unwrap().1, "linear");
        let list = parse_change("data=['a', 'b']").unwrap().1;
        assert_eq!(list, serde_json::json!(["a", "b"]));
        assert!(parse_change("epochs").is_err());
    }
}
