//! Calls are held to their tools and read as they come.

use super::plain::{describe, reword, tell_system};
use super::{CallIds, CallParser, Calling, Part, Tool, ToolChoice, Tools};
use catena_engine::{
    ChatInput, Constraint, ConstraintProbe, EngineError, PromptCodec, TextToken, ToolPiece,
    ToolSyntax, Vocabulary,
};
use catena_protocol::{ChatMessage, Role, ToolCall};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

const EOS: u32 = 256;
/// A control token that begins calls in some syntaxes.
const CALLS: u32 = 257;
const ARGS: u32 = 258;

fn vocabulary() -> Vocabulary {
    let bytes = (0..=255_u8).map(|byte| (vec![byte], false));
    let special = ["<eos>", "[CALLS]", "[ARGS]"].map(|text| (text.as_bytes().to_vec(), true));
    Vocabulary::new(bytes.chain(special), vec![EOS])
}

fn text(text: &str) -> ToolPiece {
    ToolPiece::Text(text.to_owned())
}

/// Mistral's list behind a control token.
fn list() -> ToolSyntax {
    let id = |before: &str, after: &str| vec![text(before), ToolPiece::CallId, text(after)];
    ToolSyntax {
        open: vec![ToolPiece::Special(CALLS), text("[{\"name\": \"")],
        middle: vec![text("\", \"arguments\": ")],
        next: Some(id(", \"id\": \"", "\"}, {\"name\": \"")),
        close: id(", \"id\": \"", "\"}]"),
    }
}

/// Nothing but control tokens.
fn tokens() -> ToolSyntax {
    ToolSyntax {
        open: vec![ToolPiece::Special(CALLS)],
        middle: vec![ToolPiece::Special(ARGS)],
        next: Some(vec![ToolPiece::Special(CALLS)]),
        close: vec![],
    }
}

/// One call with nothing around it.
fn bare() -> ToolSyntax {
    ToolSyntax {
        open: vec![text("{\"name\": \"")],
        middle: vec![text("\", \"parameters\": ")],
        next: None,
        close: vec![text("}")],
    }
}

/// A codec that does nothing but show a syntax.
struct Shown(Option<ToolSyntax>);

impl PromptCodec for Shown {
    fn encode_chat(&self, chat: &ChatInput<'_>) -> Result<Vec<u32>, EngineError> {
        let told = chat.messages.iter().map(|m| format!("{:?}: {}\n", m.role, m.text()));
        let tools = format!("{} tools\n", chat.tools.len());
        Ok(told.chain([tools]).collect::<String>().bytes().map(u32::from).collect())
    }

    fn encode_text(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        Ok(text.bytes().map(u32::from).collect())
    }

    fn tokenize(&self, text: &str) -> Result<Vec<TextToken>, EngineError> {
        let byte =
            |(at, byte): (usize, u8)| TextToken { token: byte.into(), span: Some(at..at + 1) };
        Ok(text.bytes().enumerate().map(byte).collect())
    }

    fn tool_syntax(&self) -> Option<&ToolSyntax> {
        self.0.as_ref()
    }
}

fn tool(name: &str, parameters: Value) -> Tool {
    Tool { name: name.to_owned(), description: None, parameters: Some(parameters), strict: false }
}

/// Two tools, the name of one the beginning of the other's.
fn fees(choice: ToolChoice) -> Tools {
    let fee = json!({"type": "object", "properties": {"card": {"$ref": "#/$defs/card"},
        "note": {"type": "string", "maxLength": 9}}, "required": ["card"],
        "$defs": {"card": {"enum": ["gold", "silver"]}}});
    let list = json!({"type": "object", "properties": {"months": {"type": "integer", "maximum": 12}},
        "required": ["months"]});
    Tools { list: vec![tool("fee", fee), tool("fee_list", list)], choice, one_call: false }
}

fn calling(syntax: Option<ToolSyntax>, choice: ToolChoice) -> Calling {
    Calling::new(fees(choice), &Shown(syntax))
}

fn probe(calling: &Calling, form: Option<Constraint>) -> ConstraintProbe {
    let constraint = calling.constraint(form).expect("it is worded").expect("tools are offered");
    ConstraintProbe::new(&vocabulary(), &constraint).expect("it compiles")
}

fn parser(calling: &Calling) -> CallParser {
    let mut count = 0;
    let ids: CallIds = Box::new(move || {
        count += 1;
        format!("id{count}")
    });
    calling.parser(ids)
}

/// Tokens of an output; `«` and `»` stand for the control tokens.
fn output(text: &str) -> Vec<u32> {
    let token = |c: char| match c {
        '«' => vec![CALLS],
        '»' => vec![ARGS],
        c => c.to_string().bytes().map(u32::from).collect(),
    };
    text.chars().flat_map(token).collect()
}

/// Parts of an output, neighbours of one kind joined.
fn parts(parser: &mut CallParser, tokens: &[u32]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let texts = tokens.iter().map(|&token| match u8::try_from(token) {
        Ok(byte) => (token, char::from(byte).to_string()),
        Err(_) => (token, String::new()),
    });
    let pieces: Vec<Part> = texts.flat_map(|(token, text)| parser.push(token, &text)).collect();
    for part in pieces.into_iter().chain(parser.finish("")) {
        match (parts.last_mut(), part) {
            (Some(Part::Text(known)), Part::Text(more)) => known.push_str(&more),
            (Some(Part::CallArguments { json, .. }), Part::CallArguments { json: more, .. }) => {
                json.push_str(&more);
            }
            (_, part) => parts.push(part),
        }
    }
    parts
}

fn say(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn call(index: usize, name: &str, json: &str) -> [Part; 2] {
    let id = format!("id{}", index + 1);
    let start = Part::CallStart { index, id, name: name.to_owned() };
    [start, Part::CallArguments { index, json: json.to_owned() }]
}

/// `text` is an answer that the grammar takes and that the parser reads as `expected`.
fn check(syntax: Option<ToolSyntax>, choice: ToolChoice, text: &str, expected: &[Part]) {
    let calling = calling(syntax, choice);
    let tokens = output(text);
    let taken = probe(&calling, None).valid_prefix(&tokens).expect("it is checked");
    assert_eq!(taken, tokens.len(), "{text} is taken up to {}", &text[..taken.min(text.len())]);
    assert_eq!(parts(&mut parser(&calling), &tokens), expected, "{text}");
}

const HERMES: &str =
    "<tool_call>\n{\"name\": \"fee\", \"arguments\": {\"card\":\"gold\"}}\n</tool_call>";

#[test]
fn words_and_calls_are_told_apart() {
    let auto = || ToolChoice::Auto;
    check(None, auto(), "Five < six.\n", &[say("Five < six.\n")]);
    check(None, auto(), HERMES, &call(0, "fee", "{\"card\":\"gold\"}"));
    let both = format!("Let me see. \n{HERMES}");
    let expected = [&[say("Let me see.")], &call(0, "fee", "{\"card\":\"gold\"}")[..]].concat();
    check(None, auto(), &both, &expected);
    let two = format!(
        "{HERMES}\n<tool_call>\n{{\"name\": \"fee_list\", \"arguments\": {{\"months\": 3}}}}\n</tool_call>"
    );
    let first = call(0, "fee", "{\"card\":\"gold\"}");
    check(None, auto(), &two, &[first, call(1, "fee_list", "{\"months\": 3}")].concat());
    let nested = "«[{\"name\": \"fee\", \"arguments\": {\"card\": \"gold\", \"note\": \"}\\\"{\"}, \"id\": \"abcdefghi\"}]";
    let json = "{\"card\": \"gold\", \"note\": \"}\\\"{\"}";
    check(
        Some(list()),
        auto(),
        &format!("Ah.{nested}"),
        &[&[say("Ah.")], &call(0, "fee", json)[..]].concat(),
    );
    let json = "{\"months\":1}";
    check(
        Some(tokens()),
        auto(),
        "«fee_list»{\"months\":1}«fee_list»{\"months\":1}",
        &[call(0, "fee_list", json), call(1, "fee_list", json)].concat(),
    );
    check(
        Some(bare()),
        auto(),
        "{\"name\": \"fee_list\", \"parameters\": {\"months\":1}}",
        &call(0, "fee_list", json),
    );
    check(Some(bare()), auto(), "{\"nam", &[say("{\"nam")]);
    check(Some(bare()), auto(), "See {\"name\": 1}", &[say("See {\"name\": 1}")]);
}

#[test]
fn calls_can_be_demanded() {
    for syntax in [None, Some(list()), Some(tokens()), Some(bare())] {
        let required = calling(syntax.clone(), ToolChoice::Required);
        let words = output("Let me see.");
        assert_eq!(probe(&required, None).valid_prefix(&words).unwrap(), 0);
        let mut named = probe(&calling(syntax, ToolChoice::Named("fee_list".to_owned())), None);
        // Only the longer name may follow its beginning.
        let other = output("«fee»");
        assert!(named.valid_prefix(&other).unwrap() < other.len());
    }
    check(None, ToolChoice::Required, HERMES, &call(0, "fee", "{\"card\":\"gold\"}"));
}

#[test]
fn bad_calls_cannot_be_written() {
    let auto = calling(None, ToolChoice::Auto);
    for bad in [
        "<tool_call>\nfee",
        "<tool_call>\n{\"name\": \"tax",
        "{\"name\": \"fee\", \"arguments\": {\"card\": \"tin",
        "{\"name\": \"fee\", \"arguments\": {\"card\": \"gold\", \"x\"",
        "{\"name\": \"fee\", \"arguments\": []",
    ] {
        let bad = if bad.starts_with('<') { bad.to_owned() } else { format!("<tool_call>\n{bad}") };
        let tokens = output(&bad);
        assert!(probe(&auto, None).valid_prefix(&tokens).unwrap() < tokens.len(), "{bad}");
    }
    let one = Calling::new(Tools { one_call: true, ..fees(ToolChoice::Auto) }, &Shown(None));
    let two = output(&format!("{HERMES}\n<"));
    assert_eq!(probe(&one, None).valid_prefix(&two).unwrap(), two.len() - 2);
}

#[test]
fn a_form_stands_in_for_words() {
    let auto = calling(None, ToolChoice::Auto);
    let form = || {
        Some(Constraint::JsonSchema(
            json!({"type": "object", "properties": {"fee": {"type": "integer"}},
        "required": ["fee"], "additionalProperties": false}),
        ))
    };
    for good in ["{\"fee\": 5}", HERMES] {
        let tokens = output(good);
        assert_eq!(probe(&auto, form()).valid_prefix(&tokens).unwrap(), tokens.len(), "{good}");
    }
    assert_eq!(probe(&auto, form()).valid_prefix(&output("Five")).unwrap(), 0);
    assert!(auto.constraint(Some(Constraint::Regex("a".to_owned()))).is_err());
}

/// Any output of the grammar: its calls, or nothing if it was cut.
fn wander(calling: &Calling, rng: &mut ChaCha8Rng) -> Option<Vec<Part>> {
    const MOST: usize = 1500;
    let mut probe = probe(calling, None);
    let mut tokens = Vec::new();
    // What ends strings, objects and calls more often than a coin among 256 bytes would.
    let closers = output("\"}]:,«»\n<{");
    while tokens.len() < MOST {
        let allowed = probe.allowed().unwrap();
        let closing: Vec<u32> = allowed
            .iter()
            .copied()
            .filter(|token| *token == EOS || closers.contains(token))
            .collect();
        let from = if !closing.is_empty() && rng.random_bool(0.4) { &closing } else { &allowed };
        let token = from[rng.random_range(0..from.len())];
        if token == EOS || !probe.advance(token).unwrap() {
            tokens.extend((token != EOS).then_some(token));
            return Some(parts(&mut parser(calling), &tokens));
        }
        tokens.push(token);
    }
    None
}

#[test]
fn whatever_the_model_writes_the_arguments_are_what_the_tools_take() {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut calls = [0; 2];
    for syntax in [None, Some(list()), Some(tokens()), Some(bare())] {
        for _ in 0..15 {
            let calling = calling(syntax.clone(), ToolChoice::Required);
            let Some(parts) = wander(&calling, &mut rng) else { continue };
            assert!(matches!(parts[0], Part::CallStart { .. }), "{parts:?}");
            for pair in parts.chunks(2) {
                let [Part::CallStart { name, .. }, Part::CallArguments { json, .. }] = pair else {
                    panic!("{parts:?}")
                };
                let value: Value = serde_json::from_str(json).expect("arguments are JSON");
                match name.as_str() {
                    "fee" => assert!(["gold", "silver"].contains(&value["card"].as_str().unwrap())),
                    "fee_list" => assert!(value["months"].as_i64().unwrap() <= 12),
                    other => panic!("{other}"),
                }
                calls[usize::from(name == "fee")] += 1;
            }
        }
    }
    assert!(calls.iter().all(|&count| count >= 10), "{calls:?}");
}

#[test]
fn what_is_cut_in_a_call_is_told_as_far_as_it_came() {
    let calling = calling(None, ToolChoice::Auto);
    let mut cut = parser(&calling);
    let end = HERMES.find("ld\"").unwrap();
    assert_eq!(parts(&mut cut, &output(&HERMES[..end])), call(0, "fee", "{\"card\":\"go"));
    assert!(!cut.has_whole_calls());
    let mut whole = parser(&calling);
    parts(&mut whole, &output(HERMES));
    assert!(whole.has_whole_calls());
    assert_eq!(parts(&mut parser(&calling), &output("Hi <tool")), [say("Hi <tool")]);
}

#[test]
fn models_without_a_syntax_are_told_in_words() {
    let messages = [
        ChatMessage::new(Role::System, "Be brief."),
        ChatMessage::new(Role::User, "Fee?"),
        ChatMessage::calls(None, vec![ToolCall::new("fee", json!({"card": "gold"}))]),
        ChatMessage::new(Role::Tool, "5"),
        ChatMessage::new(Role::Tool, "6"),
        ChatMessage::new(Role::User, "Well?"),
    ];
    let description = describe(&fees(ToolChoice::Auto).list).expect("there are tools");
    let told = tell_system(&reword(&messages), &description);
    let shown: Vec<String> = told.iter().map(|m| format!("{:?}: {}", m.role, m.text())).collect();
    insta::assert_snapshot!(shown.join("\n---\n"));
    // A template that shows calls gets them and the tools as they are.
    let native = calling(Some(list()), ToolChoice::Auto);
    let shown = Shown(Some(list()));
    let prompt = native.encode(&shown, &messages, None).unwrap();
    let prompt: String = prompt.iter().map(|&t| char::from(u8::try_from(t).unwrap())).collect();
    assert!(prompt.ends_with("Tool: 6\nUser: Well?\n2 tools\n"), "{prompt}");
}

#[test]
fn tools_are_checked() {
    let mut told = String::new();
    let object = || json!({"type": "object"});
    let tools = |list, choice| Tools { list, choice, one_call: false };
    let many = (0..129).map(|idx| tool(&format!("t{idx}"), object())).collect();
    for tools in [
        tools(many, ToolChoice::Auto),
        tools(vec![tool("", object())], ToolChoice::Auto),
        tools(vec![tool("a\"b", object())], ToolChoice::Auto),
        tools(vec![tool("a", json!([1]))], ToolChoice::Auto),
        tools(vec![tool("a", object()), tool("a", object())], ToolChoice::Auto),
        tools(vec![], ToolChoice::Required),
        tools(vec![tool("a", object())], ToolChoice::Named("b".to_owned())),
    ] {
        told.push_str(&format!("{}\n", tools.check().expect_err("it is refused")));
    }
    insta::assert_snapshot!(told);
}

/// A parser of vLLM evaluated what stood in a call.
#[test]
fn s11_what_stands_in_a_call_is_only_read() {
    let pieces = [
        "<tool_call>\n",
        "</tool_call>",
        "{\"name\": \"",
        "fee",
        "fee_list",
        "\", \"arguments\": ",
        "\", \"parameters\": ",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        "«",
        "»",
        "\n",
        ", \"id\": \"",
        ": 1",
        "__import__('os').system('id')",
        "eval(x)",
        "\\u0000",
        "-1e999",
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for syntax in [None, Some(list()), Some(tokens()), Some(bare())] {
        let calling = calling(syntax, ToolChoice::Auto);
        for _ in 0..2000 {
            let count = rng.random_range(0..30);
            // In any order: a grammar would not let a model write most of them.
            let text: String =
                (0..count).map(|_| pieces[rng.random_range(0..pieces.len())]).collect();
            let parts = parts(&mut parser(&calling), &output(&text));
            let said = |part: &Part| match part {
                Part::Thought(text) | Part::Text(text) => text.len(),
                Part::CallStart { name, .. } => name.len(),
                Part::CallArguments { json, .. } => json.len(),
            };
            let length: usize = parts.iter().map(said).sum();
            assert!(length <= text.len(), "more than was written: {text} gives {parts:?}");
        }
    }
    let code = "«fee»{\"card\": \"__import__('os').system('id')\"}";
    let calling = calling(Some(tokens()), ToolChoice::Auto);
    let expected = call(0, "fee", "{\"card\": \"__import__('os').system('id')\"}");
    assert_eq!(parts(&mut parser(&calling), &output(code)), expected);
}

/// The pattern that vLLM found calls with took exponential time.
#[test]
fn s12_the_longest_answers_are_read_in_linear_time() {
    let outputs = [
        "<tool_call".repeat(100_000),
        "<".repeat(1_000_000),
        format!("<tool_call>\n{{\"name\": \"fee\", \"arguments\": {}", "[".repeat(1_000_000)),
        format!("<tool_call>\n{{\"name\": \"fee\", \"arguments\": {{\"{}", "\\".repeat(1_000_000)),
        format!("<tool_call>\n{{\"name\": \"{}", "a".repeat(1_000_000)),
        "\n ".repeat(500_000),
        HERMES.repeat(10_000),
    ];
    for syntax in [None, Some(list()), Some(bare())] {
        let calling = calling(syntax, ToolChoice::Auto);
        for text in &outputs {
            let begun = std::time::Instant::now();
            parts(&mut parser(&calling), &output(text));
            // A fraction of a second; what grows with the square takes hours.
            let shown = &text[..text.len().min(40)];
            assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{shown}");
        }
    }
}
