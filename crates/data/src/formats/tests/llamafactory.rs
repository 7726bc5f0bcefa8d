//! Rows against LLaMA-Factory's converters, and preferences against TRL's functions.

use super::*;
use crate::dataset_info::entry_of;
use crate::test_support::golden_json;
use catena_protocol::{ChatMessage, Content, Role};
use serde_json::json;

/// A sample as LLaMA-Factory writes it: prompt, response, system and tools.
fn standard(sample: TrainingSample) -> Value {
    let messages = |content: Content| content.messages().to_vec();
    let (mut prompt, responses, extras) = if let TrainingSample::Chat(mut sample) = sample {
        let last: Vec<ChatMessage> = sample.messages.pop().into_iter().collect();
        (sample.messages, vec![last], sample.extras)
    } else if let TrainingSample::Preference(sample) = sample {
        let responses = vec![messages(sample.chosen), messages(sample.rejected)];
        (messages(sample.prompt), responses, sample.extras)
    } else {
        let TrainingSample::Unpaired(sample) = sample else { panic!("{sample:?}") };
        let blank = vec![ChatMessage::new(Role::Assistant, "")];
        let completion = messages(sample.completion);
        let responses =
            if sample.label { vec![completion, blank] } else { vec![blank, completion] };
        (messages(sample.prompt), responses, sample.extras)
    };
    let has_system = prompt.first().is_some_and(|turn| turn.role == Role::System);
    let system = if has_system { prompt.remove(0).text().to_owned() } else { String::new() };
    let response: Vec<Value> = responses.iter().flatten().map(turn).collect();
    // What LLaMA-Factory joins into one turn of results stands alone in ours.
    let mut turns: Vec<Value> = Vec::new();
    for message in &prompt {
        let made = turn(message);
        match turns.last_mut() {
            Some(before) if before["role"] == "observation" && made["role"] == "observation" => {
                let (a, b) =
                    (before["content"].as_str().unwrap(), made["content"].as_str().unwrap());
                let joined = format!("{a}\n</tool_response>\n<tool_response>\n{b}");
                before["content"] = joined.into();
            }
            _ => turns.push(made),
        }
    }
    json!({"prompt": turns, "response": response, "system": system, "tools": extras.tools})
}

fn turn(message: &ChatMessage) -> Value {
    if !message.tool_calls.is_empty() {
        let calls: Vec<Value> =
            message.tool_calls.iter().map(|call| json!(call.function)).collect();
        return json!({"role": "function", "content": calls});
    }
    let role = match message.role {
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool => "observation",
        Role::System => "system",
    };
    json!({"role": role, "content": message.text()})
}

/// Their row in the same shape: calls parsed, tools wrapped, and without the words on thinking that
/// their converter for `openai` adds to system prompts.
fn theirs(expected: &Value, formatting: &Value) -> Value {
    let parse = |turns: &Value| {
        let turns = turns.as_array().unwrap().iter();
        let turns = turns.map(|turn| {
            if turn["role"] != "function" {
                return turn.clone();
            }
            let calls: Value = serde_json::from_str(turn["content"].as_str().unwrap()).unwrap();
            let calls = if calls.is_array() { calls } else { json!([calls]) };
            json!({"role": "function", "content": calls})
        });
        turns.collect::<Vec<_>>()
    };
    let tools = expected["tools"].as_array().unwrap().iter();
    let tools: Vec<Value> =
        tools.map(|tool| json!({"type": "function", "function": tool})).collect();
    let mut system = expected["system"].as_str().unwrap();
    if formatting == "openai" {
        system = system.strip_suffix("detailed thinking off").unwrap_or(system).trim_end();
    }
    let (prompt, response) = (parse(&expected["prompt"]), parse(&expected["response"]));
    json!({"prompt": prompt, "response": response, "system": system, "tools": tools})
}

#[test]
fn rows_become_what_llamafactory_makes_of_them() {
    let goldens = golden_json("llamafactory_rows.json");
    let (mut kept, mut dropped) = (0, 0);
    for (name, set) in goldens.as_object().unwrap() {
        let mut entry = fields(&set["entry"]);
        entry.insert("file_name".into(), "rows.json".into());
        let (format, layout) = entry_of(name, &entry).unwrap();
        let rows = set["rows"].as_array().unwrap().iter();
        for (row, expected) in rows.zip(set["expected"].as_array().unwrap()) {
            let read = format.read(Fields(&fields(row)), &layout);
            if expected.is_null() {
                let reason = read.expect_err(&format!("{name}: {row}"));
                assert!(!reason.to_string().is_empty() && !reason.code().is_empty());
                dropped += 1;
                continue;
            }
            let read = read.unwrap_or_else(|reason| panic!("{name}: {row}: {reason}"));
            assert_eq!(
                standard(read),
                theirs(expected, &set["entry"]["formatting"]),
                "{name}: {row}"
            );
            kept += 1;
        }
    }
    assert!(kept >= 20 && dropped >= 12, "{kept} kept, {dropped} dropped");
}

#[test]
fn prompts_are_taken_out_of_answers_as_trl_does() {
    let goldens = golden_json("rows.json");
    for case in goldens["preferences"].as_array().unwrap() {
        let TrainingSample::Preference(pair) = read(&case["row"]).unwrap() else {
            panic!("{case}")
        };
        let made = json!({"prompt": pair.prompt, "chosen": pair.chosen, "rejected": pair.rejected});
        let mut expected = case["expected"].clone();
        // TRL compares a text with messages; the prompt found in the answers is the same here.
        expected.as_object_mut().unwrap().retain(|key, _| made.get(key).is_some());
        assert_eq!(made, expected, "{case}");
        let unpaired = pair.unpair();
        for (at, one) in unpaired.iter().enumerate() {
            assert_eq!(json!(one.completion), case["unpaired"]["completion"][at]);
            assert_eq!(json!(one.label), case["unpaired"]["label"][at]);
            assert_eq!(json!(one.prompt), case["unpaired"]["prompt"][at]);
        }
    }
    let text_prompt = json!({"prompt": "q", "chosen": [{"role": "assistant", "content": "a"}],
        "rejected": [{"role": "assistant", "content": "b"}]});
    let TrainingSample::Preference(pair) = read(&text_prompt).unwrap() else { panic!() };
    assert_eq!(json!(pair.prompt), json!([{"role": "user", "content": "q"}]));
    let chat_prompt = json!({"prompt": [{"role": "user", "content": "q"}], "chosen": "same a", "rejected": "same b"});
    let TrainingSample::Preference(pair) = read(&chat_prompt).unwrap() else { panic!() };
    assert_eq!(json!(pair.chosen), json!([{"role": "assistant", "content": "same a"}]));
    let none = json!({"chosen": [{"role": "assistant", "content": "a"}],
        "rejected": [{"role": "assistant", "content": "b"}]});
    assert_eq!(read(&none).unwrap_err(), DropReason::NoPrompt);
}
