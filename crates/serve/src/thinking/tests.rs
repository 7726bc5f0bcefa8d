//! Wishes and what templates make of them.

use super::{Thinking, opens};
use catena_engine::{ChatInput, EngineError, PromptCodec, TextToken, ToolSyntax, Vocabulary};
use serde_json::{Map, Value, json};

/// A template that looks at these variables.
struct Reads(&'static [&'static str]);

impl PromptCodec for Reads {
    fn encode_chat(&self, _: &ChatInput<'_>) -> Result<Vec<u32>, EngineError> {
        Err(EngineError::NoChatTemplate)
    }

    fn encode_text(&self, _: &str) -> Result<Vec<u32>, EngineError> {
        Err(EngineError::NoChatTemplate)
    }

    fn tokenize(&self, _: &str) -> Result<Vec<TextToken>, EngineError> {
        Err(EngineError::NoChatTemplate)
    }

    fn tool_syntax(&self) -> Option<&ToolSyntax> {
        None
    }

    fn reads_variable(&self, name: &str) -> bool {
        self.0.contains(&name)
    }
}

/// The variables that a wish sets; nothing if it is refused.
fn set(thinking: &Thinking, names: &'static [&'static str], opens: bool) -> Option<Value> {
    let mut variables = Map::new();
    let was_set = thinking.set(&Reads(names), &mut variables);
    thinking.check(was_set, opens).ok()?;
    Some(Value::Object(variables))
}

#[test]
fn wishes_become_variables_of_the_template() {
    let (on, off) = (Thinking::switched("think", true), Thinking::switched("think", false));
    let low = Thinking::effort("reasoning_effort", "low").unwrap();
    let none = Thinking::effort("reasoning_effort", "none").unwrap();
    let both: &[&str] = &["enable_thinking", "reasoning_effort"];
    for (wish, names, expected) in [
        (&on, &["enable_thinking"][..], json!({"enable_thinking": true})),
        (&off, &["enable_thinking"], json!({"enable_thinking": false})),
        (&off, &["thinking"], json!({"thinking": false})),
        (&off, &[], json!({})),
        (&none, &["enable_thinking"], json!({"enable_thinking": false})),
        (&low, &["enable_thinking"], json!({"enable_thinking": true})),
        (&low, &["reasoning_effort"], json!({"reasoning_effort": "low"})),
        (&low, both, json!({"enable_thinking": true, "reasoning_effort": "low"})),
    ] {
        assert_eq!(set(wish, names, false), Some(expected), "{wish:?} {names:?}");
    }
    assert!(Thinking::effort("reasoning_effort", "much").is_err());
}

#[test]
fn what_the_template_cannot_do_is_refused() {
    let (on, off) = (Thinking::switched("think", true), Thinking::switched("think", false));
    let low = Thinking::effort("reasoning_effort", "low").unwrap();
    assert_eq!(set(&on, &[], false), None);
    assert_eq!(set(&low, &[], false), None);
    // A template that always opens thoughts does what is wished, or cannot.
    assert_eq!(set(&on, &[], true), Some(json!({})));
    assert_eq!(set(&off, &[], true), None);
    assert_eq!(set(&low, &[], true), None);
}

#[test]
fn a_variable_that_the_client_sets_stays() {
    let mut variables = Map::from_iter([("enable_thinking".to_owned(), json!(true))]);
    let off = Thinking::switched("think", false);
    assert!(off.set(&Reads(&["enable_thinking"]), &mut variables));
    assert_eq!(Value::Object(variables), json!({"enable_thinking": true}));
}

#[test]
fn a_prompt_that_opens_thoughts_is_told_by_its_end() {
    let texts = ["a", "<think>", "\n", "</think>", "<th", "ink>"];
    let tokens = texts.iter().map(|text| (text.as_bytes().to_vec(), false));
    let vocabulary = Vocabulary::new(tokens, vec![0]);
    for prompt in [&[0, 1][..], &[0, 1, 2], &[4, 5], &[0, 4, 5, 2, 2]] {
        assert!(opens(&vocabulary, prompt), "{prompt:?}");
    }
    for prompt in [&[][..], &[0], &[1, 0], &[1, 2, 3, 2], &[5]] {
        assert!(!opens(&vocabulary, prompt), "{prompt:?}");
    }
}
