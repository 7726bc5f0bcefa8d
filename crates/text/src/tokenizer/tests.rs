use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{GgufVocab, SpecialTokens, TokenType, Tokenizer, byte_level};
use crate::TextError;

/// All bytes as tokens, a few merges, two control tokens and one that is always whole.
fn tiny_vocab() -> GgufVocab {
    let alphabet = (0u32..0x150).filter_map(char::from_u32);
    let mut tokens: Vec<String> =
        alphabet.filter(|&c| byte_level::byte_of(c).is_some()).map(String::from).collect();
    assert_eq!(tokens.len(), 256);
    let merges = ["h e", "l l", "he ll", "hell o", "Ġ w", "Ġw o", "Ċ Ċ"];
    tokens.extend(merges.iter().map(|merge| merge.replace(' ', "")));
    let mut token_types = vec![TokenType::Normal; tokens.len()];
    for (token, kind) in [
        ("<|a|>", TokenType::Control),
        ("<|b|>", TokenType::Control),
        ("<tab>", TokenType::UserDefined),
    ] {
        tokens.push(token.to_owned());
        token_types.push(kind);
    }
    GgufVocab {
        model: "gpt2".to_owned(),
        pre: Some("smollm".to_owned()),
        bos_token_id: Some(263),
        eos_token_id: Some(264),
        tokens,
        token_types,
        merges: merges.iter().map(ToString::to_string).collect(),
        ..GgufVocab::default()
    }
}

fn tiny() -> Tokenizer {
    Tokenizer::from_gguf(&tiny_vocab()).unwrap()
}

fn minilm() -> Tokenizer {
    let models = std::env::var("CATENA_TEST_MODELS")
        .expect("CATENA_TEST_MODELS names the folder of test models; `make test` sets it");
    let folder = PathBuf::from(models).join("all-minilm-l6-v2");
    let read = |name: &str| {
        let path = folder.join(name);
        std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; `make test` pulls the test models", path.display())
        })
    };
    let tokenizer = Tokenizer::from_json_bytes(&read("tokenizer.json")).unwrap();
    tokenizer.with_config_json(&read("tokenizer_config.json")).unwrap()
}

#[test]
fn minilm_gives_the_ids_of_transformers() {
    let tokenizer = minilm();
    let golden = include_str!("../../tests/golden/minilm_tokens.json");
    let golden: Vec<Value> = serde_json::from_str(golden).unwrap();
    assert!(golden.len() >= 200);
    for entry in golden {
        let text = entry["text"].as_str().unwrap();
        let ids = tokenizer.encode(text, true, true).unwrap();
        assert_eq!(json!(ids), entry["ids"], "{text:?}");
    }
    assert_eq!(tokenizer.pad_token_id(), Some(0));
    assert_eq!(tokenizer.vocab_size(), 30522);
}

#[test]
fn minilm_file_cannot_cut_or_pad_texts() {
    let ids = minilm().encode(&"word ".repeat(500), true, false).unwrap();
    assert_eq!(ids.len(), 502);
    assert_eq!(minilm().encode("word", true, false).unwrap().len(), 3);
}

#[test]
fn merges_apply_in_order() {
    let tokenizer = tiny();
    let check = |text: &str, expected: &[&str]| {
        let ids = tokenizer.encode(text, false, true).unwrap();
        let found: Vec<String> = ids.iter().map(|&id| tokenizer.token_text(id).unwrap()).collect();
        assert_eq!(found, expected, "{text:?}");
    };
    check("hello wo", &["hello", "Ġwo"]);
    check("hell 12", &["hell", "Ġ", "1", "2"]);
    check("\n\n\n", &["ĊĊ", "Ċ"]);
    check("é", &["Ã", "©"]);
    check("<|a|>he<tab>", &["<|a|>", "he", "<tab>"]);
    check("", &[]);
}

#[test]
fn control_tokens_in_plain_text_are_plain_text() {
    let tokenizer = tiny();
    let literal = tokenizer.encode("x<|a|>", false, false).unwrap();
    assert!(!literal.contains(&263), "{literal:?}");
    assert_eq!(tokenizer.decode(&literal, true), "x<|a|>");
    assert_eq!(tokenizer.encode("x<|a|>", false, true).unwrap().last(), Some(&263));
    assert!(tokenizer.is_special(263) && !tokenizer.is_special(265));
}

#[test]
fn begin_of_text_is_added_where_the_file_asks() {
    let framed = Tokenizer::from_gguf(&GgufVocab { add_bos: Some(true), ..tiny_vocab() }).unwrap();
    assert_eq!(framed.encode("he", true, false).unwrap(), [263, 256]);
    assert_eq!(framed.encode("he", false, false).unwrap(), [256]);
    assert_eq!(tiny().encode("he", true, false).unwrap(), [256]);
}

#[test]
fn vocabulary_survives_json_and_gguf() {
    for add_bos in [false, true] {
        let add_bos = Some(add_bos);
        let vocab = GgufVocab { add_bos, add_space_prefix: Some(false), ..tiny_vocab() };
        let first = Tokenizer::from_gguf(&vocab).unwrap();
        let again = Tokenizer::from_json_bytes(first.to_json().unwrap().as_bytes()).unwrap();
        let special = SpecialTokens { bos: Some(263), eos: Some(264), ..SpecialTokens::default() };
        let again = again.with_special_tokens(special).unwrap();
        assert_eq!(GgufVocab::from_tokenizer(&again).unwrap(), vocab);
    }
}

#[test]
fn special_tokens_come_from_the_config() {
    let config = br#"{"bos_token": "<|a|>", "eos_token": {"content": "<|b|>"}, "pad_token": null,
        "unk_token": "not there"}"#;
    let tokenizer = tiny().with_config_json(config).unwrap();
    assert_eq!(tokenizer.bos_token_id(), Some(263));
    assert_eq!(tokenizer.eos_token_id(), Some(264));
    assert_eq!((tokenizer.pad_token_id(), tokenizer.unk_token_id()), (None, None));
}

#[test]
fn offsets_point_into_the_text() {
    let text = "hello wörld 😀";
    let (ids, spans) = tiny().encode_with_offsets(text).unwrap();
    assert_eq!(ids.len(), spans.len());
    assert_eq!(&text[spans[0].clone()], "hello");
    assert_eq!(&text[spans.last().unwrap().clone()], "😀");
}

#[test]
fn sentencepiece_and_wordpiece_tokens_have_their_bytes() {
    let json = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": null, "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "vocab": {"<0xE4>": 0, "<0xBD>": 1, "<0xA0>": 2, "▁a": 3},
            "merges": [], "byte_fallback": true}
    });
    let tokenizer = Tokenizer::from_json_bytes(json.to_string().as_bytes()).unwrap();
    assert_eq!(tokenizer.token_bytes(0), [0xe4]);
    assert_eq!(tokenizer.token_bytes(3), b" a");
    let mut stream = tokenizer.stream();
    let pieces: Vec<String> = [3, 0, 1, 2, 3].into_iter().map(|id| stream.push(id)).collect();
    assert_eq!(pieces, [" a", "", "", "你", " a"]);
    assert_eq!(minilm().token_bytes(2088), b" world");
}

fn check_vocab(change: impl FnOnce(&mut GgufVocab)) -> TextError {
    let mut vocab = tiny_vocab();
    change(&mut vocab);
    Tokenizer::from_gguf(&vocab).expect_err("the vocabulary is broken")
}

#[test]
fn broken_vocabularies_are_refused() {
    use TextError as E;
    assert!(matches!(check_vocab(|v| v.model = "rwkv".into()), E::UnsupportedModel { .. }));
    assert!(matches!(check_vocab(|v| v.pre = Some("x".into())), E::UnsupportedPreTokenizer { .. }));
    assert!(matches!(check_vocab(|v| v.tokens.clear()), E::EmptyVocab));
    assert!(matches!(check_vocab(|v| v.token_types.truncate(5)), E::TokenTypeCount { .. }));
    assert!(matches!(check_vocab(|v| v.tokens[7] = "hello".into()), E::DuplicateToken { .. }));
    assert!(matches!(check_vocab(|v| v.tokens[0] = "x".repeat(70_000)), E::TokenTooLong { .. }));
    assert!(matches!(check_vocab(|v| v.merges[1] = "nospace".into()), E::BadMerge { .. }));
    assert!(matches!(check_vocab(|v| v.merges[1] = "zz qq".into()), E::UnknownMerge { .. }));
    assert!(matches!(check_vocab(|v| v.eos_token_id = Some(9999)), E::SpecialTokenId { .. }));
    let frame = |v: &mut GgufVocab| {
        v.add_bos = Some(true);
        v.bos_token_id = Some(u32::MAX);
    };
    assert!(matches!(check_vocab(frame), E::SpecialTokenId { which: "bos", .. }));
}

#[test]
fn hostile_tokenizer_files_are_refused() {
    let huge_id = json!({"version": "1.0", "model":
        {"type": "WordLevel", "vocab": {"a": 4_000_000_000_u32}, "unk_token": "a"}});
    let deep = "[".repeat(100_000);
    let files = [
        String::new(),
        "{}".to_owned(),
        "null".to_owned(),
        deep,
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}}".to_owned(),
        huge_id.to_string(),
    ];
    for file in files {
        let refused = Tokenizer::from_json_bytes(file.as_bytes()).map(|_| ());
        refused.expect_err(&file[..file.len().min(60)]);
    }
    let one = tiny().to_json().unwrap();
    assert!(Tokenizer::from_json_bytes(&one.as_bytes()[..one.len() / 2]).is_err());
}

/// A text that exercises merges, digits, white space and several scripts.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z ]{0,8}",
        "\\PC{0,6}",
        Just("hello wo".to_owned()),
        Just("\r\n\n ".to_owned()),
        Just("😀é<|a|>".to_owned()),
        "[0-9]{1,4}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn decoding_gives_the_text_back(text in texts()) {
        let tokenizer = tiny();
        for parse_special in [false, true] {
            let ids = tokenizer.encode(&text, false, parse_special).unwrap();
            prop_assert_eq!(&tokenizer.decode(&ids, false), &text);
        }
    }

    #[test]
    fn offsets_cover_the_text_in_order(text in texts()) {
        let (ids, spans) = tiny().encode_with_offsets(&text).unwrap();
        prop_assert_eq!(ids.len(), spans.len());
        let mut end = 0;
        for span in &spans {
            prop_assert!(text.get(span.clone()).is_some(), "{:?} in {:?}", span, text);
            prop_assert!(span.start <= end && span.end >= end);
            end = span.end;
        }
        prop_assert_eq!(end, text.len());
    }

    /// Any ids at all, not only those that some text gives.
    #[test]
    fn streaming_equals_decoding(ids in prop::collection::vec(0u32..270, 0..40)) {
        let tokenizer = tiny();
        let mut stream = tokenizer.stream();
        let mut text: String = ids.iter().map(|&id| stream.push(id)).collect();
        text.push_str(&stream.finish());
        prop_assert_eq!(text, tokenizer.decode(&ids, true));
    }

    #[test]
    fn streaming_equals_decoding_for_wordpiece(ids in prop::collection::vec(1000u32..30522, 0..12)) {
        let tokenizer = shared_minilm();
        let mut stream = tokenizer.stream();
        let mut text: String = ids.iter().map(|&id| stream.push(id)).collect();
        text.push_str(&stream.finish());
        // A window without its first word lacks the space that WordPiece writes between words;
        // what matters is that nothing is lost.
        let dense = |text: &str| text.replace(' ', "");
        prop_assert_eq!(dense(&text), dense(&tokenizer.decode(&ids, true)));
    }

    /// A file with some bytes changed loads or is refused, and what loads can be used.
    #[test]
    fn changed_files_do_not_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut json = small_json();
        for (at, byte) in changes {
            let at = at.index(json.len());
            json[at] = byte;
        }
        if let Ok(tokenizer) = Tokenizer::from_json_bytes(&json) {
            let _ = tokenizer.encode("hello <s> wörld", true, true);
            let _ = tokenizer.encode_with_offsets("hello 123");
            let _ = tokenizer.decode(&[0, 1, 2, u32::MAX], false);
        }
    }
}

fn shared_minilm() -> &'static Tokenizer {
    static TOKENIZER: std::sync::OnceLock<Tokenizer> = std::sync::OnceLock::new();
    TOKENIZER.get_or_init(minilm)
}

/// Every part of a tokenizer file, small.
fn small_json() -> Vec<u8> {
    json!({
        "version": "1.0",
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "<s>"},
        "added_tokens": [{"id": 0, "content": "<s>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true}],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"},
            {"type": "Replace", "pattern": {"Regex": "o+"}, "content": "o"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "\\d{1,3}"}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true}]},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<s>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": {"<s>": 0, "h": 1, "e": 2, "l": 3, "o": 4, "Ġ": 5, "he": 6, "ll": 7, "hell": 8},
            "merges": [["h", "e"], ["l", "l"], ["he", "ll"]]}
    })
    .to_string()
    .into_bytes()
}

/// llama.cpp counted the tokens of very long texts in numbers that were too small.
#[test]
fn s23_texts_too_long_to_count_are_refused() {
    let tokenizer = tiny();
    let text = "x".repeat(crate::limits::MAX_TEXT_BYTES + 1);
    let refused = tokenizer.encode(&text, true, false);
    assert!(matches!(refused, Err(TextError::TextTooLong { .. })));
    let refused = tokenizer.encode_typed(&text, Some("x"), Some(8));
    assert!(matches!(refused, Err(TextError::TextTooLong { .. })));
}
