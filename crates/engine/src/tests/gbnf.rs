//! Grammars of llama.cpp derive what they say.

use super::fake::{EOS, tokens, vocabulary};
use crate::{Constraint, ConstraintProbe, EngineError, MAX_GRAMMAR_LEVELS, MAX_PATTERN_BYTES};

fn compiled(grammar: &str) -> Result<ConstraintProbe, EngineError> {
    ConstraintProbe::new(&vocabulary(), &Constraint::of_grammar(grammar)?)
}

/// Whether the grammar derives the whole of `text`.
fn derives(grammar: &str, text: &str) -> bool {
    let mut probe = compiled(grammar).unwrap_or_else(|error| panic!("{grammar}: {error}"));
    let mut more = true;
    for token in tokens(text) {
        match probe.advance(token) {
            Ok(goes_on) => more = goes_on,
            Err(_) => return false,
        }
    }
    !more || probe.allowed().expect("a mask").contains(&EOS)
}

#[track_caller]
fn check(grammar: &str, good: &[&str], bad: &[&str]) {
    for text in good {
        assert!(derives(grammar, text), "{text:?} by\n{grammar}");
    }
    for text in bad {
        assert!(!derives(grammar, text), "{text:?} by\n{grammar}");
    }
}

#[test]
fn rules_that_lead_back_to_themselves_are_followed() {
    let json = r#"
        # Values of JSON, with little space.
        root   ::= value
        value  ::= object | list | text | number | "true" | "false" | "null"
        object ::= "{" space (member ("," space member)*)? "}"
        member ::= text ":" space value
        list   ::= "[" space ( value ("," space value)* )? "]"
        text   ::= "\"" ( [^"\\\x00-\x1F] | "\\" (["\\bfnrt/] | "u" [0-9a-fA-F]{4}) )* "\""
        number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]+)? ([eE] [-+]? [0-9]+)?
        space  ::= | " " | "\n" [ \t]{0,20}
    "#;
    let good = [
        "null",
        "-1.5e+3",
        r#"{"a": [1,2, {"b": "x\"\u00e9"}], "c": true}"#,
        "[]",
        "[\n  {},\n  \"{\"]",
    ];
    check(json, &good, &["", "nul", "01", "{\"a\"}", "[1,]", "\"\n\"", "[1] ", "{\"a\":  1}"]);
    let sums =
        "root ::= sum \"\\n\"\nsum ::= sum [+-] term | term\nterm ::= [0-9]+ | \"(\" sum \")\"";
    check(sums, &["1\n", "1+(2-33)+4\n"], &["1", "1+\n", "(1\n", "1++2\n"]);
}

#[test]
fn every_symbol_and_repetition_means_what_it_says() {
    check("root ::= \"a\" | \"bc\"+", &["a", "bc", "bcbc"], &["", "ab", "b", "bcc"]);
    check("root ::= [a-c]{2,3} x?\nx ::= \"-\"{2}", &["ab", "abc--"], &["a", "abca", "ab-"]);
    check("root ::= \"a\"{2,} \"b\"{,1} \"c\"{0,0}", &["aa", "aaaab"], &["a", "aabb", "aac"]);
    check("root ::= (\"a\" | \"b\" (\"c\" | ))* \"\"", &["", "abcab"], &["c", "acb"]);
    check(
        "root ::= [^a-c\\]^-]. # no letter\n  |\n  \"x\"",
        &["d!", "é\n", "x"],
        &["a!", "]!", "^!", "-!"],
    );
    check("root ::= \"\\x41\\u00e9\\U0001F600\\t\\\\\"", &["Aé😀\t\\"], &["A"]);
    check("root ::= [\\u4e00-\\u9fff]+ [-+/*]", &["你好+", "一-"], &["a+", "你"]);
    check(
        "root ::= list-item+\nlist-item ::= \"- \" [^\\n]+ \"\\n\"",
        &["- a\n- b c\n"],
        &["- \n", "a"],
    );
}

/// vLLM's clients send such grammars as `guided_grammar`.
#[test]
fn a_grammar_is_known_by_its_rules() {
    let sql = "root ::= select\nselect ::= \"SELECT \" column \" FROM \" table\n\
        column ::= \"a\" | \"b\"\ntable ::= \"t1\" | \"t2\"";
    check(sql, &["SELECT a FROM t2"], &["SELECT c FROM t1", "SELECT a FROM t"]);
    check("start: \"x\" A\nA: /[0-9]+/", &["x12"], &["x"]);
    let lark = "start: \"::=\" | A\nA: \"root ::= 1\"";
    assert_eq!(Constraint::of_grammar(lark).expect("as it is"), Constraint::Lark(lark.to_owned()));
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let told = |grammar: &str| match Constraint::of_grammar(grammar) {
        Err(EngineError::ConstraintInvalid { kind: "GBNF grammar", reason }) => reason,
        other => panic!("{grammar}: {other:?}"),
    };
    for (grammar, reason) in [
        ("a ::= \"x\"", "there is no rule `root`"),
        ("root ::= a", "rule `root` names `a`, which is none"),
        ("root ::= \"a\"\nroot ::= \"b\"", "rule `root` stands twice"),
        ("root ::= \"a", "line 1: a text has no closing quote"),
        ("root ::= \"a\"\nb ::= [a", "line 2: a class has no closing bracket"),
        ("root ::= []", "line 1: a class has no character"),
        ("root ::= [z-a]", "line 1: the range from 'z' to 'a' is empty"),
        ("root ::= (\"a\"", "line 1: `)` is missing"),
        ("root ::= \"a\")", "line 1: the name of a rule is missing"),
        ("root ::= \"\\q\"", "line 1: `\\q` is no escape"),
        ("root ::= \"\\xg1\"", "line 1: an escape needs 2 hexadecimal digits of a character"),
        ("root ::= \"\\ud800\"", "line 1: an escape needs 4 hexadecimal digits of a character"),
        ("root ::= \"a\"{3,2}", "line 1: at least 3 times is more than the most"),
        ("root ::= \"a\"{99999999999}", "line 1: 99999999999 times is too often"),
        ("root ::= <think>", "line 1: single tokens (`<...>`) are not supported"),
        ("root ::= $", "line 1: `$` is no symbol"),
        ("root ::= \"a\"*?", "line 1: a repetition stands behind no symbol"),
        ("root ::= \"a\"\n\nb \"c\" ::= d", "line 3: `:` is no symbol"),
    ] {
        assert_eq!(told(grammar), reason, "{grammar}");
    }
}

/// Grammars that ask for far more than anyone should end in an answer.
#[test]
fn s15_hostile_gbnf_ends_in_an_answer() {
    let chain: Vec<String> = (0..400).map(|idx| format!("r{idx} ::= r{}", idx + 1)).collect();
    let deep =
        |levels: usize| format!("root ::= {}\"a\"{}", "(".repeat(levels), ")".repeat(levels));
    let grammars = [
        "root ::= root".to_owned(),
        "root ::= root root | \"a\"".to_owned(),
        "root ::= \"a\"{1000000000}".to_owned(),
        "root ::= ((\"a\"{1,1000}){1,1000}){1,1000}".to_owned(),
        format!("root ::= r0\n{}\nr400 ::= \"a\"", chain.join("\n")),
        format!("root ::= {}", "\"a\"? ".repeat(2_000)),
        format!("root ::= \"a\"{}", "*".repeat(10_000)),
        deep(MAX_GRAMMAR_LEVELS - 20),
    ];
    for grammar in grammars {
        let started = std::time::Instant::now();
        let _ = compiled(&grammar);
        let head: String = grammar.chars().take(60).collect();
        assert!(started.elapsed() < std::time::Duration::from_secs(20), "{head}");
    }
    let refused = |grammar: &str| compiled(grammar).err().expect("it is refused");
    let levels = refused(&deep(MAX_GRAMMAR_LEVELS + 1));
    assert!(matches!(levels, EngineError::ConstraintTooLarge { unit: "levels", .. }), "{levels}");
    let long = refused(&format!("root ::= \"{}\"", "a".repeat(MAX_PATTERN_BYTES)));
    assert!(matches!(long, EngineError::ConstraintTooLarge { unit: "bytes", .. }), "{long}");
}
