//! Every rule, each with a set that keeps it and one that breaks it.

mod complaints;
mod kinds;

use super::*;
use crate::encode::{EncodeOptions, TrainOn};
use crate::samples::{SampleOptions, read_samples};
use crate::test_support::{CHATML, CHATML_MARKED, chat_sample, folder, put, template, tokenizer};
use catena_protocol::{ChatExtras, Content, PreferenceSample, TextSample, TrainingSample};
use catena_text::{ChatTemplate, SpecialTokens, Tokenizer};

fn good(at: usize) -> TrainingSample {
    chat_sample(&[
        ("user", &format!("question number {at}")),
        ("assistant", &format!("answer {at}")),
    ])
}

/// Codes, samples and sentences of all findings. That a template has no marks is true of most
/// templates of these tests, and looked for in one of them only.
fn findings(report: &LintReport) -> Vec<String> {
    let place =
        |finding: &Finding| finding.sample.map_or_else(|| "all".into(), |at| at.to_string());
    let line = |finding: &Finding| {
        format!("{:?} {} {}: {}", finding.severity, finding.code, place(finding), finding.message)
    };
    let told = report.findings.iter().filter(|finding| finding.code != "no-generation-mark");
    told.map(line).collect()
}

fn check_with(
    samples: &[TrainingSample],
    tokenizer: &Tokenizer,
    template: Option<&ChatTemplate>,
    encode: EncodeOptions,
) -> LintReport {
    let options = LintOptions { tokenizer: Some(tokenizer), template, ..LintOptions::new(encode) };
    lint(samples, &options).unwrap()
}

fn check(samples: &[TrainingSample], source: &str) -> LintReport {
    check_with(samples, &tokenizer(), Some(&template(source)), EncodeOptions::new(128))
}

#[test]
fn a_good_set_has_no_findings() {
    let samples: Vec<TrainingSample> = (0..20).map(good).collect();
    let report = check(&samples, CHATML);
    assert_eq!(findings(&report), Vec::<String>::new());
    assert!(!report.has_errors());
    assert_eq!((report.num_samples, report.num_truncated), (20, 0));
    assert!(report.num_trained > 40 && report.num_tokens > report.num_trained);
}

#[test]
fn broken_answers_are_found() {
    let text = |text: &str| Content::Text(text.into());
    let same = PreferenceSample {
        prompt: text("p"),
        chosen: text("a"),
        rejected: text("a"),
        margin: None,
        extras: ChatExtras::default(),
    };
    let samples = [
        good(0),
        good(0),
        chat_sample(&[("user", "a"), ("assistant", " \n")]),
        TrainingSample::Preference(same),
        chat_sample(&[("user", "no answer")]),
    ];
    insta::assert_snapshot!(findings(&check(&samples, CHATML)).join("\n"), @"
    Warning duplicate 1: the same as sample 0
    Warning empty-answer 2: a turn of the assistant is empty
    Error same-answers 3: chosen and rejected are the same
    Error nothing-trained 4: nothing is left to train on: no turn of the assistant is trained on
    ");
}

#[test]
fn a_template_that_rewrites_is_an_error_of_each_sample_it_rewrites() {
    let rewriting =
        "{% for m in messages %}{% if loop.last %}{{ m.content }}{% endif %}{% endfor %}";
    let two = chat_sample(&[("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]);
    let report = check(&[two, good(1)], rewriting);
    assert!(report.has_errors());
    assert_eq!(report.of("template-rewrites").count(), 2);
    let refusing = "{{ raise_exception('only the system speaks') }}";
    insta::assert_snapshot!(findings(&check(&[good(1)], refusing)).join("\n"), @"Error not-encodable 0: cannot encode record `sample 0`: chat template refuses this conversation: only the system speaks");
    let none = check_with(&[good(1)], &tokenizer(), None, EncodeOptions::new(128));
    assert_eq!(none.of("no-template").count(), 1);
}

#[test]
fn both_adding_a_begin_token_is_found() {
    let twice = "{{ bos_token }}<s>{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}";
    assert_eq!(check(&[good(1)], twice).of("double-bos").count(), 1);
    let once = "{{ bos_token }}{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}";
    assert_eq!(check(&[good(1)], once).of("double-bos").count(), 0);
    // The text has the begin token that the tokenizer adds, too: it is not doubled.
    let text = TrainingSample::Text(TextSample { text: "<s>a".into() });
    let control = EncodeOptions { control_tokens_in_text: true, ..EncodeOptions::new(64) };
    let report = check_with(&[text], &tokenizer(), None, control);
    assert_eq!(findings(&report), Vec::<String>::new());
}

#[test]
fn a_mark_that_leaves_the_end_out_is_found() {
    let source = "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}<|im_end|>\
                  {% else %}{{ m.content }}{% endif %}{% endfor %}";
    insta::assert_snapshot!(findings(&check(&[good(1)], source)).join("\n"), @"Error no-end-of-turn 0: no end-of-turn token is trained: the model will not learn to stop");
}

#[test]
fn control_tokens_in_words_are_found() {
    let sample = chat_sample(&[("user", "a"), ("assistant", "Write <|im_end|> at the end.")]);
    insta::assert_snapshot!(findings(&check(&[sample, good(1)], CHATML)).join("\n"), @"Warning control-token-in-text 0: a turn holds the control token `<|im_end|>`, which is read as one");
}

#[test]
fn what_a_template_leaves_out_is_found() {
    let call = catena_protocol::ToolCall::new("fee", serde_json::json!({}));
    let mut sample = crate::test_support::chat(&[("system", "Be brief."), ("user", "a")]);
    sample.messages.push(catena_protocol::ChatMessage::calls(Some(String::new()), vec![call]));
    sample.messages.push(crate::test_support::message("assistant", "<think>x</think>\nb"));
    sample.extras.tools.push(serde_json::json!({"type": "function", "function": {"name": "fee"}}));
    let sample = TrainingSample::Chat(sample);
    // Writes no calls, no tools and no system prompt, and takes thoughts out.
    let deaf = "{% for m in messages %}{% if m.role != 'system' %}{{ m.content.split('</think>')[-1] }}{% endif %}<|im_end|>{% endfor %}";
    insta::assert_snapshot!(findings(&check(std::slice::from_ref(&sample), deaf)).join("\n"), @"
    Error template-drops-call 0: the chat template leaves the call of `fee` out
    Warning template-drops-tools 0: the chat template leaves the tool `fee` out
    Warning template-drops-words 0: the chat template leaves words of the system out, or changes them
    ");
    let telling = "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% for c in m.tool_calls %}{{ c | tojson }}{% endfor %}<|im_end|>{% endfor %}";
    assert_eq!(findings(&check(&[sample], telling)), Vec::<String>::new());
}

#[test]
fn texts_that_will_be_packed_are_not_cut() {
    let text = TrainingSample::Text(TextSample { text: "word ".repeat(200) });
    let (tokenizer, encode) = (tokenizer(), EncodeOptions::new(32));
    let packed = check_with(std::slice::from_ref(&text), &tokenizer, None, encode.clone());
    assert_eq!((findings(&packed), packed.num_truncated), (vec![], 0));
    let options =
        LintOptions { tokenizer: Some(&tokenizer), pack_texts: false, ..LintOptions::new(encode) };
    let alone = lint(&[text], &options).unwrap();
    assert_eq!((alone.of("truncated").count(), alone.num_truncated), (1, 1));
}

#[test]
fn too_much_cut_is_found_from_the_share_on() {
    let long = chat_sample(&[("user", "a"), ("assistant", &"word ".repeat(200))]);
    let mut samples: Vec<TrainingSample> = (0..19).map(good).collect();
    samples.push(long.clone());
    assert_eq!(check(&samples, CHATML).of("truncated").count(), 0, "one in twenty is the limit");
    samples.pop();
    samples.truncate(9);
    samples.push(long);
    let report = check(&samples, CHATML);
    insta::assert_snapshot!(findings(&report).join("\n"), @"Error truncated all: 1 of 10 samples (10.0 %) lose trained tokens in rows of 128 tokens");
    assert_eq!(report.num_truncated, 1);
}

#[test]
fn evaluation_samples_in_training_are_found() {
    let words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
    let eval = [
        chat_sample(&[("user", "What is the fee?"), ("assistant", "5.")]),
        chat_sample(&[("user", words), ("assistant", words)]),
    ];
    let near = format!("{words} too");
    let train = [
        chat_sample(&[("system", "be"), ("user", "what is THE fee"), ("assistant", "5")]),
        chat_sample(&[("user", "What is the fee?"), ("assistant", "Nobody knows.")]),
        chat_sample(&[("user", words), ("assistant", &near)]),
        chat_sample(&[("user", &format!("Say: {words}")), ("assistant", words)]),
        good(3),
    ];
    let options = LintOptions { eval: &eval, ..LintOptions::new(EncodeOptions::new(128)) };
    let report = lint(&train, &options).unwrap();
    insta::assert_snapshot!(findings(&report).join("\n"), @"
    Error eval-leak 0: the same as evaluation sample 0
    Error eval-leak-prompt 1: asks what evaluation sample 0 asks
    Error eval-leak-prompt 2: asks what evaluation sample 1 asks
    Warning eval-leak-near 3: 93 % the same as evaluation sample 1
    ");
}

#[test]
fn dropped_rows_and_unknown_keys_are_findings() {
    let (_guard, dir) = folder();
    let rows = "{\"instruction\":\"a\",\"output\":\"b\",\"instrution\":\"x\"}\n{\"instruction\":\"a\",\"output\":3}\n";
    let set = read_samples(&put(&dir, "a.jsonl", rows), &SampleOptions::default()).unwrap();
    let options = LintOptions { read: &[set.report], ..LintOptions::new(EncodeOptions::new(9)) };
    let report = lint(&set.samples, &options).unwrap();
    assert!(!report.has_errors());
    insta::assert_snapshot!(findings(&report).join("\n").replace(dir.as_str(), "DIR"), @"
    Warning dropped-rows all: 1 of 2 rows were dropped, the first in DIR/a.jsonl, line 2: `output` is a number, expected a text
    Warning unknown-key all: nothing reads the key `instrution` (1 times); perhaps `instruction` is meant
    ");
}

/// A key in the place of the one that is meant loses what it says, in whichever set it stands.
#[test]
fn a_misspelt_key_of_any_set_is_an_error() {
    let (_guard, dir) = folder();
    let read = |name: &str, rows: &str| {
        read_samples(&put(&dir, name, rows), &SampleOptions::default()).unwrap().report
    };
    let reports = [
        read(
            "a.jsonl",
            "{\"instruction\":\"a\",\"output\":\"b\",\"input\":\"\",\"input_id\":3,\"id\":1}",
        ),
        read("b.jsonl", "{\"instruction\":\"a\",\"output\":\"b\",\"inputs\":\"c\"}"),
    ];
    let options = LintOptions { read: &reports, ..LintOptions::new(EncodeOptions::new(9)) };
    let report = lint(&[good(1)], &options).unwrap();
    assert!(report.has_errors());
    insta::assert_snapshot!(findings(&report).join("\n"), @"
    Error unknown-key all: nothing reads the key `inputs` (1 times); `input` is perhaps meant, which 1 of them lack
    Warning unknown-key all: nothing reads the key `id` (1 times)
    Warning unknown-key all: nothing reads the key `input_id` (1 times); perhaps `input` is meant
    ");
}

#[test]
fn a_template_without_marks_is_told_with_how_answers_are_found() {
    let found = |source: &str, samples: &[TrainingSample]| {
        let report = check(samples, source);
        assert!(!report.has_errors());
        report.of("no-generation-mark").count()
    };
    assert_eq!(found(CHATML, &[good(1), good(2)]), 1, "once, of the whole set");
    assert_eq!(found(CHATML_MARKED, &[good(1)]), 0);
    let text = TrainingSample::Text(TextSample { text: "a b".into() });
    assert_eq!(found(CHATML, &[text]), 0, "no template is used");
    let everything = EncodeOptions { train_on: TrainOn::Everything, ..EncodeOptions::new(128) };
    let report = check_with(&[good(1)], &tokenizer(), Some(&template(CHATML)), everything);
    assert_eq!(report.of("no-generation-mark").count(), 0, "nothing need be found");
}

#[test]
fn a_tokenizer_without_an_end_is_found() {
    let tokenizer = tokenizer().with_special_tokens(SpecialTokens::default()).unwrap();
    let report =
        check_with(&[good(1)], &tokenizer, Some(&template(CHATML)), EncodeOptions::new(64));
    insta::assert_snapshot!(findings(&report).join("\n"), @"Error no-eos all: the tokenizer names no end token, so that nothing ends an answer");
    let end = tokenizer.token_id("<|im_end|>").unwrap();
    let named = EncodeOptions { end_tokens: vec![end], ..EncodeOptions::new(64) };
    let report = check_with(&[good(1)], &tokenizer, Some(&template(CHATML)), named);
    assert_eq!(findings(&report), Vec::<String>::new());
}

#[test]
fn findings_of_one_rule_are_listed_up_to_a_limit_and_counted() {
    let samples: Vec<TrainingSample> = (0..10).map(|_| good(0)).collect();
    let options = LintOptions { max_findings: 3, ..LintOptions::new(EncodeOptions::new(64)) };
    let report = lint(&samples, &options).unwrap();
    assert_eq!((report.of("duplicate").count(), report.num_left_out), (3, 6));
    let bad = catena_corpus::MinHashConfig { bands: 0, ..Default::default() };
    let options = LintOptions { near_duplicates: bad, ..options };
    assert!(lint(&samples, &options).is_err());
}
