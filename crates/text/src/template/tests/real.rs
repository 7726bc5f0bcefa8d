//! Real templates of many families, rendered as transformers renders them.

use std::fmt::Write;
use std::path::PathBuf;

use catena_protocol::{Message, Role};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{ChatTemplate, TextError};

fn conversations(golden: &Value) -> Vec<Vec<Message>> {
    let message = |turn: &Value| {
        let role: Role = serde_json::from_value(turn[0].clone()).unwrap();
        Message::new(role, turn[1].as_str().unwrap())
    };
    let all = golden["conversations"].as_array().unwrap().iter();
    all.map(|turns| turns.as_array().unwrap().iter().map(message).collect()).collect()
}

/// What differs from the golden, if anything.
pub(super) fn difference(entry: &Value, rendered: Result<String, TextError>) -> Option<String> {
    match rendered {
        // Where Python stops at a loop over `tools`, which are none, ours goes on without any.
        Ok(_) if entry["fails"] == true => None,
        Ok(text) => {
            let digest = Sha256::digest(&text);
            let digest = digest.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").unwrap();
                hex
            });
            let same = entry["sha256"].as_str() == Some(&digest);
            (!same).then(|| format!("{} bytes instead of {}: {text}", text.len(), entry["bytes"]))
        }
        Err(TextError::TemplateRefused { message }) => {
            (entry["refused"].as_str() != Some(&message)).then(|| format!("refused: {message}"))
        }
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            (entry["fails"] != true).then(|| format!("{error}: {cause:?}"))
        }
    }
}

#[test]
fn real_templates_render_as_in_transformers() {
    let models = std::env::var("CATENA_TEST_MODELS")
        .expect("CATENA_TEST_MODELS names the folder of test models; `make test` sets it");
    let folder = PathBuf::from(models).join("llama.cpp/templates");
    let golden: Value =
        serde_json::from_str(include_str!("../../../tests/golden/templates.json")).unwrap();
    let conversations = conversations(&golden);
    let rendered = golden["rendered"].as_array().unwrap();
    assert!(rendered.len() >= 900, "{}", rendered.len());
    let mut differences = Vec::new();
    for entry in rendered {
        let name = entry["template"].as_str().unwrap();
        let source = std::fs::read_to_string(folder.join(name)).unwrap();
        let number = usize::try_from(entry["conversation"].as_u64().unwrap()).unwrap();
        let prompt = entry["prompt"].as_bool().unwrap();
        let rendered = ChatTemplate::new(&source, "<s>", "</s>")
            .and_then(|template| template.render(&conversations[number], prompt));
        if let Some(difference) = difference(entry, rendered) {
            differences.push(format!("{name} {number} {prompt}: {difference}"));
        }
    }
    assert!(differences.is_empty(), "{}\n{}", differences.len(), differences.join("\n"));
}
