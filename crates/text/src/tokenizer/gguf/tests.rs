use proptest::prelude::*;

use super::{GgufVocab, TokenType};
use crate::{TextError, Tokenizer};

const KINDS: [&str; 5] = ["gpt2", "gemma4", "llama", "t5", "bert"];

/// A small vocabulary that every kind of model can be built from.
fn small(model: &str) -> GgufVocab {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(str::to_owned).to_vec();
    let mut token_types = vec![TokenType::Unknown, TokenType::Control, TokenType::Control];
    for byte in 0..=255u8 {
        tokens.push(format!("<0x{byte:02X}>"));
        token_types.push(TokenType::Byte);
    }
    let pieces = ["▁", "h", "e", "l", "o", "he", "ll", "hell", "hello", "▁hello", "Ġ", "  "];
    tokens.extend(pieces.map(str::to_owned));
    token_types.resize(tokens.len() - 1, TokenType::Normal);
    token_types.push(TokenType::UserDefined);
    let scores = (0u16..).map(|rank| -f32::from(rank)).take(tokens.len()).collect();
    GgufVocab {
        model: model.to_owned(),
        pre: Some("gpt-2".to_owned()),
        merges: ["h e", "l l", "he ll", "hell o", "▁ hello"].map(str::to_owned).to_vec(),
        bos_token_id: Some(1),
        eos_token_id: Some(2),
        unk_token_id: Some(0),
        sep_token_id: Some(2),
        tokens,
        token_types,
        scores,
        ..GgufVocab::default()
    }
}

fn texts(model: &str, text: &str) -> Vec<String> {
    let tokenizer = Tokenizer::from_gguf(&small(model)).unwrap();
    let ids = tokenizer.encode(text, true, false).unwrap();
    ids.into_iter().map(|id| tokenizer.token_text(id).unwrap()).collect()
}

#[test]
fn sentencepiece_prefixes_a_space_and_falls_back_to_bytes() {
    assert_eq!(texts("llama", "hello"), ["<s>", "▁hello"]);
    assert_eq!(texts("llama", "hé"), ["<s>", "▁", "h", "<0xC3>", "<0xA9>"]);
    assert_eq!(texts("llama", ""), ["<s>"]);
    let bare = GgufVocab { add_space_prefix: Some(false), ..small("llama") };
    let bare = Tokenizer::from_gguf(&bare).unwrap();
    assert_eq!(bare.decode(&bare.encode(" hello", false, false).unwrap(), true), " hello");
}

#[test]
fn the_space_that_was_put_before_a_text_is_taken_away() {
    let tokenizer = Tokenizer::from_gguf(&small("llama")).unwrap();
    for text in ["hello", " hello", "   hello 你 \n", "", " ", "\u{301}a"] {
        let ids = tokenizer.encode(text, true, false).unwrap();
        assert_eq!(tokenizer.decode(&ids, true), text);
        let mut stream = tokenizer.stream();
        let mut streamed: String = ids.iter().map(|&id| stream.push(id)).collect();
        streamed.push_str(&stream.finish());
        assert_eq!(streamed, text);
    }
}

#[test]
fn bytes_that_are_no_text_are_exact_as_bytes() {
    let tokenizer = Tokenizer::from_gguf(&small("llama")).unwrap();
    let id = |token: &str| tokenizer.token_id(token).unwrap();
    assert_eq!(tokenizer.token_bytes(id("<0xFF>")), [0xff]);
    assert_eq!(tokenizer.token_bytes(id("▁hello")), b" hello");
    assert_eq!(tokenizer.token_bytes(id("  ")), b"  ");
    let broken = [id("<0xE4>"), id("<0xBD>"), id("h")];
    assert_eq!(tokenizer.decode(&broken, true), "\u{fffd}h");
}

#[test]
fn pairs_are_parted_as_the_file_says() {
    let pair = |vocab: &GgufVocab| {
        let tokenizer = Tokenizer::from_gguf(vocab).unwrap();
        let pair = tokenizer.encode_typed("hello", Some("hello"), None).unwrap();
        let text = |id: &u32| tokenizer.token_text(*id).unwrap();
        (pair.ids.iter().map(text).collect::<Vec<_>>(), pair.types)
    };
    let framed =
        |add_sep| GgufVocab { add_bos: Some(true), add_eos: Some(true), add_sep, ..small("t5") };
    let (texts, types) = pair(&framed(Some(true)));
    assert_eq!(texts, ["<s>", "▁hello", "</s>", "</s>", "▁hello", "</s>"]);
    assert_eq!(types, [0; 6]);
    for add_sep in [None, Some(false)] {
        let (texts, types) = pair(&framed(add_sep));
        assert_eq!(texts, ["<s>", "▁hello", "</s>", "▁hello", "</s>"]);
        assert_eq!(types, [0, 0, 0, 1, 1]);
    }
    let roberta = GgufVocab { pre: Some("roberta-bpe".to_owned()), ..framed(None) };
    assert_eq!(pair(&GgufVocab { model: "gpt2".to_owned(), ..roberta }).1, [0; 6]);
}

#[test]
fn no_text_spells_a_control_token() {
    for model in KINDS {
        let mut vocab = small(model);
        let parts = ["</", "s>", "<", "/", "s", ">"];
        vocab.tokens.extend(parts.map(str::to_owned));
        vocab.token_types.resize(vocab.tokens.len(), TokenType::Normal);
        vocab.scores.resize(vocab.tokens.len(), -1.0);
        let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
        let ids = tokenizer.encode("a</s><s>", false, false).unwrap();
        assert!(!ids.contains(&1) && !ids.contains(&2), "{model}: {ids:?}");
    }
}

#[test]
fn lists_that_disagree_are_refused() {
    let refused = |change: &dyn Fn(&mut GgufVocab)| {
        let mut vocab = small("llama");
        change(&mut vocab);
        Tokenizer::from_gguf(&vocab).map(|_| ()).unwrap_err()
    };
    use TextError as E;
    assert!(matches!(refused(&|v| v.scores.truncate(3)), E::ScoreCount { .. }));
    assert!(matches!(refused(&|v| v.scores.clear()), E::ScoreCount { scores: 0, .. }));
    assert!(matches!(refused(&|v| v.scores[9] = f32::NAN), E::BadScore { id: 9, .. }));
    assert!(matches!(refused(&|v| v.bos_token_id = Some(9999)), E::SpecialTokenId { .. }));
    assert!(matches!(refused(&|v| v.tokens[260] = "x".repeat(60_000)), E::PiecesTooLong { .. }));
    let same = |v: &mut GgufVocab| v.tokens[260] = v.tokens[261].clone();
    assert!(matches!(refused(&same), E::DuplicateToken { .. }));
    let rules = GgufVocab { precompiled_charsmap: vec![255; 9], ..small("t5") };
    Tokenizer::from_gguf(&rules).map(|_| ()).unwrap_err();
}

/// One thing that a stranger may get wrong.
#[derive(Clone, Debug)]
enum Change {
    Token(prop::sample::Index, String),
    Kind(prop::sample::Index, i32),
    Score(prop::sample::Index, f32),
    Merge(prop::sample::Index, String),
    Special(Option<u32>, Option<u32>),
    Charsmap(Vec<u8>),
    Flags([Option<bool>; 5]),
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        let at = any::<prop::sample::Index>;
        let id = prop_oneof![Just(None), (0u32..300).prop_map(Some), Just(Some(u32::MAX))];
        prop_oneof![
            (at(), "\\PC{0,5}").prop_map(|(at, text)| Self::Token(at, text)),
            (at(), -1i32..8).prop_map(|(at, kind)| Self::Kind(at, kind)),
            (at(), any::<f32>()).prop_map(|(at, score)| Self::Score(at, score)),
            (at(), "[helo▁ ]{0,6}").prop_map(|(at, rule)| Self::Merge(at, rule)),
            (id.clone(), id).prop_map(|(unk, bos)| Self::Special(unk, bos)),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(Self::Charsmap),
            any::<[Option<bool>; 5]>().prop_map(Self::Flags),
        ]
    }

    fn make(&self, vocab: &mut GgufVocab) {
        match self {
            Self::Token(at, text) => at.get_mut(&mut vocab.tokens).clone_from(text),
            Self::Kind(at, kind) => *at.get_mut(&mut vocab.token_types) = TokenType::from_id(*kind),
            Self::Score(at, score) => *at.get_mut(&mut vocab.scores) = *score,
            Self::Merge(at, rule) => at.get_mut(&mut vocab.merges).clone_from(rule),
            Self::Special(unk, bos) => {
                (vocab.unk_token_id, vocab.bos_token_id, vocab.sep_token_id) = (*unk, *bos, *unk);
            }
            Self::Charsmap(rules) => vocab.precompiled_charsmap.clone_from(rules),
            Self::Flags([bos, eos, sep, prefix, spaces]) => {
                (vocab.add_bos, vocab.add_eos, vocab.add_sep) = (*bos, *eos, *sep);
                (vocab.add_space_prefix, vocab.remove_extra_whitespaces) = (*prefix, *spaces);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    /// A changed vocabulary is refused or works; the library's panics count as refusals.
    #[test]
    fn changed_vocabularies_do_not_panic(
        model in prop::sample::select(KINDS.to_vec()),
        changes in prop::collection::vec(Change::any(), 1..5),
        text in "\\PC{0,20}",
    ) {
        let mut vocab = small(model);
        for change in &changes {
            change.make(&mut vocab);
        }
        if let Ok(tokenizer) = Tokenizer::from_gguf(&vocab) {
            for parse_special in [false, true] {
                if let Ok(ids) = tokenizer.encode(&text, true, parse_special) {
                    let decoded = tokenizer.decode(&ids, true);
                    let mut stream = tokenizer.stream();
                    let mut streamed: String = ids.iter().map(|&id| stream.push(id)).collect();
                    streamed.push_str(&stream.finish());
                    if model != "bert" {
                        prop_assert_eq!(streamed, decoded);
                    }
                }
            }
            let _ = tokenizer.encode_with_offsets(&text);
            let _ = tokenizer.to_json();
        }
    }
}
