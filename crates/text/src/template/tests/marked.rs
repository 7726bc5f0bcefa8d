//! `{% generation %}` marks: what they enclose, and what is refused.

use super::*;
use crate::ChatInput;
use catena_protocol::ChatMessage;
use serde_json::json;

fn marked(template: &str, content: &str) -> Result<(String, Vec<String>), TextError> {
    let messages = [ChatMessage::new(Role::User, content)];
    let input = ChatInput { messages: &messages, ..ChatInput::default() };
    let template = ChatTemplate::new(template, "<s>", "</s>")?;
    let chat = template.render_marked(&input)?;
    assert_eq!(chat.text, template.render_chat(&input)?, "marks change the text");
    let parts = chat.generated.iter().map(|range| chat.text[range.clone()].to_owned());
    Ok((chat.text.clone(), parts.collect()))
}

fn check_marks(template: &str, text: &str, parts: &[&str]) {
    let (found, marked) = marked(template, "Hi").unwrap();
    assert_eq!(
        (found.as_str(), marked.iter().map(String::as_str).collect::<Vec<_>>()),
        (text, parts.to_vec()),
        "{template}"
    );
}

#[test]
fn marks_enclose_what_the_block_writes() {
    check_marks("a{% generation %}b{% endgeneration %}c", "abc", &["b"]);
    check_marks("a {%- generation -%} b {%- endgeneration -%} c", "abc", &["b"]);
    check_marks(
        "a{%generation%}é{%endgeneration%}{%+ generation +%}{% endgeneration %}",
        "aé",
        &["é", ""],
    );
    check_marks(
        "{% generation %}x{% generation %}y{% endgeneration %}z{% endgeneration %}",
        "xyz",
        &["xyz"],
    );
    check_marks(
        "{% for m in messages %}{% generation %}{{ m.content }}{{ loop.index }}{% endgeneration %}{% endfor %}",
        "Hi1",
        &["Hi1"],
    );
    check_marks(
        "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
        "21",
        &["2"],
    );
    check_marks(
        "{% macro say(m) %}<{% generation %}{{ m }}{% endgeneration %}>{% endmacro %}{{ say('a') }}{{ say('b') }}",
        "<a><b>",
        &["a", "b"],
    );
    check_marks("{# {% generation %} #}a", "a", &[]);
    check_marks(
        "{% generation %}{{ none }}{{ true }}{% endgeneration %}",
        "NoneTrue",
        &["NoneTrue"],
    );
}

#[test]
fn templates_say_whether_they_have_marks() {
    let has = |source: &str| ChatTemplate::new(source, "", "").unwrap().marks_generation();
    assert!(has("{%- generation -%}{%- endgeneration %}"));
    assert!(!has(
        "{# {% generation %} #}{{ generation }}{% if add_generation_prompt %}{% endif %}"
    ));
    let source = "a{% generation %}b{% endgeneration %}";
    assert_eq!(ChatTemplate::new(source, "", "").unwrap().source(), source);
    for cut in ["{%}", "{%}generation%}", "{%-%}", "{#}", "{%", "{#", "{%}{% generation"] {
        assert!(ChatTemplate::new(cut, "", "").is_err(), "{cut}");
    }
    assert!(matches!(
        ChatTemplate::new("{% generation %}a", "", ""),
        Err(TextError::TemplateSyntax(_))
    ));
    assert!(matches!(
        ChatTemplate::new("{% endgeneration %}", "", ""),
        Err(TextError::TemplateSyntax(_))
    ));
}

#[test]
fn texts_that_hold_a_mark_are_refused() {
    let template = "{% generation %}{{ messages[0].content }}{% endgeneration %}";
    for forged in ["\u{FDD0}", "a\u{FDD1}b"] {
        assert!(matches!(marked(template, forged), Err(TextError::ReservedCharacter)));
    }
    // Without marks to forge it is a character like any other.
    assert_eq!(marked("{{ messages[0].content }}", "\u{FDD0}").unwrap().0, "\u{FDD0}");
    let apart = "{% set x %}{% generation %}ab{% endgeneration %}{% endset %}{{ x[:2] }}";
    assert!(matches!(marked_only(apart), Err(TextError::TemplateMarks { .. })));
    let end_only = "{% set x %}{% generation %}ab{% endgeneration %}{% endset %}{{ x[-2:] }}";
    assert!(matches!(marked_only(end_only), Err(TextError::TemplateMarks { offset: 1 })));
}

fn marked_only(source: &str) -> Result<crate::MarkedChat, TextError> {
    let messages = [ChatMessage::new(Role::User, "Hi")];
    let input = ChatInput { messages: &messages, ..ChatInput::default() };
    ChatTemplate::new(source, "", "").unwrap().render_marked(&input)
}

#[test]
fn tools_and_variables_reach_the_template() {
    let mut message = ChatMessage::new(Role::Assistant, "Hi");
    message.reasoning_content = Some("thought".into());
    message.train = Some(true);
    let messages = [message, ChatMessage::calls(None, vec![])];
    let tools = [json!({"b": 1, "a": [true, null]})];
    let variables = json!({"enable_thinking": false, "bos_token": "<own>"});
    let input = ChatInput {
        messages: &messages,
        tools: &tools,
        variables: variables.as_object(),
        add_generation_prompt: true,
    };
    let render = |source: &str| {
        ChatTemplate::new(source, "<s>", "</s>").unwrap().render_chat(&input).unwrap()
    };
    assert_eq!(render("{{ tools[0] | tojson }}"), "{\"b\": 1, \"a\": [true, null]}");
    assert_eq!(
        render("{{ enable_thinking }}{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }}"),
        "False<own></s>True"
    );
    assert_eq!(
        render("{{ messages[0].thinking }}{{ messages[0].reasoning_content }}"),
        "thoughtthought"
    );
    assert_eq!(
        render(
            "{{ messages[0].train is defined }}{{ messages[1].content is defined }}{{ messages[1].tool_calls is defined }}"
        ),
        "FalseFalseFalse"
    );
    let none = ChatInput { messages: &messages, ..ChatInput::default() };
    let source = "{{ tools is none }}{{ enable_thinking is defined }}";
    assert_eq!(ChatTemplate::new(source, "", "").unwrap().render_chat(&none).unwrap(), "TrueFalse");
}

#[test]
fn a_template_tells_which_variables_it_looks_at() {
    let reads = |source: &str, name: &str| ChatTemplate::new(source, "", "").unwrap().reads(name);
    let switch =
        "{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}";
    assert!(reads(switch, "enable_thinking") && !reads(switch, "reasoning_effort"));
    let default = "{% if reasoning_effort is not defined %}{% set reasoning_effort = 'medium' %}\
                   {% endif %}{{ reasoning_effort }}";
    assert!(reads(default, "reasoning_effort"));
    let in_macro = "{% macro head() %}{{ reasoning_effort }}{% endmacro %}{{ head() }}";
    assert!(reads(in_macro, "reasoning_effort"));
    assert!(!reads("enable_thinking {{ messages[0].thinking }}", "thinking"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn marks_never_change_the_text(parts in prop::collection::vec(prop_oneof![
        Just("{% generation %}"), Just("{%- endgeneration -%}"), Just("{% endgeneration %}"), Just("\n"), Just("a "),
        Just("{{ messages[0].content }}"), Just("{% for m in messages %}"), Just("{% endfor %}"), Just("{#"), Just("#}"),
        Just("{%"), Just("%}"), Just("{%}"), Just("-"), Just("generation"), Just("{{ '{% generation %}' }}"),
    ], 0..16)) {
        let messages = [ChatMessage::new(Role::User, "x\ny")];
        let input = ChatInput { messages: &messages, ..ChatInput::default() };
        let Ok(template) = ChatTemplate::new(&parts.concat(), "", "") else { return Ok(()) };
        let Ok(plain) = template.render_chat(&input) else { return Ok(()) };
        let marked = template.render_marked(&input).unwrap();
        prop_assert_eq!(&marked.text, &plain);
        for range in marked.generated {
            prop_assert!(plain.get(range).is_some());
        }
    }
}
