//! Every key of a run with its default and its meaning, read off the documentation of the settings:
//! what people read is what the code says.

use super::read::{keys, new_model_keys};
use crate::output::wrapped;
use catena_pipeline::config::{FieldReference, documented_fields};

/// The sources that document the keys.
const SOURCES: [&str; 3] =
    [include_str!("settings.rs"), include_str!("details.rs"), include_str!("new_model.rs")];
/// What stands before the keys of the table `[train.new_model]`.
const NEW_MODEL: &str = "new_model.";
/// Keys that must be given; `new_model` may stand for `model`.
const REQUIRED: [&str; 3] = ["model", "output", "data"];
/// Most characters of a line on a terminal, without what it is indented by.
const WIDTH: usize = 96;

/// A key of `[train]`.
struct KeyReference {
    /// Its name; those of `[train.new_model]` have that before them.
    name: String,
    /// Its default in words or as TOML.
    default: String,
    /// What it does.
    about: String,
}

/// Every key, in the order of the code.
fn reference() -> Vec<KeyReference> {
    let new_model = new_model_keys().into_iter();
    let new_model = new_model.map(|(key, default)| (format!("{NEW_MODEL}{key}"), default));
    let fields: Vec<FieldReference> = SOURCES.into_iter().flat_map(documented_fields).collect();
    let all = keys().into_iter().chain(new_model);
    all.map(|(name, default)| {
        let default = if REQUIRED.contains(&name.as_str()) {
            "(required)".to_owned()
        } else if default.is_null() {
            "(none)".to_owned()
        } else {
            default.to_string()
        };
        let key = name.strip_prefix(NEW_MODEL).unwrap_or(&name);
        let field = fields.iter().find(|field| field.name == key);
        let about = field.map(|field| field.about.clone()).unwrap_or_default();
        KeyReference { name, default, about }
    })
    .collect()
}

/// All keys for a terminal: each with its default, and below it what it does.
pub(super) fn listing() -> String {
    let mut text = String::new();
    for KeyReference { name, default, about } in reference() {
        text.push_str(&format!("{name} = {default}\n"));
        for line in wrapped(&about, WIDTH) {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::read::settings;
    use serde_json::Map;

    /// Where the generated part of the page begins.
    const MARK: &str = "<!-- generated: UPDATE_DOCS=1 cargo test -p catena reference -->\n";
    /// Tables of the page: their headings, and the first key of each.
    const TABLES: [(&str, &str); 9] = [
        ("Model, data and result", "stage"),
        ("What is trained", "adapter"),
        ("Steps", "max_tokens"),
        ("Learning rate", "learning_rate"),
        ("Optimizer", "optimizer"),
        ("Losses", "neftune_alpha"),
        ("Memory", "recompute"),
        ("While it runs", "checkpoint_steps"),
        ("`[train.new_model]`", "new_model.tokenizer"),
    ];

    #[test]
    fn every_key_is_documented_with_all_its_words() {
        for key in reference() {
            assert!(key.about.ends_with('.'), "{}: {:?}", key.name, key.about);
            let Err(error) = settings(Map::from_iter([(key.name.clone(), "zzz".into())])) else {
                continue;
            };
            // serde names the words of a choice, which must all stand in its documentation.
            let words = error.split_once("expected ").map_or("", |(_, words)| words);
            for word in words.split('`').skip(1).step_by(2) {
                let word = format!("`{word}`");
                assert!(key.about.contains(&word), "{} does not tell of {word}", key.name);
            }
        }
    }

    #[test]
    fn the_listing_has_the_meaning_of_a_key_below_it() {
        let text = listing();
        assert!(text.starts_with("stage = \"sft\"\n    What is learnt: "), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn the_page_about_training_is_up_to_date() {
        let mut tables = String::new();
        for KeyReference { name, default, about } in reference() {
            if let Some((heading, _)) = TABLES.iter().find(|(_, first)| *first == name) {
                tables.push_str(&format!("\n### {heading}\n\n"));
                tables.push_str("| key | default | meaning |\n|---|---|---|\n");
            }
            let default = if default.starts_with('(') { default } else { format!("`{default}`") };
            tables.push_str(&format!("| `{name}` | {default} | {about} |\n"));
        }
        let guide = crate::pages::check("train.md", MARK, &tables);
        for format in catena_data::sample_formats() {
            assert!(
                guide.contains(&format!("| `{format}` |")),
                "the page has no format `{format}`"
            );
        }
    }
}
