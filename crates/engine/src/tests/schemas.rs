//! Random text under a constraint is what was asked for, and no constraint takes for ever.

use super::fake::{tokens, vocabulary};
use super::schema_corpus::{corpus, satisfies};
use crate::constraint::{ConstraintProbe, MaskWorker};
use crate::sampler::{Sampler, SamplingState};
use crate::{Constraint, EngineError, SamplingParams, Vocabulary};
use proptest::test_runner::{Config, TestRunner};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Tokens after which a walk that has not come to its end is given up.
const LONGEST_WALK: usize = 1500;

/// A random text under `constraint`, or nothing if it did not end in time. Tokens that close
/// something are preferred, or a list of lists would grow for ever.
fn walk(vocabulary: &Vocabulary, constraint: &Constraint, seed: u64) -> Option<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut probe = ConstraintProbe::new(vocabulary, constraint).expect("it compiles");
    let mut bytes = Vec::new();
    for _ in 0..LONGEST_WALK {
        let allowed = probe.allowed().expect("something may follow");
        let closers: Vec<u32> = allowed
            .iter()
            .copied()
            .filter(|&token| {
                let text = vocabulary.token_bytes(token);
                vocabulary.is_special(token) || matches!(text, b"\"" | b"]" | b"}")
            })
            .collect();
        let from = if closers.is_empty() || rng.random_bool(0.6) { &allowed } else { &closers };
        let token = from[rng.random_range(0..from.len())];
        bytes.extend_from_slice(vocabulary.text_bytes(token));
        let ended = vocabulary.eos_tokens().contains(&token);
        if !probe.advance(token).expect("it was allowed") || ended {
            return Some(String::from_utf8(bytes).expect("text"));
        }
    }
    None
}

#[test]
fn random_json_parses_and_satisfies_its_schema() {
    let vocabulary = vocabulary();
    let schemas = corpus();
    assert!(schemas.len() > 100);
    let mut ended = 0;
    for (idx, schema) in schemas.iter().enumerate() {
        let constraint = Constraint::JsonSchema(schema.clone());
        for round in 0..4 {
            let seed = idx as u64 * 100 + round;
            let Some(text) = walk(&vocabulary, &constraint, seed) else { continue };
            match serde_json::from_str::<Value>(&text) {
                Ok(value) => assert!(satisfies(&value, schema, schema), "{text} under {schema}"),
                // JSON has numbers that an f64 has not.
                Err(error) => {
                    assert!(error.to_string().contains("out of range"), "{text}: {error}");
                }
            }
            ended += 1;
        }
    }
    assert!(ended > schemas.len() * 3, "{ended} of {} walks ended", schemas.len() * 4);
}

#[test]
fn the_validator_can_say_no() {
    for (schema, bad) in [
        (json!({"type": "integer", "minimum": 1}), json!(0)),
        (json!({"type": "string", "maxLength": 2}), json!("abc")),
        (json!({"type": "string", "pattern": "^a$"}), json!("b")),
        (
            json!({"properties": {"a": {"type": "null"}}, "additionalProperties": false}),
            json!({"b": 1}),
        ),
        (json!({"required": ["a"]}), json!({})),
        (json!({"items": {"type": "null"}}), json!([1])),
        (json!({"anyOf": [{"const": 1}]}), json!(2)),
    ] {
        assert!(!satisfies(&bad, &schema, &schema), "{bad} under {schema}");
    }
}

#[test]
fn choices_regexes_and_grammars_give_what_they_derive() {
    let vocabulary = vocabulary();
    let texts = ["yes", "no", "not \"sure\"\\", "也许", "no way"].map(str::to_owned);
    let digits = regex::Regex::new(r"^[0-9]{2,4}(-[a-c]+)?$").expect("a pattern");
    let grammar =
        "start: greeting \" \" NAME\ngreeting: \"hi\" | \"hello\"\nNAME: /[A-Z][a-z]{1,5}/";
    let derived = regex::Regex::new("^(hi|hello) [A-Z][a-z]{1,5}$").expect("a pattern");
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let choice = walk(&vocabulary, &Constraint::Choice(texts.to_vec()), seed).expect("it ends");
        assert!(texts.contains(&choice), "{choice}");
        seen.insert(choice);
        let constraint = Constraint::Regex(r"[0-9]{2,4}(-[a-c]+)?".to_owned());
        let text = walk(&vocabulary, &constraint, seed).expect("it ends");
        assert!(digits.is_match(&text), "{text}");
        let text = walk(&vocabulary, &Constraint::Lark(grammar.to_owned()), seed).expect("it ends");
        assert!(derived.is_match(&text), "{text}");
    }
    assert_eq!(seen.len(), texts.len());
}

#[test]
fn drafts_are_checked_as_far_as_they_are_valid() {
    let vocabulary = vocabulary();
    let constraint = Constraint::Choice(vec!["abcd".to_owned(), "abx".to_owned()]);
    let grammars = vocabulary.grammars().expect("it has an end of sequence");
    let mut state = grammars.compile(&constraint).expect("it compiles");
    assert_eq!(state.valid_prefix(&tokens("abxy")).expect("checked"), 3);
    assert_eq!(state.valid_prefix(&tokens("abcd")).expect("checked"), 4);
    state.accept(u32::from(b'a')).expect("it may follow");
    assert_eq!(state.valid_prefix(&tokens("zz")).expect("checked"), 0);
    assert_eq!(state.valid_prefix(&tokens("bcd")).expect("checked"), 3);
    assert!(state.accept(u32::from(b'z')).is_err());
}

/// Masks of the thread are those of the sampler, whatever joins and leaves between the steps.
#[test]
fn masks_computed_ahead_change_nothing() {
    let vocabulary = vocabulary();
    let grammars = vocabulary.grammars().expect("it has an end of sequence");
    let params = SamplingParams { temperature: 1.0, ..SamplingParams::default() };
    let schemas = corpus();
    let fresh = |idx: usize| {
        let constraint = (!idx.is_multiple_of(3)).then(|| {
            let constraint = Constraint::JsonSchema(schemas[idx].clone());
            grammars.compile(&constraint).expect("it compiles")
        });
        SamplingState::new(&params, &[1], constraint, &vocabulary)
    };
    let run = |ahead: bool| {
        let mut states: Vec<SamplingState> = (0..9).map(fresh).collect();
        let (mut sampler, mut worker) = (Sampler::default(), MaskWorker::default());
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut chosen = Vec::new();
        for step in 0..60 {
            if step % 20 == 19 {
                states.remove(step % states.len());
            }
            if ahead {
                worker.begin(states.iter_mut());
            }
            let row_v: Vec<f32> = (0..258).map(|_| rng.random::<f32>()).collect();
            if ahead {
                worker.finish(states.iter_mut());
            }
            for state in states.iter_mut().filter(|state| !state.is_complete()) {
                let choice = sampler.choose(&row_v, &params, state).expect("it chooses");
                state.advance(choice.token).expect("it was allowed");
                chosen.push(choice.token);
            }
        }
        chosen
    };
    assert_eq!(run(true), run(false));
}

/// Constraints that ask for far more than anyone should: each is compiled or refused, and none
/// does more than fail its own request.
fn hostile() -> Vec<Constraint> {
    let schemas = hostile_schemas().into_iter().map(Constraint::JsonSchema);
    let texts = [
        Constraint::Choice(vec!["a".repeat(60_000)]),
        Constraint::Choice((0..4000).map(|n| format!("choice {n}")).collect()),
    ];
    schemas.chain(hostile_patterns()).chain(hostile_grammars()).chain(texts).collect()
}

fn hostile_patterns() -> Vec<Constraint> {
    let nested = (0..60).fold("a".to_owned(), |inner, _| format!("({inner}{{1,100}}b?)"));
    let patterns = [
        "(a{1,1000}){1,1000}",
        "((a{1,100}){1,100}){1,100}",
        "(.{0,900}a.{0,900}){0,900}b",
        "(a|b|ab)*c{1000000000}",
        "[\\p{L}--[a-z]]{1,5000}",
        "(x+x+)+y",
        &nested,
        &"(".repeat(16_000),
        &"[".repeat(16_000),
        &"a|".repeat(8_000),
        &"(a?)".repeat(4_000),
    ];
    patterns.map(|pattern| Constraint::Regex(pattern.to_owned())).to_vec()
}

fn hostile_grammars() -> Vec<Constraint> {
    let mut chain = String::from("start: A0\n");
    let mut rules = String::from("start: r0\n");
    for idx in 0..500 {
        let _ = writeln!(chain, "A{idx}: A{} \"x\"", idx + 1);
        let _ = writeln!(rules, "r{idx}: r{}", idx + 1);
    }
    chain.push_str("A500: \"end\"");
    let grammars = [
        "",
        "start: start",
        "start: start start | \"a\"",
        "start: A\nA: A \"x\"",
        "start: \"a\"{1000000000}",
        "start: ((\"a\"{1,1000}){1,1000}){1,1000}",
        "start: %json {\"type\": 3}",
        "start: @other",
        "%import common.NUMBER\nstart: NUMBER",
        &chain,
        &rules,
        &format!("start: {}", "(".repeat(16_000)),
        &format!("start: {}\"a\"{}", "(".repeat(150), ")".repeat(150)),
        &format!("start: {}", "\"a\"? ".repeat(3_000)),
        &format!("start: {}", "%json { ".repeat(9_000)),
    ];
    grammars.map(|grammar| Constraint::Lark(grammar.to_owned())).to_vec()
}

fn hostile_schemas() -> Vec<Value> {
    let refs: serde_json::Map<String, Value> = (0..1200)
        .map(|idx| (format!("d{idx}"), json!({"$ref": format!("#/$defs/d{}", idx + 1)})))
        .chain([("d1200".to_owned(), json!({"type": "null"}))])
        .collect();
    let doubling: serde_json::Map<String, Value> = (0..40)
        .map(|idx| {
            let next = json!({"$ref": format!("#/$defs/e{}", idx + 1)});
            (format!("e{idx}"), json!({"type": "object", "properties": {"a": next, "b": next}}))
        })
        .chain([("e40".to_owned(), json!({"type": "null"}))])
        .collect();
    let many: Vec<Value> = (0..9000).map(|n| json!(n * 7)).collect();
    let property = |n: u32| (format!("p{n}"), json!({"type": "integer"}));
    let optional: serde_json::Map<String, Value> = (0..1500).map(property).collect();
    vec![
        json!({}),
        json!({"type": "string", "maxLength": 1_000_000_000}),
        json!({"type": "string", "minLength": 1_000_000_000}),
        json!({"type": "array", "items": {"type": "integer"}, "minItems": 1_000_000_000}),
        json!({"type": "array", "items": {}, "maxItems": 1_000_000_000}),
        json!({"enum": many}),
        json!({"$ref": "#"}),
        json!({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
        json!({"$defs": refs, "$ref": "#/$defs/d0"}),
        json!({"$defs": doubling, "$ref": "#/$defs/e0"}),
        json!({"$ref": "https://example.com/schema.json"}),
        json!({"type": "object", "properties": optional}),
        json!({"type": "string", "pattern": "(a{1,1000}){1,1000}"}),
        json!({"type": "string", "pattern": "^(?=a)b"}),
        json!({"type": "number", "multipleOf": 1e-300}),
        json!({"type": "integer", "minimum": 1e300, "maximum": -1e300}),
        json!({"allOf": vec![json!({"type": "string", "pattern": ".*a.*b.*"}); 300]}),
        json!({"type": "object", "patternProperties": {"(.*a){40}": {}, "(.*b){40}": {}}}),
    ]
}

/// Patterns and schemas of a few bytes kept the compilers of grammars busy for minutes.
#[test]
fn s15_hostile_constraints_end_in_an_answer() {
    let vocabulary = vocabulary();
    for constraint in hostile() {
        let mut text = format!("{constraint:?}");
        text.truncate(60);
        let mut probe = match ConstraintProbe::new(&vocabulary, &constraint) {
            Ok(probe) => probe,
            Err(EngineError::ConstraintInvalid { .. } | EngineError::ConstraintTooLarge { .. }) => {
                continue;
            }
            Err(error) => panic!("{text}: {error}"),
        };
        for _ in 0..40 {
            let Ok(allowed) = probe.allowed() else { break };
            let Some(&token) = allowed.iter().rev().find(|&&token| token < 128) else { break };
            match probe.advance(token) {
                Ok(true) => {}
                Ok(false) | Err(EngineError::ConstraintLost { .. }) => break,
                Err(error) => panic!("{text}: {error}"),
            }
        }
    }
}

/// Each new schema of a client took memory and disk of vLLM for ever.
#[test]
fn s14_what_was_compiled_is_forgotten_again() {
    let vocabulary = vocabulary();
    let grammars = vocabulary.grammars().expect("it has an end of sequence");
    let mut most = 0;
    for idx in 0..200 {
        let constraint = Constraint::JsonSchema(json!({"const": idx}));
        grammars.compile(&constraint).expect("it compiles");
        most = most.max(grammars.num_cached());
    }
    assert!((1..=16).contains(&most), "{most} are kept");
}

/// Whatever bytes come as a schema, regex or grammar: an answer, no panic.
#[test]
fn mutated_constraints_never_panic() {
    let vocabulary = vocabulary();
    let seeds: Vec<String> = corpus().iter().step_by(7).map(Value::to_string).collect();
    let strategy = (0..seeds.len(), proptest::collection::vec((0_usize..400, 32_u8..127), 1..6));
    let mut runner = TestRunner::new(Config { cases: 150, ..Config::default() });
    let ended = runner.run(&strategy, |(which, edits)| {
        let mut bytes = seeds[which].clone().into_bytes();
        for (at, byte) in edits {
            let at = at % bytes.len();
            if bytes[at].is_ascii() {
                bytes[at] = byte;
            }
        }
        let text = String::from_utf8(bytes).expect("only ASCII was changed");
        if let Ok(schema) = serde_json::from_str(&text) {
            let _ = ConstraintProbe::new(&vocabulary, &Constraint::JsonSchema(schema));
        }
        let _ = ConstraintProbe::new(&vocabulary, &Constraint::Regex(text.clone()));
        let _ = ConstraintProbe::new(&vocabulary, &Constraint::Lark(format!("start: {text}")));
        Ok(())
    });
    ended.expect("an answer to each");
}
