//! Templates.

mod marked;
mod real;
mod tools;

use std::time::{Duration, UNIX_EPOCH};

use catena_protocol::{Message, Role};
use proptest::prelude::*;
use serde_json::Value;

use super::{ChatTemplate, clock};
use crate::TextError;

const SMOLLM2: &str = include_str!("../../tests/golden/smollm2_template.jinja");

fn role(name: &str) -> Role {
    serde_json::from_value(name.into()).unwrap()
}

fn user(content: &str) -> Vec<Message> {
    vec![Message::new(Role::User, content)]
}

fn render(template: &str, messages: &[Message]) -> Result<String, TextError> {
    ChatTemplate::new(template, "<s>", "</s>")?.render(messages, true)
}

fn check(template: &str, expected: &str) {
    assert_eq!(render(template, &user("Hi \"there\"")).unwrap(), expected, "{template}");
}

#[test]
fn smollm2_renders_as_transformers_does() {
    let golden = include_str!("../../tests/golden/smollm2_chats.json");
    let golden: Vec<Value> = serde_json::from_str(golden).unwrap();
    assert!(golden.len() >= 200);
    let template = ChatTemplate::new(SMOLLM2, "<|im_start|>", "<|im_end|>").unwrap();
    for entry in golden {
        let turns = entry["messages"].as_array().unwrap().iter();
        let messages: Vec<Message> = turns
            .map(|turn| Message::new(role(turn[0].as_str().unwrap()), turn[1].as_str().unwrap()))
            .collect();
        let prompt = entry["add_generation_prompt"].as_bool().unwrap();
        assert_eq!(template.render(&messages, prompt).unwrap(), entry["text"].as_str().unwrap());
    }
}

#[test]
fn the_names_that_hugging_face_adds_are_there() {
    check("{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}", "<s>Hi \"there\"</s>");
    check("{{ messages[0].content | tojson }}", "\"Hi \\\"there\\\"\"");
    check(
        "{{ {'a': [1, 2.5, true, none], 'b': '<é>'} | tojson }}",
        "{\"a\": [1, 2.5, true, null], \"b\": \"<é>\"}",
    );
    check(
        "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, indent=2) }}",
        "{\n  \"a\": 2,\n  \"b\": 1\n}",
    );
    check(
        "{{ {'a': 'é😀\"'} | tojson(ensure_ascii=true) }}",
        "{\"a\": \"\\u00e9\\ud83d\\ude00\\\"\"}",
    );
    check("{{ {'a': [1, 2]} | tojson(separators=(',', ':')) }}", "{\"a\":[1,2]}");
    check(
        "{{ ' x '.strip() }}{{ 'a,b'.split(',')[1] }}{{ 'Ab'.upper() }}{{ messages[0].get('x', 'y') }}",
        "xbABy",
    );
    check(
        "{% set ns = namespace(n=0) %}{% for i in range(9) %}{% if i == 5 %}{% break %}{% endif %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
        "10",
    );
    check("  {% if true %}\n  a\n  {% endif %}\nb\n", "  a\nb");
    check("a{% generation %}b{%- endgeneration -%} c", "abc");
    check("{{ tools is none }}{{ missing is defined }}{{ none }}{{ missing }}", "TrueFalseNone");
    check("{{ none is iterable }}{{ [] is iterable }}{{ 'a' is iterable }}", "FalseTrueTrue");
    check("{{ 'a' is sequence }}{{ {} is sequence }}{{ [] is sequence }}", "TrueTrueTrue");
    check("{{ 1 is sequence }}{{ none is sequence }}{{ 1 is iterable }}", "FalseFalseFalse");
    check("{{ messages[0].role == 'user' and 'Hi' in messages[0].content }}", "True");
}

#[test]
fn a_template_may_refuse_a_conversation() {
    let template =
        "{% if messages|length > 1 %}{{ raise_exception('one turn only') }}{% endif %}ok";
    assert_eq!(render(template, &user("a")).unwrap(), "ok");
    let two = [user("a"), user("b")].concat();
    let refused = render(template, &two).unwrap_err();
    let TextError::TemplateRefused { message } = refused else { panic!("{refused:?}") };
    assert_eq!(message, "one turn only");
}

/// A template of vLLM's clients could keep its server busy for ever.
#[test]
fn s16_templates_that_never_end_are_stopped() {
    let endless = [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{{ 'a' * 1000000000000 }}",
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x | replace('a', ns.x) %}{% endfor %}",
        "{{ range(99999) | join('x' * 100000) }}",
        "{% for i in range(60) %}{% set x = 'a'.center(1000000000) %}{% endfor %}",
        "{{ ('x' * 100000) | indent(100000000) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ '{:>99999999999999999999}'.format(1) }}",
        "{{ ('{:é>9999999}' * 99).format(1) }}",
    ];
    for template in endless {
        let started = std::time::Instant::now();
        let ended = render(template, &user("a"));
        assert!(ended.is_err() || ended.is_ok_and(|text| text.len() < 1 << 24), "{template}");
        assert!(started.elapsed() < Duration::from_secs(20), "{template}");
    }
    let wide = render("{{ '{:>999999999}'.format(1) }}", &[]);
    assert!(matches!(wide, Err(TextError::TemplateFuel { .. })), "{wide:?}");
    check("{{ '{0:>4}{1}'.format(7, 'a') }}", "   7a");
    assert!(matches!(render(endless[0], &[]), Err(TextError::TemplateFuel { .. })));
    assert!(matches!(render(endless[2], &[]), Err(TextError::TemplateFuel { .. })));
}

#[test]
fn output_is_limited() {
    let template = "{% for i in range(90000) %}{{ messages[0].content }}{% endfor %}";
    let long = user(&"x".repeat(1000));
    let stopped = render(template, &long);
    let limited =
        matches!(stopped, Err(TextError::TemplateOutput { .. } | TextError::TemplateFuel { .. }));
    assert!(limited, "{stopped:?}");
    let huge = user(&"x".repeat(crate::limits::MAX_RENDERED_BYTES + 1));
    let stopped = render("{{ messages[0].content }}", &huge);
    assert!(matches!(stopped, Err(TextError::TemplateOutput { .. })), "{stopped:?}");
}

/// Templates in model files ran commands in SGLang and llama-cpp-python.
#[test]
fn s17_templates_reach_nothing_outside() {
    let attacks = [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% extends '/etc/passwd' %}",
        "{{ request.application.__globals__ }}",
        "{{ get_flashed_messages.__globals__ }}",
        "{{ joiner.__init__.__globals__ }}",
        "{{ messages.__class__ }}",
        "{{ ''|attr('__class__')|attr('__mro__') }}",
    ];
    for template in attacks {
        if let Ok(text) = render(template, &user("a")) {
            assert!(text.is_empty() || text == "None" || text == "undefined", "{template}: {text}");
        }
    }
}

#[test]
fn broken_templates_are_refused() {
    for template in
        ["{% if %}", "{{", "{% for x in y %}", "{{ 'a", "{%", "{% endfor %}", "{{ a b }}"]
    {
        let refused = render(template, &[]);
        assert!(matches!(refused, Err(TextError::TemplateSyntax(_))), "{template}: {refused:?}");
    }
    let large = "x".repeat(crate::limits::MAX_TEMPLATE_BYTES + 1);
    assert!(matches!(render(&large, &[]), Err(TextError::TemplateTooLarge { .. })));
    for deep in ["(", "[", "{% if true %}", "{{ not ", "{{ - ", "{{ a.b", "{{ [["] {
        let deep = format!("{}{}", "{{", deep.repeat(50_000));
        assert!(render(&deep, &[]).is_err());
    }
    let missing = render("{{ nothing.at.all }}", &[]);
    assert!(matches!(missing, Err(TextError::TemplateRender(_))), "{missing:?}");
}

#[test]
fn dates_are_written_as_strftime_does() {
    let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
    let all = "%Y-%m-%d %H:%M:%S %y %B %b %A %a %F %% %Q";
    let expected = "2024-02-29 12:34:56 24 February Feb Thursday Thu 2024-02-29 % %Q";
    assert_eq!(clock::format(all, at(1_709_210_096)), expected);
    assert_eq!(clock::format("%F %a", at(0)), "1970-01-01 Thu");
    assert_eq!(clock::format("%F %a", at(951_782_400)), "2000-02-29 Tue");
    assert_eq!(clock::format("%F %a", at(4_107_542_399)), "2100-02-28 Sun");
    assert_eq!(clock::format("%F %a", at(4_107_542_400)), "2100-03-01 Mon");
    assert_eq!(clock::format("50%", at(0)), "50%");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn changed_templates_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), "[ -~\n]"), 1..6),
    ) {
        let mut source: Vec<char> = SMOLLM2.chars().collect();
        for (at, text) in changes {
            let at = at.index(source.len());
            source[at] = text.chars().next().unwrap();
        }
        let source: String = source.into_iter().collect();
        let _ = render(&source, &user("Hi"));
    }

    #[test]
    fn random_templates_do_not_panic(parts in prop::collection::vec(prop_oneof![
        Just("{{ "), Just(" }}"), Just("{% "), Just(" %}"), Just("for m in messages"), Just("endfor"),
        Just("if loop.first"), Just("endif"), Just("m.content"), Just("'a'"), Just(" ~ "), Just(" + "),
        Just("[0]"), Just("(1)"), Just(" | tojson"), Just("set x = "), Just("raise_exception("), Just("{#"),
        Just("{% raw %}"), Just("\n"), Just("-%}"), Just("*"), Just("99999999999999999999"),
    ], 0..24)) {
        let _ = render(&parts.concat(), &user("Hi"));
    }
}
