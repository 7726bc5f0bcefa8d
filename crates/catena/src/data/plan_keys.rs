//! Every key of a cleaning plan with its default and its meaning, read off the documentation of the
//! settings: what people read is what the code says.

use crate::output::wrapped;
use catena_curate::CleaningPlan;
use catena_pipeline::config::{FieldReference, documented_fields};

/// Most characters of a line.
const WIDTH: usize = 100;

/// A section of a plan.
struct Section {
    name: String,
    about: String,
    keys: Vec<Key>,
}

/// A key of a section.
struct Key {
    name: String,
    about: String,
    /// As TOML; `None` if it is not set.
    default: Option<String>,
    /// A value of its type.
    example: &'static str,
}

/// Every section with every key, in the order of the code.
fn sections() -> Vec<Section> {
    let defaults = toml::Table::try_from(CleaningPlan::default()).expect("a plan is plain data");
    let fields = documented_fields(CleaningPlan::SOURCE);
    let of = |owner: &str| fields.iter().filter(|field| field.owner == owner).cloned().collect();
    let sections: Vec<FieldReference> = of("CleaningPlan");
    let section = |FieldReference { name, kind, about, .. }| {
        let keys: Vec<FieldReference> = of(&kind);
        let keys = keys.into_iter().map(|key| Key {
            default: defaults[&name].get(&key.name).map(as_toml),
            name: key.name,
            about: key.about,
            example: example(&key.kind),
        });
        let keys = keys.collect();
        Section { name, about, keys }
    };
    sections.into_iter().map(section).collect()
}

fn as_toml(value: &toml::Value) -> String {
    let is_empty = value.as_table().is_some_and(toml::Table::is_empty);
    if is_empty { "{}".to_owned() } else { value.to_string() }
}

/// What a key of this type may be set to.
fn example(kind: &str) -> &'static str {
    match kind {
        "Option<u64>" => "0",
        "Option<f64>" => "0.0",
        _ => "\"\"",
    }
}

/// A plan with all defaults, in which every key is explained.
pub(super) fn text() -> String {
    let mut text = "# Every key of a cleaning plan with its default.\n".to_owned();
    text.push_str("# Those behind `#` are not set; a value shows their type.\n");
    for Section { name, about, keys } in sections() {
        text.push_str(&format!("\n# {about}\n[{name}]\n"));
        for Key { name, about, default, example } in keys {
            for line in wrapped(&about, WIDTH - 2) {
                text.push_str(&format!("# {line}\n"));
            }
            match default {
                Some(default) => text.push_str(&format!("{name} = {default}\n")),
                None => text.push_str(&format!("# {name} = {example}\n")),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the generated part of the page begins.
    const MARK: &str = "<!-- generated: UPDATE_DOCS=1 cargo test -p catena plan_keys -->\n";

    #[test]
    fn the_text_is_the_plan_of_the_defaults() {
        let plan = CleaningPlan::parse("plan.toml".into(), &text()).unwrap();
        assert_eq!(plan, CleaningPlan::default());
    }

    #[test]
    fn every_key_is_explained_and_those_that_are_not_set_can_be() {
        for Section { name: section, about, keys } in sections() {
            assert!(about.ends_with('.') && !keys.is_empty(), "{section}");
            for Key { name, about, default, example } in keys {
                assert!(about.ends_with('.'), "{section}.{name}: {about:?}");
                let value = default.as_deref().unwrap_or(example);
                let plan = format!("[{section}]\n{name} = {value}\n");
                CleaningPlan::parse("plan.toml".into(), &plan).unwrap();
                // serde names the words of a choice, which must all stand in its documentation.
                let plan = format!("[{section}]\n{name} = \"zzz\"\n");
                let Err(error) = CleaningPlan::parse("plan.toml".into(), &plan) else { continue };
                let error = std::error::Error::source(&error).unwrap().to_string();
                let words = error.split_once("expected ").map_or("", |(_, words)| words);
                for word in words.split('`').skip(1).step_by(2) {
                    let word = format!("`{word}`");
                    assert!(about.contains(&word), "{section}.{name} does not tell of {word}");
                }
            }
        }
    }

    #[test]
    fn the_page_about_data_is_up_to_date() {
        let mut tables = String::new();
        for Section { name, about, keys } in sections() {
            tables.push_str(&format!("\n### `[{name}]`\n\n{about}\n\n"));
            tables.push_str("| key | default | meaning |\n|---|---|---|\n");
            for Key { name, about, default, .. } in keys {
                let default = default.map_or("(none)".to_owned(), |value| format!("`{value}`"));
                tables.push_str(&format!("| `{name}` | {default} | {about} |\n"));
            }
        }
        crate::pages::check("data.md", MARK, &tables);
    }
}
