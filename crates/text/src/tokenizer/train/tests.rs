//! Against the `tokenizers` package, and what must not be learned.

use super::{BpeOptions, train_bpe};
use crate::TextError;
use crate::tokenizer::{GgufVocab, Tokenizer};
use catena_protocol::{Cancel, NoProgress};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/bpe.json")).unwrap()
}

fn texts() -> Vec<String> {
    let golden = include_str!("../../../tests/golden/smollm2_tokens.json");
    let golden: Vec<Value> = serde_json::from_str(golden).unwrap();
    golden.iter().map(|entry| entry["text"].as_str().unwrap().to_owned()).collect()
}

fn options() -> BpeOptions {
    let special_tokens = vec!["<|im_start|>".to_owned(), "<|im_end|>".to_owned()];
    BpeOptions { special_tokens, ..BpeOptions::new(400) }
}

fn train(texts: Vec<String>, options: &BpeOptions, threads: usize) -> Result<Tokenizer, TextError> {
    train_bpe(texts.into_iter(), options, threads, &NoProgress, &Cancel::new())
}

/// The same file as Python's, so transformers loads it and gives the ids that it gave there.
#[test]
fn the_vocabulary_is_the_reference_ones() {
    let golden = golden();
    let tokenizer = train(texts(), &options(), 2).unwrap();
    let ours: Value = serde_json::from_str(&tokenizer.to_json().unwrap()).unwrap();
    for (part, expected) in golden["tokenizer"].as_object().unwrap() {
        assert!(ours[part] == *expected, "{part}");
    }
    assert_eq!(Value::Object(tokenizer.config_json()), golden["config"]);
    let special = [tokenizer.bos_token_id(), tokenizer.eos_token_id(), tokenizer.pad_token_id()];
    assert_eq!(serde_json::json!(special), golden["special"]);
    for (text, ids) in texts().iter().zip(golden["ids"].as_array().unwrap()) {
        let ours = tokenizer.encode(text, true, true).unwrap();
        assert_eq!(serde_json::json!(ours), *ids, "{text:?}");
        let plain = tokenizer.encode(text, true, false).unwrap();
        assert_eq!(tokenizer.decode(&plain, true), *text);
    }
}

#[test]
fn order_and_threads_do_not_matter() {
    let json =
        |texts: Vec<String>, threads| train(texts, &options(), threads).unwrap().to_json().unwrap();
    let forward = json(texts(), 1);
    let mut backward = texts();
    backward.reverse();
    assert_eq!(forward, json(backward, 3));
}

/// Every way of cutting that GGUF files name gives a tokenizer that goes into such a file.
#[test]
fn a_learned_vocabulary_goes_into_gguf_files() {
    for name in ["gpt-2", "smollm", "llama-bpe", "qwen2"] {
        let options = BpeOptions { pre_tokenizer: name.to_owned(), ..options() };
        let tokenizer = train(texts(), &options, 1).unwrap();
        let vocab = GgufVocab::from_tokenizer(&tokenizer).unwrap();
        assert_eq!(vocab.pre.as_deref(), Some(name));
        let back = Tokenizer::from_gguf(&vocab).unwrap();
        for text in texts() {
            let ids = tokenizer.encode(&text, true, true).unwrap();
            assert_eq!(back.encode(&text, true, true).unwrap(), ids, "{name}: {text:?}");
        }
    }
}

#[test]
fn special_tokens_are_each_one() {
    let one = "<|end|>".to_owned();
    let shared = BpeOptions {
        bos_token: Some(one.clone()),
        eos_token: one.clone(),
        pad_token: Some(one),
        ..BpeOptions::new(300)
    };
    let tokenizer = train(texts(), &shared, 1).unwrap();
    assert_eq!(tokenizer.vocab_size(), 300);
    assert_eq!(tokenizer.encode("a", true, false).unwrap()[0], 0);
    let bare = BpeOptions { bos_token: None, pad_token: None, ..BpeOptions::new(300) };
    let tokenizer = train(texts(), &bare, 1).unwrap();
    assert_eq!((tokenizer.bos_token_id(), tokenizer.eos_token_id()), (None, Some(0)));
    assert_eq!(tokenizer.encode("a", true, false).unwrap().len(), 1);
}

#[test]
fn what_makes_no_vocabulary_is_refused() {
    let refused = |options: &BpeOptions, texts| train(texts, options, 1).unwrap_err();
    let small = refused(&BpeOptions::new(258), texts());
    assert!(matches!(small, TextError::VocabTooSmall { found: 258, least: 259 }), "{small}");
    let word = BpeOptions { eos_token: "end".to_owned(), ..BpeOptions::new(300) };
    let word = refused(&word, texts());
    assert!(matches!(word, TextError::SpecialTokenIsWord { .. }), "{word}");
    let cut = BpeOptions { pre_tokenizer: "llama".to_owned(), ..BpeOptions::new(300) };
    let cut = refused(&cut, texts());
    assert!(matches!(cut, TextError::UnsupportedPreTokenizer { .. }), "{cut}");
    let none = refused(&BpeOptions::new(300), vec![String::new()]);
    assert!(matches!(none, TextError::NoTrainingText), "{none}");
    let cancel = Cancel::new();
    cancel.cancel();
    let stopped =
        train_bpe(texts().into_iter(), &BpeOptions::new(300), 1, &NoProgress, &cancel).unwrap_err();
    assert!(matches!(stopped, TextError::TrainingCancelled), "{stopped}");
}
