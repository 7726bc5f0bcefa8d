//! SentencePiece's vocabularies from `tokenizer.json` to GGUF.

use serde_json::{Map, Value, json};

use super::{GgufVocab, TokenType};
use crate::{TextError, Tokenizer};

type Rules<'a> = &'a [[&'a str; 2]];

const PIECES: [&str; 9] = ["▁", "a", "b", "c", "▁ab", "abc", "bc", "ab", "▁a"];
/// Every way to make a piece, one piece after the other.
const RULES: Rules<'static> =
    &[["▁", "a"], ["a", "b"], ["▁a", "b"], ["▁", "ab"], ["b", "c"], ["ab", "c"], ["a", "bc"]];

fn added(id: usize, content: &str, special: bool) -> Value {
    json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": special})
}

/// The tokenizer of a `tokenizer.json` with some tokens that are always whole.
fn file(normalizer: &Value, pre_tokenizer: &Value, rules: Rules<'_>, whole: &[&str]) -> Tokenizer {
    let framing = ["<unk>", "<s>", "</s>"];
    let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
    let tokens = framing.into_iter().map(str::to_owned).chain(bytes);
    let tokens = tokens.chain(PIECES.into_iter().map(str::to_owned));
    let vocab: Map<String, Value> = (0..).zip(tokens).map(|(id, text)| (text, json!(id))).collect();
    let first_whole = vocab.len();
    let framing = framing.into_iter().enumerate().map(|(id, text)| added(id, text, true));
    let whole = whole.iter().enumerate().map(|(at, text)| added(first_whole + at, text, false));
    let file = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": framing.chain(whole).collect::<Vec<_>>(),
        "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocab, "merges": rules}
    });
    let tokenizer = Tokenizer::from_json_bytes(file.to_string().as_bytes()).unwrap();
    let config = br#"{"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}"#;
    tokenizer.with_config_json(config).unwrap()
}

fn spaces() -> Value {
    json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})
}

/// A normalizer of several parts; the last rewrites spaces.
fn normalizers(first: &[Value]) -> Value {
    let all: Vec<Value> = first.iter().cloned().chain([spaces()]).collect();
    json!({"type": "Sequence", "normalizers": all})
}

fn prepend() -> Value {
    json!({"type": "Prepend", "prepend": "▁"})
}

/// As files of Llama 2 and Mistral are.
fn llama(rules: Rules<'_>, whole: &[&str]) -> Tokenizer {
    file(&normalizers(&[prepend()]), &Value::Null, rules, whole)
}

#[track_caller]
fn check(tokenizer: &Tokenizer, prefix: bool) {
    let vocab = GgufVocab::from_tokenizer(tokenizer).unwrap();
    assert_eq!((vocab.model.as_str(), vocab.pre.as_deref()), ("llama", Some("default")));
    assert_eq!(
        (vocab.add_space_prefix, vocab.add_bos, vocab.add_eos),
        (Some(prefix), Some(true), None)
    );
    let ids = (vocab.bos_token_id, vocab.eos_token_id, vocab.unk_token_id);
    assert_eq!(ids, (Some(1), Some(2), Some(0)));
    let again = Tokenizer::from_gguf(&vocab).unwrap();
    for text in ["abc ab", "cab  abcab bcc", "x abc\n你", "", "a<s>"] {
        for special in [false, true] {
            let ids = tokenizer.encode(text, true, special).unwrap();
            assert_eq!(again.encode(text, true, special).unwrap(), ids, "{text:?}");
        }
    }
}

#[test]
fn every_form_of_the_files_gives_the_same_ids() {
    check(&llama(RULES, &[]), true);
    let metaspace = json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": false});
    check(&file(&Value::Null, &metaspace, RULES, &[]), true);
    let split = json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
        "invert": false});
    check(&file(&spaces(), &split, RULES, &[]), false);
}

#[test]
fn kinds_and_scores_of_pieces_follow_from_the_file() {
    let vocab = GgufVocab::from_tokenizer(&llama(RULES, &["▁▁", "<tab>"])).unwrap();
    use TokenType as T;
    let expected =
        [(0, T::Unknown), (1, T::Control), (3, T::Byte), (258, T::Byte), (259, T::Normal)];
    for (id, kind) in expected {
        assert_eq!(vocab.token_types[id], kind, "{id}");
    }
    assert_eq!(vocab.token_types[268..], [T::UserDefined; 2]);
    assert_eq!(vocab.tokens[268..], ["  ", "<tab>"], "spaces stand as they do in a text");
    let score = |piece: &str| {
        let id = vocab.tokens.iter().position(|token| token == piece).unwrap();
        vocab.scores[id]
    };
    let best_first = ["▁a", "ab", "▁ab", "bc", "abc", "▁"];
    assert!(best_first.is_sorted_by(|a, b| score(a) > score(b)), "{:?}", vocab.scores);
    assert!(vocab.merges.is_empty());
}

#[test]
fn rules_that_no_scores_give_are_refused() {
    let refused = |tokenizer: &Tokenizer| {
        let refused = GgufVocab::from_tokenizer(tokenizer).unwrap_err();
        assert!(matches!(refused, TextError::UnsupportedModel { .. }), "{refused:?}");
    };
    // One way to make `abc` is missing.
    refused(&llama(&RULES[..RULES.len() - 1], &[]));
    // Its two ways stand apart.
    let mut apart = RULES.to_vec();
    apart.swap(4, 5);
    refused(&llama(&apart, &[]));
    // A text is changed before it is cut.
    refused(&file(&normalizers(&[json!({"type": "NFKC"}), prepend()]), &Value::Null, RULES, &[]));
}
