//! What `catena.toml` may say.

use super::state;
use crate::PipelineError;
use crate::config::{self, ProjectConfig};
use camino::{Utf8Path, Utf8PathBuf};

const SMALL: &str = "[project]\nname = \"demo\"\n[data]\nsource = \"docs\"\n";

fn parse(text: &str) -> Result<ProjectConfig, PipelineError> {
    config::parse_for_tests(Utf8Path::new("catena.toml"), text)
}

/// All that an error and its causes say.
fn told(error: &PipelineError) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        told.push_str(&source.to_string());
        cause = source.source();
    }
    told
}

#[test]
fn a_small_file_is_a_whole_project() {
    let config = parse(SMALL).unwrap();
    assert_eq!(config.train.lora_rank, 16);
    assert_eq!(config.model.embedder, "all-minilm-l6-v2");
}

#[test]
fn documents_are_at_one_place_or_at_several() {
    let sources = |value: &str| {
        let text = format!("[project]\nname = \"demo\"\n[data]\nsource = {value}\n");
        let config = parse(&text).map_err(|error| told(&error))?;
        Ok::<_, String>(config.data.source.list().to_vec())
    };
    assert_eq!(sources("\"docs\"").unwrap(), ["docs"]);
    assert_eq!(sources("[\"docs\", \"s3://b/w\"]").unwrap(), ["docs", "s3://b/w"]);
    for (value, said) in [
        ("\"\"", "data.source"),
        ("[]", "data.source"),
        ("[\"docs\", \"\"]", "data.source"),
        ("5", "a list of them"),
        ("[5]", "a list of them"),
    ] {
        let error = sources(value).unwrap_err();
        assert!(error.contains(said), "{value}: {error}");
    }
}

#[test]
fn a_served_model_is_a_path_or_a_table() {
    let text = "[serve.models]\na = \"a.gguf\"\n[serve.models.b]\nsource = \"b\"\npinned = true\n";
    let models = parse(&format!("{SMALL}{text}")).unwrap().serve.models;
    let [a, b] = ["a", "b"].map(|name| models[name].table());
    assert_eq!((a.source.as_str(), a.draft.as_str(), a.pinned), ("a.gguf", "", false));
    assert_eq!((b.source.as_str(), b.draft.as_str(), b.pinned), ("b", "", true));
    for wrong in ["source = 1", "source = \"b\"\npined = true", "draft = \"b\""] {
        let error = parse(&format!("{SMALL}[serve.models.b]\n{wrong}\n")).unwrap_err();
        let told = told(&error);
        assert!(told.contains("a table with `source`"), "{wrong}: {told}");
    }
}

#[test]
fn bad_configurations_are_explained() {
    let with = |text: &str| format!("{SMALL}{text}");
    let cases = [
        with("[train]\nlearning_rat = 0.1\n"),
        with("[trian]\nepochs = 1\n"),
        with("[train]\nzzz = 1\n"),
        with("[train]\nepochs = \"two\"\n"),
        with("[train]\nepochs = 0\n"),
        with("[train]\nschedule = \"step\"\n"),
        with("[synth]\nheldout_share = 1.0\n"),
        with("[quantize]\nserve = \"q4_0\"\n"),
        with("[serve]\nport = 70000\n"),
        "[project]\nname = \"no data\"\n".to_owned(),
        "[project]\nname = \"a/b\"\n[data]\nsource = \"x\"\n".to_owned(),
        "not toml at all".to_owned(),
    ];
    let said: Vec<String> = cases
        .iter()
        .map(|text| {
            let error = parse(text).unwrap_err();
            if let PipelineError::UnknownKey { line, key, nearest, .. } = &error {
                format!("line {line}: unknown key `{key}`, nearest {nearest:?}")
            } else {
                error.to_string()
            }
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_missing_project_is_named() {
    let (_guard, dir) = state();
    let error = config::load(&dir).unwrap_err();
    assert!(matches!(error, PipelineError::NoProject { .. }), "{error}");
}

#[test]
fn every_other_error_reads_well() {
    let path = Utf8PathBuf::from("project/.catena");
    let errors = [
        PipelineError::Stage { stage: "train", source: "x".into() },
        PipelineError::Io { path, source: std::io::Error::other("no space left on device") },
        PipelineError::CorruptRecord {
            column: "summary",
            source: serde_json::from_str::<u8>("{").unwrap_err(),
        },
        PipelineError::Interrupted { stage: "train" },
    ];
    let text: Vec<String> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn every_key_is_documented_and_the_page_is_up_to_date() {
    let sections = config::reference();
    let names: Vec<&str> = sections.iter().map(|section| section.name.as_str()).collect();
    assert_eq!(
        names,
        ["project", "model", "data", "index", "synth", "train", "eval", "quantize", "serve"]
    );
    for section in &sections {
        assert!(!section.keys.is_empty() && !section.about.is_empty(), "[{}]", section.name);
        for key in &section.keys {
            assert!(key.about.ends_with('.'), "{}.{}: {:?}", section.name, key.name, key.about);
        }
    }
    let page = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/catena.toml.md");
    let wanted = config::reference_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, &wanted).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(found == wanted, "{page} is stale: UPDATE_DOCS=1 cargo test -p catena-pipeline");
}

#[test]
fn the_reference_knows_every_key_that_is_read() {
    // serde's own list of the keys, from the error about one that it does not know.
    for section in config::reference() {
        let text = if section.name == "project" || section.name == "data" {
            SMALL.replace(
                &format!("[{}]\n", section.name),
                &format!("[{}]\nzzz = 1\n", section.name),
            )
        } else {
            format!("{SMALL}[{}]\nzzz = 1\n", section.name)
        };
        let PipelineError::UnknownKey { known, .. } = parse(&text).unwrap_err() else {
            panic!("[{}] took an unknown key", section.name)
        };
        let told: Vec<String> = section.keys.into_iter().map(|key| key.name).collect();
        assert_eq!(told, known, "[{}]", section.name);
    }
}
