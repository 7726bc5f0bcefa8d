//! Constrained outputs are what was asked for, and bad constraints are refused.

use super::fake::{FakeRunner, noise, tokens, vocabulary};
use crate::{
    Completion, ComposedGrammar, Constraint, ConstraintProbe, Engine, EngineError,
    MAX_PATTERN_BYTES, MAX_SCHEMA_LEVELS, NamedSchema, Request, SamplingParams, SchedulerLimits,
};
use catena_protocol::{Cancel, FinishReason, NoProgress};
use serde_json::{Value, json};

fn engine() -> Engine<FakeRunner> {
    Engine::new(FakeRunner::new(400, noise), vocabulary(), SchedulerLimits::default())
}

/// Outputs of a model without a clue, held to `constraint`, over several seeds.
fn outputs(constraint: &Constraint, max_new_tokens: usize) -> Vec<Completion> {
    let request = |seed| {
        let params =
            SamplingParams { temperature: 1.0, seed, ..SamplingParams::greedy(max_new_tokens) };
        Request::new(tokens("Answer:"), params).with_constraint(constraint.clone())
    };
    let requests = (0..12).map(request).collect();
    engine().run_all(requests, &NoProgress, &Cancel::new()).expect("it runs")
}

fn question_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "question": {"type": "string", "minLength": 3, "maxLength": 30},
            "kind": {"enum": ["fee", "limit", "how"]},
            "scores": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9},
                       "minItems": 1, "maxItems": 3}
        },
        "required": ["question", "kind", "scores"],
        "additionalProperties": false
    })
}

#[test]
fn json_outputs_satisfy_their_schema() {
    for completion in outputs(&Constraint::JsonSchema(question_schema()), 400) {
        assert_eq!(completion.finish_reason, FinishReason::Stop, "{:?}", completion.text);
        let value: Value = serde_json::from_str(&completion.text).expect("it parses");
        let question = value["question"].as_str().expect("a string");
        assert!((3..=30).contains(&question.chars().count()), "{question:?}");
        assert!(["fee", "limit", "how"].contains(&value["kind"].as_str().expect("a string")));
        let scores = value["scores"].as_array().expect("an array");
        assert!((1..=3).contains(&scores.len()));
        assert!(scores.iter().all(|score| score.as_u64().is_some_and(|n| n <= 9)));
        assert_eq!(value.as_object().map(serde_json::Map::len), Some(3));
    }
}

#[test]
fn regex_outputs_match_as_a_whole() {
    for completion in outputs(&Constraint::Regex(r"[0-9]{3}-[A-F]{2}( ok)?".to_owned()), 50) {
        let text = completion.text.as_bytes();
        assert_eq!(completion.finish_reason, FinishReason::Stop);
        assert!(text[..3].iter().all(u8::is_ascii_digit) && text[3] == b'-');
        assert!(text[4..6].iter().all(|b| (b'A'..=b'F').contains(b)));
        assert!(["", " ok"].contains(&&completion.text[6..]), "{:?}", completion.text);
    }
}

#[test]
fn any_object_is_a_prefix_of_json_at_least() {
    for completion in outputs(&Constraint::JsonObject, 60) {
        let parsed = serde_json::from_str::<Value>(&completion.text);
        match (completion.finish_reason, parsed) {
            (FinishReason::Stop, parsed) => assert!(parsed.expect("it parses").is_object()),
            (FinishReason::Length, Err(error)) => assert!(error.is_eof(), "{error}"),
            (reason, parsed) => panic!("{reason:?} with {parsed:?}"),
        }
    }
}

/// Words, then up to three calls whose arguments are schemas of their own.
fn calls(lenient: bool) -> Constraint {
    let schema = |name: &str, schema| NamedSchema { name: name.to_owned(), schema, lenient };
    let pair = json!({"type": "object", "properties": {"to": {"$ref": "#/$defs/to"}},
        "required": ["to"], "additionalProperties": false,
        "$defs": {"to": {"enum": ["a", "b"]}}});
    let tags = json!({"type": "array", "items": {"type": "boolean"}, "maxItems": 2,
        "uniqueItems": true});
    Constraint::Composed(ComposedGrammar {
        lark: "start: open call (\"\\n\" call){0,2} \"</c>\" | TEXT\n\
            open[lazy]: TEXT \"<c>\"\n\
            call: \"pair(\" @pair \")\" | \"tags(\" @tags \")\"\n\
            TEXT: /(.|\\n)*/"
            .to_owned(),
        schemas: vec![schema("pair", pair), schema("tags", tags)],
    })
}

#[test]
fn schemas_inside_a_grammar_hold_from_the_mark_on() {
    let probe = |text: &str| {
        let mut probe = ConstraintProbe::new(&vocabulary(), &calls(true)).expect("it compiles");
        let tokens = tokens(text);
        probe.valid_prefix(&tokens).expect("it is checked") == tokens.len()
    };
    for good in [
        "Hi.",
        "a < b",
        "x <c>pair({\"to\": \"a\"})</c>",
        "<c>pair({\"to\": \"a\"})\ntags([true,false])</c>",
        "<c>tags([ ])",
    ] {
        assert!(probe(good), "{good}");
    }
    for bad in [
        "x <c>Hi",
        "<c>pair({\"to\": \"c",
        "<c>pair({})",
        "<c>tags([1",
        "<c>tags([])</c>x",
        "<c>tags([])\ntags([])\ntags([])\n",
    ] {
        assert!(!probe(bad), "{bad}");
    }
}

#[test]
fn keywords_that_cannot_be_enforced_are_refused_unless_leniency_is_asked_for() {
    let error = ConstraintProbe::new(&vocabulary(), &calls(false)).err().expect("it is refused");
    assert!(error.to_string().contains("uniqueItems"), "{error}");
}

#[test]
fn an_empty_schema_ends() {
    for completion in outputs(&Constraint::JsonSchema(json!({"type": "boolean"})), 20) {
        assert!(["true", "false"].contains(&completion.text.trim()), "{:?}", completion.text);
        assert_eq!(completion.finish_reason, FinishReason::Stop);
    }
}

fn refused(constraint: Constraint) -> EngineError {
    let request = Request::new(tokens("x"), SamplingParams::greedy(5)).with_constraint(constraint);
    engine().add(request).expect_err("it is refused")
}

#[test]
fn bad_constraints_are_refused_at_submission() {
    let unknown = refused(Constraint::JsonSchema(json!({"type": "colour"})));
    assert!(matches!(unknown, EngineError::ConstraintInvalid { kind: "JSON schema", .. }));
    let list = refused(Constraint::JsonSchema(json!([1])));
    assert!(matches!(list, EngineError::ConstraintInvalid { .. }));
    let never = json!({"type": "object", "properties": {"a": false}, "required": ["a"]});
    assert!(matches!(
        refused(Constraint::JsonSchema(never)),
        EngineError::ConstraintInvalid { .. }
    ));
    let open = refused(Constraint::Regex("(unclosed".to_owned()));
    assert!(matches!(open, EngineError::ConstraintInvalid { kind: "regex", .. }));
}

#[test]
fn costly_constraints_are_refused() {
    let mut deep = json!({"type": "string"});
    for _ in 0..=MAX_SCHEMA_LEVELS {
        deep = json!({"items": deep});
    }
    let found = refused(Constraint::JsonSchema(deep));
    assert!(matches!(found, EngineError::ConstraintTooLarge { unit: "levels", .. }));
    let long = Constraint::Regex("a".repeat(MAX_PATTERN_BYTES + 1));
    assert!(matches!(refused(long), EngineError::ConstraintTooLarge { unit: "bytes", .. }));
    let patterns = vec![json!({"pattern": "a".repeat(1000)}); 17];
    let found = refused(Constraint::JsonSchema(json!({"anyOf": patterns})));
    assert!(matches!(found, EngineError::ConstraintTooLarge { unit: "bytes of patterns", .. }));
    let found = refused(Constraint::Lark("a: \"x\"\n".repeat(513)));
    assert!(matches!(found, EngineError::ConstraintTooLarge { unit: "rules", .. }));
    let found = refused(Constraint::Choice(vec!["x".to_owned(); 5000]));
    assert!(matches!(found, EngineError::ConstraintTooLarge { unit: "texts", .. }));
    assert!(matches!(
        refused(Constraint::Choice(vec![])),
        EngineError::ConstraintInvalid { kind: "choice", .. }
    ));
}

#[test]
fn a_pattern_that_needs_too_much_fails_its_request_only() {
    let costly = Constraint::Regex("(.{0,900}a.{0,900}){0,900}b".to_owned());
    let mut engine = engine();
    let costly = Request::new(tokens("x"), SamplingParams::greedy(40)).with_constraint(costly);
    let plain = Request::new(tokens("x"), SamplingParams::greedy(40));
    let alone = engine.run_all(vec![plain.clone()], &NoProgress, &Cancel::new()).expect("it runs");
    if engine.add(costly).is_err() {
        return;
    }
    let id = engine.add(plain).expect("added");
    let mut beside = None;
    while engine.has_work() {
        for (of, event) in engine.step().expect("the step itself runs") {
            match event {
                crate::Event::Finished(done) if of == id => beside = Some(done),
                crate::Event::Finished(_) | crate::Event::Failed(_) | crate::Event::Token(_) => {}
            }
        }
    }
    assert_eq!(beside.expect("it ended").tokens, alone[0].tokens);
}
