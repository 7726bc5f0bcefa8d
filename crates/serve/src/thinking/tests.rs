//! Wishes and what templates make of them; thoughts and what follows them.

use super::{Thinking, ThoughtParser, behind_thoughts, mark_text, opens};
use catena_engine::{
    ChatInput, ComposedGrammar, Constraint, ConstraintProbe, EngineError, NamedSchema, PromptCodec,
    TextToken, ToolSyntax, Vocabulary,
};
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

/// Thoughts and answer of `text`, whatever pieces it comes in.
#[track_caller]
fn check(opened: bool, text: &str, thoughts: &str, answer: &str) {
    let chars: Vec<char> = text.chars().collect();
    for size in [1, 2, 3, 5, chars.len().max(1)] {
        let mut parser = ThoughtParser::new(opened);
        let (mut thought, mut said) = (String::new(), String::new());
        for piece in chars.chunks(size) {
            let told = parser.push(&piece.iter().collect::<String>());
            assert!(!told.thoughts.contains('<') && thoughts.starts_with(&thought), "{told:?}");
            thought.push_str(&told.thoughts);
            said.push_str(&told.answer);
        }
        let told = parser.finish("");
        thought.push_str(&told.thoughts);
        said.push_str(&told.answer);
        assert_eq!((thought.as_str(), said.as_str()), (thoughts, answer), "{text:?} by {size}");
    }
}

#[test]
fn thoughts_are_told_from_the_answer() {
    check(false, "<think>\nA wire.\n</think>\n\nIt costs.", "A wire.", "It costs.");
    check(false, " \n<think>A\n\nb </think>c", "A\n\nb", "c");
    check(true, "\nA wire.</think> It", "A wire.", "It");
    check(false, "<think></think>Yes", "", "Yes");
    check(false, "<think>\n\n</think>\n\nYes", "", "Yes");
    check(false, "<think>费用</think>\u{3000}二十", "费用", "二十");
    // What looks like thoughts and is none.
    check(false, "A <think>b</think>", "", "A <think>b</think>");
    check(false, " <thin", "", " <thin");
    check(false, "\n\n", "", "\n\n");
    check(false, "<thinking>", "", "<thinking>");
    check(true, "a</think></think>b", "a", "</think>b");
    check(false, "", "", "");
}

#[test]
fn thoughts_that_are_cut_lose_nothing_but_space() {
    for (text, thoughts) in [("<think>A </th", "A </th"), ("<think>A \n", "A"), ("<think>", "")] {
        let mut parser = ThoughtParser::new(false);
        let mut told = parser.push(text);
        told.thoughts.push_str(&parser.finish("").thoughts);
        assert_eq!((told.thoughts.as_str(), told.answer.as_str()), (thoughts, ""), "{text:?}");
    }
    let mut parser = ThoughtParser::new(true);
    let space = "\n".repeat(100_000);
    assert_eq!(parser.push(&space).thoughts, "");
    assert_eq!(parser.push("a").thoughts, "a");
}

fn bytes_and(special: &[&str]) -> Vocabulary {
    let bytes = (0..=255_u8).map(|byte| (vec![byte], false));
    let special = special.iter().map(|text| (text.as_bytes().to_vec(), true));
    Vocabulary::new(bytes.chain([(b"<eos>".to_vec(), true)]).chain(special), vec![256])
}

#[test]
fn control_tokens_can_be_marks() {
    let vocabulary = bytes_and(&["<think>", "</think>"]);
    let marks = [256, 257, 258, 97].map(|token| mark_text(&vocabulary, token));
    assert_eq!(marks, [None, Some("<think>"), Some("</think>"), None]);
}

/// Whether the answer may be `text` behind thoughts.
fn may_be(constraint: &Constraint, vocabulary: &Vocabulary, tokens: &[u32]) -> bool {
    let constraint = behind_thoughts(constraint.clone(), vocabulary).expect("it is worded");
    let mut probe = ConstraintProbe::new(vocabulary, &constraint).expect("it compiles");
    if probe.valid_prefix(tokens).expect("it is checked") < tokens.len() {
        return false;
    }
    let more = tokens.iter().map(|&token| probe.advance(token).expect("it may follow")).last();
    more == Some(false) || probe.allowed().expect("a mask").contains(&256)
}

#[test]
fn a_form_holds_behind_thoughts() {
    let vocabulary = bytes_and(&[]);
    let tokens = |text: &str| text.bytes().map(u32::from).collect::<Vec<u32>>();
    let schema = json!({"type": "object", "properties": {"fee": {"type": "integer"}},
                        "required": ["fee"], "additionalProperties": false});
    let calls = ComposedGrammar {
        lark: "start: \"call\" @tool\n".to_owned(),
        schemas: vec![NamedSchema {
            name: "tool".to_owned(),
            schema: schema.clone(),
            lenient: true,
        }],
    };
    for (constraint, right, wrong) in [
        (Constraint::JsonSchema(schema), "{\"fee\":25}", "25"),
        (Constraint::JsonObject, "{}", "[]"),
        (Constraint::Regex("a/b|\n".to_owned()), "a/b", "a"),
        (Constraint::Choice(vec!["yes".to_owned(), "no".to_owned()]), "no", "maybe"),
        (Constraint::Composed(calls), "call{\"fee\":1}", "{\"fee\":1}"),
    ] {
        let is_taken = |text: &str| may_be(&constraint, &vocabulary, &tokens(text));
        assert!(is_taken(&format!("Hm. {{}}\n</think>\n\n{right}")), "{constraint:?}");
        assert!(is_taken(&format!("</think>{right}")), "{constraint:?}");
        assert!(!is_taken(&format!("Hm.</think>{wrong}")), "{constraint:?}");
        assert!(!is_taken(right), "{constraint:?}");
    }
    assert!(behind_thoughts(Constraint::Lark("start: \"a\"".to_owned()), &vocabulary).is_err());
    // The end of thoughts as a control token, which no text can be.
    let vocabulary = bytes_and(&["</think>"]);
    let choice = Constraint::Choice(vec!["yes".to_owned()]);
    let with_token =
        |before: &str, after: &str| [tokens(before), vec![257], tokens(after)].concat();
    assert!(may_be(&choice, &vocabulary, &with_token("Hm. ", "\nyes")));
    assert!(!may_be(&choice, &vocabulary, &with_token("Hm. ", "no")));
}
