//! Ollama's protocol.

use crate::support::{ANSWER, CONTEXT, scripted, start};
use catena_engine::SchedulerLimits;
use catena_serve::{LoadError, LoadedModel, ModelFiles, ModelSource, ServedModel};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn ask(change: Value) -> Value {
    let mut body = json!({"model": "bank-model", "stream": false,
                          "messages": [{"role": "user", "content": "What does a wire cost?"}]});
    let (Value::Object(fields), Value::Object(change)) = (&mut body, change) else {
        panic!("two objects")
    };
    fields.extend(change);
    body
}

#[test]
fn a_conversation_is_answered() {
    let server = start();
    let answer = server.post("/api/chat", &ask(json!({"model": "bank-model:latest"}))).json();
    assert_eq!(answer["message"], json!({"role": "assistant", "content": ANSWER}));
    assert_eq!(answer["model"], "bank-model:latest");
    assert_eq!((&answer["done"], &answer["done_reason"]), (&json!(true), &json!("stop")));
    assert_eq!(answer["eval_count"], ANSWER.len() + 1);
    assert!(answer["prompt_eval_count"].as_u64() > Some(0));
    let durations = ["total_duration", "prompt_eval_duration", "eval_duration"];
    let [total, prompt, eval] = durations.map(|name| answer[name].as_u64().expect("nanoseconds"));
    assert!(total >= prompt.max(eval) && prompt > 0);
    let created = answer["created_at"].as_str().expect("a time");
    assert!(created.len() == 30 && created.ends_with('Z') && created > "2024", "{created}");
}

#[test]
fn lines_come_unless_they_are_not_wanted() {
    let server = start();
    let mut body = ask(json!({}));
    body.as_object_mut().expect("an object").remove("stream");
    let answer = server.post("/api/chat", &body);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let lines = answer.lines();
    let (last, others) = lines.split_last().expect("lines");
    let said: String =
        others.iter().filter_map(|line| line["message"]["content"].as_str()).collect();
    assert_eq!((said.as_str(), others.len()), (ANSWER, ANSWER.len()));
    assert!(others.iter().all(|line| line["done"] == false));
    assert_eq!((&last["done_reason"], &last["message"]["content"]), (&json!("stop"), &json!("")));
}

#[test]
fn options_shape_the_answer() {
    let server = start();
    let content = |options: Value| {
        let answer = server.post("/api/chat", &ask(json!({"options": options}))).json();
        (answer["message"]["content"].clone(), answer["done_reason"].clone())
    };
    assert_eq!(content(json!({"num_predict": 6})), (json!("A wire"), json!("length")));
    assert_eq!(content(json!({"stop": ["$25"]})), (json!("A wire costs "), json!("stop")));
    assert_eq!(content(json!({"num_predict": -1})), (json!(ANSWER), json!("stop")));
    let body = ask(json!({"options": {"num_ctx": 4096, "repeat_last_n": 0}, "keep_alive": "5m"}));
    let answer = server.post("/api/chat", &body);
    assert_eq!(answer.header("x-catena-ignored-fields"), Some("keep_alive, options.num_ctx"));
    let refused = server.post("/api/chat", &ask(json!({"options": {"mirostat": 2}})));
    let told = "`mirostat` is not supported; use `min_p` or `top_p`";
    assert_eq!((refused.status, refused.json()), (400, json!({"error": told})));
}

#[test]
fn a_format_holds_the_answer() {
    let server = start();
    let schema = json!({"type": "object", "properties": {"fee": {"type": "integer", "maximum": 9}},
                        "required": ["fee"], "additionalProperties": false});
    let answer = server.post("/api/chat", &ask(json!({"format": schema}))).json();
    let text = answer["message"]["content"].as_str().expect("a text");
    assert!(serde_json::from_str::<Value>(text).expect("JSON")["fee"].is_i64(), "{text}");
    assert_eq!(server.post("/api/chat", &ask(json!({"format": "xml"}))).status, 400);
    assert_eq!(server.post("/api/chat", &ask(json!({"format": ""}))).status, 200);
}

#[test]
fn a_prompt_is_answered_or_continued() {
    let server = start();
    let body = json!({"model": "bank-model", "prompt": "Fees:", "system": "Be brief.",
                      "stream": false, "logprobs": true, "options": {"num_predict": 3}});
    let answer = server.post("/api/generate", &body).json();
    assert_eq!(answer["response"], "A w");
    assert_eq!(answer["logprobs"].as_array().map(Vec::len), Some(3));
    assert_eq!(answer["logprobs"][0]["token"], "A");
    let raw = json!({"model": "bank-model", "prompt": "Fees:", "raw": true});
    let lines = server.post("/api/generate", &raw).lines();
    let said: String = lines.iter().filter_map(|line| line["response"].as_str()).collect();
    assert_eq!(said, ANSWER);
    assert_eq!(lines.last().expect("lines")["prompt_eval_count"], 6);
    let whole = json!({"model": "bank-model", "prompt": "Fees:", "raw": true, "stream": false});
    assert_eq!(server.post("/api/generate", &whole).json()["response"], ANSWER);
    let loaded = server.post("/api/generate", &json!({"model": "bank-model"})).json();
    assert_eq!((&loaded["done_reason"], &loaded["response"]), (&json!("load"), &json!("")));
}

#[test]
fn results_of_tools_are_part_of_the_conversation() {
    let server = start();
    let messages = json!([
        {"role": "user", "content": "Fee?"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"function": {"name": "fee", "arguments": {"speed": "fast"}}}]},
        {"role": "tool", "content": "25", "tool_name": "fee"},
    ]);
    let tools = json!([{"type": "function", "function": {"name": "fee", "parameters": {
        "type": "object", "properties": {"speed": {"type": "string"}}}}}]);
    let answer = server.post("/api/chat", &ask(json!({"messages": messages, "tools": tools})));
    assert_eq!((answer.status, &answer.json()["message"]["content"]), (200, &json!(ANSWER)));
    let image = json!([{"role": "user", "content": "What?", "images": ["aGk="]}]);
    assert_eq!(server.post("/api/chat", &ask(json!({"messages": image}))).status, 400);
}

#[test]
fn texts_become_vectors_cut_where_they_are_too_long() {
    let server = start();
    let body = json!({"model": "bank-embedder", "input": ["a fee", "io"]});
    let answer = server.post("/api/embed", &body).json();
    assert_eq!(answer["embeddings"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&answer["prompt_eval_count"], &answer["model"]),
        (&json!(3), &json!("bank-embedder"))
    );
    let old = json!({"model": "bank-embedder", "prompt": "a fee"});
    assert_eq!(server.post("/api/embeddings", &old).json()["embedding"], answer["embeddings"][0]);
    let mut long = json!({"model": "bank-embedder",
                          "input": "one two three four five six seven eight nine"});
    let answer = server.post("/api/embed", &long);
    assert_eq!((answer.status, answer.header("x-catena-truncated-inputs")), (200, Some("1")));
    long["truncate"] = json!(false);
    assert_eq!(server.post("/api/embed", &long).status, 400);
}

#[test]
fn models_are_listed_shown_and_running() {
    let server = start();
    let names = |path: &str| -> Vec<String> {
        let list = server.get(path).json();
        let models = list["models"].as_array().expect("a list").iter();
        models.filter_map(|model| model["name"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(names("/api/tags").len(), 5);
    assert_eq!(names("/api/ps"), names("/api/tags"));
    let shown = server.post("/api/show", &json!({"model": "bank-model"})).json();
    assert_eq!(shown["capabilities"], json!(["completion", "tools"]));
    assert_eq!(shown["model_info"]["general.context_length"], CONTEXT);
    let none = server.post("/api/show", &json!({"model": "llama"}));
    assert!(none.json()["error"].as_str().expect("a text").contains("does not exist"));
    assert_eq!(none.status, 404);
    assert!(server.get("/api/version").json()["version"].is_string());
}

/// A model whose files say what they are.
struct Described;

impl ModelSource for Described {
    fn bytes(&self) -> u64 {
        7
    }

    fn files(&self) -> Option<ModelFiles> {
        Some(ModelFiles {
            bytes: 91_739_072,
            digest: "9f438cb9cd581fc025612d27f7c1a6669ff83a8bb0ed86c94fcf4c5440555697".to_owned(),
            modified: Duration::from_secs(1_700_000_000),
            format: "gguf".to_owned(),
            family: "llama".to_owned(),
            parameters: 134_515_008,
            quantization: "Q4_K_M".to_owned(),
            embedding_length: 576,
        })
    }

    fn load(&self) -> Result<LoadedModel, LoadError> {
        let model = ServedModel::Language(scripted(None, SchedulerLimits::default(), 64));
        Ok(LoadedModel { model, bytes: 7 })
    }
}

/// The members that Ollama's command line and chat pages show, with the values of its own server.
#[test]
fn a_models_files_say_what_it_is() {
    let server = start();
    server.app.declare("small", Arc::new(Described), None, false);
    server.app.declare_adapter("formal", "small", "nowhere").expect("a free name");
    let listed = |path: &str, name: &str| -> Option<Value> {
        let models = server.get(path).json()["models"].as_array().expect("a list").clone();
        models.into_iter().find(|model| model["name"] == name)
    };
    let digest = "9f438cb9cd581fc025612d27f7c1a6669ff83a8bb0ed86c94fcf4c5440555697";
    let details = json!({
        "parent_model": "",
        "format": "gguf",
        "family": "llama",
        "families": ["llama"],
        "parameter_size": "134.52M",
        "quantization_level": "Q4_K_M",
    });
    let expected = json!({
        "name": "small",
        "model": "small",
        "modified_at": "2023-11-14T22:13:20.000000000Z",
        "size": 91_739_072,
        "digest": digest,
        "details": details,
    });
    assert_eq!(listed("/api/tags", "small").as_ref(), Some(&expected));
    assert_eq!(listed("/api/ps", "small"), None, "it is not in memory");
    let adapter = listed("/api/tags", "formal").expect("it is listed");
    assert_eq!(adapter["details"]["parent_model"], "small");
    assert_eq!((&adapter["digest"], &adapter["size"]), (&expected["digest"], &expected["size"]));

    let shown = server.post("/api/show", &json!({"model": "small:latest"})).json();
    assert_eq!((&shown["details"], &shown["modified_at"]), (&details, &expected["modified_at"]));
    let info = &shown["model_info"];
    assert_eq!(info["general.architecture"], "llama");
    assert_eq!(info["general.parameter_count"], 134_515_008);
    assert_eq!(info["llama.context_length"], CONTEXT);
    assert_eq!(info["llama.embedding_length"], 576);
    let running = listed("/api/ps", "small").expect("it is in memory");
    assert_eq!((&running["size"], &running["size_vram"]), (&json!(7), &json!(0)));
    assert_eq!(running["context_length"], CONTEXT);
    // A program that shortens it for its user finds one where there are no files.
    let fixed = listed("/api/tags", "bank").expect("it is listed");
    assert_eq!(fixed["digest"].as_str().map(str::len), Some(64));
}

#[test]
fn an_assistant_cites_what_it_retrieved() {
    let server = start();
    let answer = server.post("/api/chat", &ask(json!({"model": "bank"}))).json();
    assert_eq!(answer["citations"][0]["document_id"], "fees", "{answer}");
    let lines = server.post("/api/chat", &ask(json!({"model": "bank", "stream": true}))).lines();
    assert_eq!(lines.last().expect("lines")["citations"], answer["citations"]);
    let bare = server.post("/api/chat", &ask(json!({}))).json();
    assert!(bare.get("citations").is_none(), "{bare}");
}
