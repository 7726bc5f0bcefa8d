//! What holds for any text.

use super::*;
use proptest::prelude::*;

/// Texts made of pieces of what the rules look for.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[0-9]{1,20}",
        "[ -/:-@]{1,3}",
        "[a-zA-Z0-9_]{1,12}",
        "\\PC{1,3}",
        prop::sample::select(vec![
            "微信",
            "：",
            "密码",
            "电话",
            "@",
            "://",
            "=",
            "+86 ",
            "京A",
            "·",
            "（",
            "）",
            "IBAN DE",
            "-----BEGIN PRIVATE KEY-----",
            "-----END",
            " PRIVATE KEY",
            "eyJ1",
            "password=",
            "::",
            "fe80::",
            "1.2.",
            "-",
            " ",
            "sk-",
            "ghp_",
            "转",
            "QQ",
            "passport ",
            "\n",
            "é",
            "€",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn matches_are_in_order_and_apart(text in pieces()) {
        let matches = find_pii(&text, &PiiRule::ALL);
        let mut from = 0;
        for found in &matches {
            prop_assert!(from <= found.range.start && found.range.start < found.range.end);
            prop_assert!(text.get(found.range.clone()).is_some(), "{found:?} splits a character");
            from = found.range.end;
        }
        prop_assert_eq!(&matches, &find_pii(&text, &PiiRule::ALL));
    }

    #[test]
    fn no_rule_finds_less_without_the_others(text in pieces()) {
        for found in find_pii(&text, &PiiRule::ALL) {
            let alone = find_pii(&text, &[found.rule]);
            prop_assert!(alone.iter().any(|one| {
                one.range.start < found.range.end && found.range.start < one.range.end
            }), "{found:?} is not among {alone:?}");
        }
    }

    #[test]
    fn stand_ins_and_audits_take_any_text(text in pieces(), key in any::<[u8; 4]>()) {
        for style in [PseudonymStyle::Tag, PseudonymStyle::Realistic] {
            let names = Pseudonyms::new(&key).with_style(style);
            let (replaced, matches) = names.replace(&text, &PiiRule::ALL);
            prop_assert_eq!(&replaced, &names.replace(&text, &PiiRule::ALL).0);
            let mut audit = PiiAudit::new(3);
            audit.add(&text, &matches);
            prop_assert_eq!(audit.total(), matches.len() as u64);
        }
    }

    #[test]
    fn a_text_of_plain_words_has_no_matches(text in "[a-z ,\n]{0,200}") {
        prop_assert_eq!(find_pii(&text, &PiiRule::ALL), vec![]);
    }
}
