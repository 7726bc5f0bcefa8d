//! Syntaxes that real templates show.

use super::pieces::Specials;
use super::{CallMark, ToolPiece, ToolSyntax, probe};
use crate::ChatTemplate;
use std::fmt::Write;
use std::path::PathBuf;

const QWEN2_5: &str = include_str!("../../../data/tests/golden/templates/qwen2_5.jinja");
const QWEN3: &str = include_str!("../../../data/tests/golden/templates/qwen3.jinja");
const SMOLLM2: &str = include_str!("../../tests/golden/smollm2_template.jinja");
/// Mistral's form: the calls as one list behind a control token, each with its identity.
const LIST: &str = "{% for m in messages %}{% if m.role == 'user' %}[INST]{{ m.content }}[/INST]\
    {% elif m.tool_calls %}[TOOL_CALLS][{% for c in m.tool_calls %}{\"name\": \"{{ c.function.name }}\", \
    \"arguments\": {{ c.function.arguments | tojson }}, \"id\": \"{{ c.id }}\"}\
    {% if not loop.last %}, {% endif %}{% endfor %}]</s>{% elif m.role == 'assistant' %} {{ m.content }}</s>\
    {% else %}[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]{% endif %}{% endfor %}";
/// Llama 3's form: one call and nothing around it.
const BARE: &str = "{% for m in messages %}<|{{ m.role }}|>{% if m.tool_calls %}\
    {% if m.tool_calls | length != 1 %}{{ raise_exception('one call') }}{% endif %}\
    {\"name\": \"{{ m.tool_calls[0].function.name }}\", \"parameters\": \
    {{ m.tool_calls[0].function.arguments | tojson }}}{% else %}{{ m.content }}{% endif %}<|im_end|>\
    {% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

/// Control tokens of many families; the first ones end turns.
const SPECIALS: [&str; 22] = [
    "<|im_end|>",
    "<|eot_id|>",
    "</s>",
    "<｜end▁of▁sentence｜>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|END_OF_TURN_TOKEN|>",
    "<|eom_id|>",
    "<|return|>",
    "[EOS]",
    "<|im_start|>",
    "[TOOL_CALLS]",
    "[CALL_ID]",
    "[ARGS]",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁calls▁end｜>",
    "<|tool_call|>",
    "<|START_ACTION|>",
    "<|END_ACTION|>",
];
const NUM_EOS: u32 = 10;

fn read(template: &str) -> Option<ToolSyntax> {
    let texts = SPECIALS.iter().map(|text| (*text).to_owned()).zip(0..).collect();
    let specials = Specials::new(texts, (0..NUM_EOS).collect());
    probe::read(&ChatTemplate::new(template, "<s>", "</s>").ok()?, &specials)
}

fn text(text: &str) -> ToolPiece {
    ToolPiece::Text(text.to_owned())
}

#[test]
fn hermes_calls_are_read_off_the_template() {
    for template in [QWEN2_5, QWEN3] {
        let syntax = read(template).unwrap();
        assert_eq!(syntax, ToolSyntax::plain());
        assert_eq!(syntax.mark(), Some(CallMark::Text("<tool_call>".to_owned())));
        assert!(!syntax.writes_ids());
    }
}

#[test]
fn control_tokens_and_identities_are_told_from_text() {
    let syntax = read(LIST).unwrap();
    let mark = SPECIALS.iter().position(|text| *text == "[TOOL_CALLS]").unwrap();
    let mark = u32::try_from(mark).unwrap();
    assert_eq!(syntax.open, [ToolPiece::Special(mark), text("[{\"name\": \"")]);
    assert_eq!(syntax.middle, [text("\", \"arguments\": ")]);
    let next = [text(", \"id\": \""), ToolPiece::CallId, text("\"}, {\"name\": \"")];
    assert_eq!(syntax.next.as_deref(), Some(&next[..]));
    assert_eq!(syntax.close, [text(", \"id\": \""), ToolPiece::CallId, text("\"}]")]);
    assert_eq!(syntax.mark(), Some(CallMark::Special(mark)));
    assert!(syntax.writes_ids());
}

#[test]
fn a_call_with_nothing_around_it_begins_the_answer() {
    let syntax = read(BARE).unwrap();
    assert_eq!(syntax.mark(), Some(CallMark::Start("{\"name\"".to_owned())));
    assert_eq!((syntax.next, syntax.close), (None, vec![text("}")]));
}

#[test]
fn templates_without_tools_or_with_other_forms_have_none() {
    let python =
        BARE.replace("\"parameters\": {{ m.tool_calls[0].function.arguments | tojson }}", "1");
    for template in [SMOLLM2, python.as_str(), "{{ messages[0].content }}", "{% for %}"] {
        assert_eq!(read(template), None, "{template}");
    }
}

#[test]
fn real_templates_show_their_syntax() {
    let models = std::env::var("CATENA_TEST_MODELS")
        .expect("CATENA_TEST_MODELS names the folder of test models; `make test` sets it");
    let folder = PathBuf::from(models).join("llama.cpp/templates");
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|ext| ext == "jinja")).collect();
    paths.sort();
    let mut shown = String::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let syntax = read(&std::fs::read_to_string(&path).unwrap());
        writeln!(shown, "{name}: {}", syntax.as_ref().map_or("none".to_owned(), brief)).unwrap();
    }
    insta::assert_snapshot!(shown);
}

/// A syntax in one line.
fn brief(syntax: &ToolSyntax) -> String {
    let write = |pieces: &[ToolPiece]| -> String {
        let piece = |piece: &ToolPiece| match piece {
            ToolPiece::Text(text) => text.escape_debug().to_string(),
            ToolPiece::Special(id) => format!("«{}»", SPECIALS[*id as usize]),
            ToolPiece::CallId => "(id)".to_owned(),
        };
        pieces.iter().map(piece).collect()
    };
    let next = syntax.next.as_deref().map_or("one call".to_owned(), write);
    let parts = [write(&syntax.open), write(&syntax.middle), next, write(&syntax.close)];
    parts.join(" · ")
}
