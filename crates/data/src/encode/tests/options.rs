//! What is trained on, what is cut, what is refused.

use crate::encode::{EncodeOptions, Encoder, Masking, TrainOn, Truncation};
use crate::error::DataError;
use crate::preview::{preview, preview_text};
use crate::test_support::{CHATML, CHATML_MARKED, chat, message, template, tokenizer};
use catena_protocol::{ChatExtras, ChatSample};
use catena_text::{ChatTemplate, Tokenizer};

const TWO_TURNS: [(&str, &str); 5] =
    [("system", "be"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")];

fn encode(
    source: &str,
    sample: &ChatSample,
    options: EncodeOptions,
) -> Result<crate::encode::EncodedSample, DataError> {
    let (tokenizer, template) = (tokenizer(), template(source));
    Encoder::new(&tokenizer, Some(&template), options).encode_chat("sample 0", sample)
}

fn shown(source: &str, sample: &ChatSample, options: EncodeOptions) -> String {
    let encoded = encode(source, sample, options).unwrap();
    preview_text(&preview(&tokenizer(), &encoded)).replace('\n', "|")
}

fn options() -> EncodeOptions {
    EncodeOptions::new(256)
}

#[test]
fn every_option_trains_what_it_says() {
    let all = "<|im_start|>system|be<|im_end|>|<|im_start|>user|a<|im_end|>|<|im_start|>assistant|\
               «b<|im_end|>»|<|im_start|>user|c<|im_end|>|<|im_start|>assistant|«d<|im_end|>»";
    let chat = chat(&TWO_TURNS);
    assert_eq!(shown(CHATML, &chat, options()), all);
    // The marks leave what the template writes after the last turn.
    assert_eq!(shown(CHATML_MARKED, &chat, options()), format!("{all}|"));
    let last = EncodeOptions { train_on: TrainOn::LastTurn, ..options() };
    let only_last = all.replacen("«b<|im_end|>»", "b<|im_end|>", 1);
    assert_eq!(shown(CHATML, &chat, last.clone()), only_last);
    assert_eq!(shown(CHATML_MARKED, &chat, last), format!("{only_last}|"));
    let everything = EncodeOptions { train_on: TrainOn::Everything, ..options() };
    let plain = all.replace(['«', '»'], "");
    // Nothing predicts the first token.
    let (first, rest) = plain.split_at("<|im_start|>".len());
    assert_eq!(shown(CHATML, &chat, everything), format!("{first}«{rest}|»"));
    let after = EncodeOptions { train_after_end: true, ..options() };
    assert_eq!(
        shown(CHATML, &chat, after),
        all.replace("»|", "|»").replace("d<|im_end|>»", "d<|im_end|>|»")
    );
}

#[test]
fn how_answers_are_found_is_said() {
    let tokenizer = tokenizer();
    let say = |source: &str, options: EncodeOptions| {
        Encoder::new(&tokenizer, Some(&template(source)), options).masking()
    };
    let prefix = EncodeOptions { masking: Masking::Prefix, ..options() };
    let everything = EncodeOptions { train_on: TrainOn::Everything, ..options() };
    insta::assert_snapshot!(say(CHATML, options()), @"by rendering up to each turn (the chat template has no `generation` marks)");
    insta::assert_snapshot!(say(CHATML_MARKED, options()), @"by the `generation` marks of the chat template");
    insta::assert_snapshot!(say(CHATML_MARKED, prefix), @"by rendering up to each turn (as asked)");
    insta::assert_snapshot!(say(CHATML_MARKED, everything), @"everything is trained, whoever says it");
}

#[test]
fn turns_may_be_left_out() {
    let mut sample = chat(&TWO_TURNS);
    sample.messages[4].train = Some(false);
    let first = "<|im_start|>system|be<|im_end|>|<|im_start|>user|a<|im_end|>|<|im_start|>assistant|«b<|im_end|>»";
    assert_eq!(shown(CHATML, &sample, options()), first);
    let marked = shown(CHATML_MARKED, &sample, options());
    assert!(marked.starts_with(first) && !marked[first.len()..].contains('«'), "{marked}");
    sample.messages[2].train = Some(false);
    let none = encode(CHATML, &sample, options()).unwrap();
    assert_eq!((none.num_supervised(), none.prompt_tokens), (0, none.tokens.len()));
    // A mark around all turns together does not tell them apart.
    let one_mark =
        "{% generation %}{% for m in messages %}{{ m.content }}{% endfor %}{% endgeneration %}";
    let error = encode(one_mark, &sample, options()).unwrap_err();
    insta::assert_snapshot!(error, @"the chat template marks 1 parts of `sample 0` as generated, which has 2 turns of the assistant, so that single turns cannot be chosen");
}

#[test]
fn long_rows_lose_what_the_option_says_and_say_so() {
    let sample = chat(&TWO_TURNS);
    let whole = encode(CHATML, &sample, options()).unwrap();
    let (len, trained) = (whole.tokens.len(), whole.num_supervised());
    assert_eq!((whole.lost_tokens, whole.lost_trained), (0, 0));
    let cut = |truncation, max_tokens| {
        encode(CHATML, &sample, EncodeOptions { max_tokens, truncation, ..options() }).unwrap()
    };
    for max in [1, 2, 5, len - 3, len - 1] {
        for truncation in [Truncation::End, Truncation::Start, Truncation::Turns] {
            let row = cut(truncation, max);
            assert!(row.tokens.len() <= max && row.labels.len() == row.tokens.len());
            assert_eq!(row.lost_tokens, len - row.tokens.len());
            assert_eq!(row.lost_trained, trained - row.num_supervised(), "{truncation:?} {max}");
            assert!(row.prompt_tokens <= row.tokens.len());
        }
    }
    assert_eq!(cut(Truncation::End, len - 1).tokens, whole.tokens[..len - 1]);
    assert_eq!(cut(Truncation::Start, len - 1).tokens, whole.tokens[1..]);
    assert_eq!(cut(Truncation::Start, 3).num_supervised(), 2);
}

#[test]
fn a_template_that_rewrites_earlier_turns_is_refused_where_it_does() {
    let rewriting = "{% for m in messages %}{{ m.role }}:{% if not loop.last %}{{ m.content | upper }}\
                     {% else %}{{ m.content }}{% endif %};{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}";
    let two = [("user", "A"), ("assistant", "b"), ("user", "C"), ("assistant", "d")];
    let error = encode(rewriting, &chat(&two), options()).unwrap_err();
    insta::assert_snapshot!(error, @"the chat template renders the prompt of record `sample 0` differently once the answer follows (first difference at byte 17)");
    let DataError::TemplatePrefix { offset, .. } = error else { panic!("{error}") };
    let text = template(rewriting)
        .render_chat(&catena_text::ChatInput {
            messages: &chat(&two).messages,
            ..Default::default()
        })
        .unwrap();
    assert_eq!(&text[offset..=offset], "B", "{text}");
    // The last turn alone is rendered as serving renders it.
    let last = EncodeOptions { train_on: TrainOn::LastTurn, ..options() };
    assert!(encode(rewriting, &chat(&two), last).is_ok());
}

#[test]
fn what_the_template_needs_is_there() {
    let tokenizer = tokenizer();
    let encoder = Encoder::new(&tokenizer, None, options());
    let error = encoder.encode_chat("sample 0", &chat(&TWO_TURNS)).unwrap_err();
    insta::assert_snapshot!(error, @"`sample 0` is a conversation, and the model has no chat template");
    let mut sample = chat(&[("user", "a"), ("assistant", "b")]);
    sample.extras.chat_template_kwargs.insert("flag".into(), true.into());
    sample.extras.tools.push(serde_json::json!({"name": "fee"}));
    let source = "{{ flag }}{{ tools[0].name }}{% for m in messages %}{{ m.content }}{% endfor %}";
    assert_eq!(shown(source, &sample, options()), "Truefeea«b»");
    sample.messages[1].train = Some(true);
    let raw = "{% for m in messages %}{{ m | tojson }}{% endfor %}";
    let everything = EncodeOptions { train_on: TrainOn::Everything, ..options() };
    assert!(!shown(raw, &sample, everything).contains("train"), "the flag is not the template's");
}

#[test]
fn a_token_that_spans_the_border_does_not_change_the_prompt() {
    // The template's line end and the answer's make one token together.
    let (tokenizer, sample) = (tokenizer(), chat(&[("user", "a"), ("assistant", "\n\n\nb")]));
    let template = template(CHATML);
    let encoder = Encoder::new(&tokenizer, Some(&template), options());
    let row = encoder.encode_chat("sample", &sample).unwrap();
    let prompt = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n";
    let serving = tokenizer.encode(prompt, false, true).unwrap();
    assert_eq!(row.tokens[..row.prompt_tokens], serving);
    let whole = tokenizer.encode(&format!("{prompt}\n\n\nb<|im_end|>"), false, true).unwrap();
    assert_ne!(whole, row.tokens, "the case tests nothing: no token spans the border");
    assert_eq!(tokenizer.decode(&row.tokens, false), format!("{prompt}\n\n\nb<|im_end|>"));
}

#[test]
fn the_end_of_a_turn_is_known_by_any_of_its_names() {
    let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.role == 'assistant' %}<|eot_id|>\n{% endif %}{% endfor %}\
                  {% if add_generation_prompt %}[assistant]{% endif %}";
    let sample = chat(&[("user", "a"), ("assistant", "b <|end|> c")]);
    // The last control token, since neither is an end token that the tokenizer names.
    assert_eq!(shown(source, &sample, options()), "[user]a[assistant]«b <|end|> c<|eot_id|>»");
    let end = tokenizer().token_id("<|end|>").unwrap();
    let named = EncodeOptions { end_tokens: vec![end], ..options() };
    // Generation stops at the first.
    assert_eq!(shown(source, &sample, named), "[user]a[assistant]«b <|end|>»");
    let without = source.replace("<|eot_id|>", "");
    let plain = chat(&[("user", "a"), ("assistant", "b")]);
    assert_eq!(shown(&without, &plain, options()), "[user]a[assistant]«b»");
}

#[test]
fn records_and_conversations_are_encoded_alike() {
    let (tokenizer, template) = (tokenizer(), template(CHATML_MARKED));
    let record = crate::record::Record {
        id: "r".into(),
        document_id: "d".into(),
        split: crate::record::Split::Train,
        question: "fee".into(),
        passages: vec![],
        messages: vec![catena_protocol::Message::new(catena_protocol::Role::User, "fee?")],
        answer: "Five [1]".into(),
        citation: 1,
    };
    let of_record = crate::encode::encode_record(&tokenizer, &template, &record, 64).unwrap();
    let options = EncodeOptions { masking: Masking::Prefix, ..EncodeOptions::new(64) };
    let encoder = Encoder::new(&tokenizer, Some(&template), options);
    let of_chat =
        encoder.encode_chat("r", &chat(&[("user", "fee?"), ("assistant", "Five [1]")])).unwrap();
    assert_eq!((of_record.tokens, of_record.labels), (of_chat.tokens, of_chat.labels));
    assert_eq!(of_record.prompt_tokens, of_chat.prompt_tokens);
}

#[test]
fn a_preview_shows_whole_characters() {
    let sample = chat(&[("user", "a"), ("assistant", "金😀")]);
    let encoded = encode(CHATML, &sample, options()).unwrap();
    let tokens = preview(&tokenizer(), &encoded);
    assert_eq!(tokens.len(), encoded.tokens.len());
    let trained: String =
        tokens.iter().filter(|token| token.trained).map(|token| token.text.as_str()).collect();
    assert_eq!(trained, "金😀<|im_end|>");
    assert!(
        tokens.iter().any(|token| token.trained && token.text.is_empty()),
        "no character is cut"
    );
    assert!(tokens.iter().all(|token| !token.text.contains('\u{fffd}')));
    let cut = |lost: usize| {
        let options = EncodeOptions { max_tokens: encoded.tokens.len() - lost, ..options() };
        shown(CHATML, &sample, options).contains('\u{fffd}')
    };
    assert!((1..6).any(cut), "a cut character is shown as such");
}

#[test]
fn conversations_of_every_shape_are_encoded_or_refused() {
    let (tokenizer, template): (Tokenizer, ChatTemplate) = (tokenizer(), template(CHATML));
    let roles = ["system", "user", "assistant", "tool"];
    for first in roles {
        for second in roles {
            for third in roles {
                let turns = [(first, "a"), (second, ""), (third, "c")];
                let sample = ChatSample {
                    messages: turns.iter().map(|(role, text)| message(role, text)).collect(),
                    extras: ChatExtras::default(),
                };
                let encoder = Encoder::new(&tokenizer, Some(&template), options());
                let row = encoder.encode_chat("sample", &sample).unwrap();
                let answers = turns.iter().filter(|(role, _)| *role == "assistant").count();
                let ends = row.labels.iter().flatten();
                let ends = ends.filter(|id| Some(**id) == tokenizer.eos_token_id()).count();
                assert_eq!(ends, answers, "{turns:?}");
            }
        }
    }
    let empty = ChatSample::default();
    let row =
        Encoder::new(&tokenizer, Some(&template), options()).encode_chat("none", &empty).unwrap();
    assert_eq!((row.tokens.len(), row.num_supervised()), (0, 0));
}
