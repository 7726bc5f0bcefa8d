//! Real templates of many families with tools, calls and reasoning, rendered as transformers
//! renders them.

use std::path::PathBuf;

use catena_protocol::ChatMessage;
use serde_json::{Map, Value};

use super::real::difference;
use crate::{ChatInput, ChatTemplate};

/// Adds texts to ones marked `safe`, which makes Python write quotes as `&#34;`. Ours writes what the
/// template's authors meant.
const ESCAPED_BY_PYTHON: &str = "meetkai-functionary-medium-v3.1.jinja";

#[test]
fn real_templates_render_tools_as_in_transformers() {
    let models = std::env::var("CATENA_TEST_MODELS")
        .expect("CATENA_TEST_MODELS names the folder of test models; `make test` sets it");
    let folder = PathBuf::from(models).join("llama.cpp/templates");
    let golden: Value =
        serde_json::from_str(include_str!("../../../tests/golden/tool_templates.json")).unwrap();
    let rendered = golden["rendered"].as_array().unwrap();
    assert!(rendered.len() >= 900, "{}", rendered.len());
    let mut differences = Vec::new();
    for entry in rendered {
        let name = entry["template"].as_str().unwrap();
        let number = usize::try_from(entry["conversation"].as_u64().unwrap()).unwrap();
        let conversation = &golden["conversations"][number];
        if name == ESCAPED_BY_PYTHON && !conversation["tools"].is_null() {
            continue;
        }
        let source = std::fs::read_to_string(folder.join(name)).unwrap();
        let messages: Vec<ChatMessage> =
            serde_json::from_value(conversation["messages"].clone()).unwrap();
        let tools = conversation["tools"].as_array().map_or(&[][..], Vec::as_slice);
        let variables: Option<&Map<String, Value>> = conversation["variables"].as_object();
        let prompt = entry["prompt"].as_bool().unwrap();
        let input =
            ChatInput { messages: &messages, tools, variables, add_generation_prompt: prompt };
        let rendered = ChatTemplate::new(&source, "<s>", "</s>")
            .and_then(|template| template.render_chat(&input));
        if let Some(difference) = difference(entry, rendered) {
            differences.push(format!("{name} {number} {prompt}: {difference}"));
        }
    }
    assert!(differences.is_empty(), "{}\n{}", differences.len(), differences.join("\n"));
}
