//! The reference of `catena.toml`, read off the sections' own documentation.

use crate::config::ProjectConfig;
use serde_json::Value;
use std::fmt::{self, Write};

/// The source that documents the keys; what people read is what the code says.
const SECTIONS: &str = include_str!("sections.rs");
/// Keys without a default, and a value that lets the defaults of all others be seen.
const REQUIRED: &str = "[project]\nname = \"x\"\n[data]\nsource = \"x\"\n";

/// A section of `catena.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct SectionReference {
    /// Its name, as in `[train]`.
    pub name: String,
    /// What it is about.
    pub about: String,
    /// Its keys.
    pub keys: Vec<KeyReference>,
}

/// A key of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyReference {
    /// Its name.
    pub name: String,
    /// What it does.
    pub about: String,
    /// Its default as TOML; `None` if it must be given.
    pub default: Option<String>,
}

/// A field of a struct in Rust, with its documentation.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldReference {
    /// The struct.
    pub owner: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What it is, on one line; empty if it is not documented.
    pub about: String,
}

/// Every section with every key, in the order of the code.
pub fn reference() -> Vec<SectionReference> {
    let config: ProjectConfig = toml::from_str(REQUIRED).expect("the required keys are a project");
    let defaults = serde_json::to_value(&config).expect("a configuration is plain data");
    let fields = documented_fields(SECTIONS);
    let of = |owner: &str| fields.iter().filter(|field| field.owner == owner).cloned().collect();
    let sections: Vec<FieldReference> = of("ProjectConfig");
    sections
        .into_iter()
        .map(|section| {
            let keys: Vec<FieldReference> = of(&section.kind);
            let keys = keys.into_iter().map(|field| {
                let default = (!is_required(&section.name, &field.name))
                    .then(|| as_toml(&defaults[&section.name][&field.name]));
                KeyReference { name: field.name, about: field.about, default }
            });
            let keys = keys.collect();
            SectionReference { name: section.name, about: section.about, keys }
        })
        .collect()
}

/// The reference as a Markdown page.
pub fn reference_markdown() -> String {
    let mut page = String::new();
    write_markdown(&mut page).expect("writing to a string cannot fail");
    page
}

fn write_markdown(page: &mut String) -> fmt::Result {
    writeln!(page, "# catena.toml\n")?;
    writeln!(page, "Every key of a project's file. Unknown keys are refused.")?;
    writeln!(page, "This page is generated from `crates/pipeline/src/config/sections.rs`.")?;
    for SectionReference { name, about, keys } in reference() {
        writeln!(page, "\n## `[{name}]`\n\n{about}\n")?;
        writeln!(page, "| key | default | meaning |\n|---|---|---|")?;
        for key in keys {
            let default = key.default.map_or("(required)".to_owned(), |value| format!("`{value}`"));
            writeln!(page, "| `{}` | {default} | {} |", key.name, key.about)?;
        }
    }
    Ok(())
}

/// The public fields of all structs in a source as `rustfmt` writes it, in its order: what settings
/// are read from is also what tells of them.
pub fn documented_fields(source: &str) -> Vec<FieldReference> {
    let mut fields = Vec::new();
    let (mut owner, mut about): (Option<&str>, Vec<&str>) = (None, Vec::new());
    for line in source.lines() {
        if let Some(name) = public(line).and_then(|item| item.strip_prefix("struct ")) {
            owner = name.strip_suffix(" {");
            about.clear();
        } else if line == "}" {
            owner = None;
        }
        let (Some(owner), line) = (owner, line.trim()) else { continue };
        if let Some(text) = line.strip_prefix("///") {
            about.push(text.trim());
        } else if let Some((name, kind)) =
            public(line).and_then(|field| field.trim_end_matches(',').split_once(": "))
        {
            let (owner, name, kind) = (owner.to_owned(), name.to_owned(), kind.to_owned());
            fields.push(FieldReference { owner, name, kind, about: about.join(" ") });
            about.clear();
        }
    }
    fields
}

/// What follows the visibility of an item that others see.
fn public(line: &str) -> Option<&str> {
    line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) "))
}

fn is_required(section: &str, key: &str) -> bool {
    let document = toml::from_str::<toml::Table>(REQUIRED).expect("it is written correctly");
    document.get(section).is_some_and(|keys| keys.get(key).is_some())
}

fn as_toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(as_toml).collect::<Vec<_>>().join(", "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}
