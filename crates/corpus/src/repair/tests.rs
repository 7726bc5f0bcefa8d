use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::borrow::Cow;

fn golden() -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/repair/ftfy.jsonl");
    let pair = |line: &str| {
        let pair: Value = serde_json::from_str(line).unwrap();
        (pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned())
    };
    std::fs::read_to_string(path).unwrap().lines().map(pair).collect()
}

fn check(text: &str, expected: &str) -> Vec<RepairFix> {
    let repaired = repair(text, &RepairOptions::default());
    assert_eq!(repaired.text, expected, "from {text:?}");
    repaired.fixes
}

#[test]
fn every_golden_string_is_repaired_as_ftfy_does() {
    let options = RepairOptions { gbk: false, ..RepairOptions::default() };
    let pairs = golden();
    assert!(pairs.len() >= 150);
    let changed = pairs.iter().filter(|(text, expected)| text != expected).count();
    assert!(changed >= 100, "{changed}");
    for (text, expected) in pairs {
        let repaired = repair(&text, &options);
        assert_eq!(repaired.text, expected, "from {text:?}");
        assert_eq!(repaired.fixes.is_empty(), text == expected, "{text:?}: {:?}", repaired.fixes);
    }
}

#[test]
fn the_repairs_of_chinese_leave_the_golden_strings_alone() {
    for (text, expected) in golden() {
        let repaired = repair(&text, &RepairOptions::default());
        assert_eq!(repaired.text, expected, "from {text:?}");
    }
}

#[test]
fn what_was_done_is_told() {
    use RepairFix::{ControlCharacters, Encoding, Entities, Ligatures, TerminalEscapes};
    assert_eq!(check("cafÃ©", "café"), [Encoding(Charset::Latin1)]);
    assert_eq!(check("itâ€™s", "it’s"), [Encoding(Charset::Windows1252)]);
    assert_eq!(check("&lt;p&gt; ﬁn", "<p> fin"), [Entities, Ligatures]);
    assert_eq!(check("\u{1B}[1mbold\u{1B}[0m", "bold"), [TerminalEscapes]);
    assert_eq!(check("bell\u{7}", "bell"), [ControlCharacters]);
    let layers = check("ÃƒÂ©tÃƒÂ©", "été");
    assert!(!layers.is_empty());
}

#[test]
fn chinese_in_the_wrong_encoding() {
    let latin_of = |text: &str| -> String {
        let (bytes, ..) = encoding_rs::GBK.encode(text);
        bytes.iter().map(|&byte| char::from(byte)).collect()
    };
    let gbk_of = |text: &str| encoding_rs::GBK.decode(text.as_bytes()).0.into_owned();
    let text = "今年三月，洪水漫上图书馆二楼。";
    assert_eq!(check(&latin_of(text), text), [RepairFix::GbkAsLatin1]);
    // An even number of characters has an even number of bytes, all of which stay.
    for text in ["你好", "我们使用中文", "内存映射文件入门，可以像访问数组一样访问文件。"]
    {
        let damaged = gbk_of(text);
        if !damaged.contains('\u{FFFD}') {
            assert_eq!(check(&damaged, text), [RepairFix::Utf8AsGbk], "{damaged}");
        }
    }
    assert_eq!(gbk_of("你好"), "浣犲ソ");
    check("浣犲ソ", "你好");
    check("code 浣犲ソ end", "code 你好 end");
}

#[test]
fn what_is_lost_is_counted_and_stays() {
    let repaired = repair("锟斤拷锟斤拷 and \u{FFFD}", &RepairOptions::default());
    assert_eq!((repaired.lost, &*repaired.text), (5, "锟斤拷锟斤拷 and \u{FFFD}"));
    assert_eq!(repaired.fixes, []);
}

#[test]
fn wide_forms_and_quotes_change_on_request_only() {
    let text = "ＡＢＣ，“全角”　ｶﾅ";
    assert!(matches!(repair(text, &RepairOptions::default()).text, Cow::Borrowed(_)));
    let options = RepairOptions { width: true, quotes: true, ..RepairOptions::default() };
    assert_eq!(repair(text, &options).text, "ABC,\"全角\" カナ");
}

#[test]
fn sound_text_of_many_languages_is_not_touched() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/language/sentences.json");
    let rows = std::fs::read_to_string(path).unwrap();
    let mut whole = String::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let text = row["text"].as_str().unwrap();
        let repaired = repair(text, &RepairOptions::default());
        assert!(matches!(repaired.text, Cow::Borrowed(_)), "{text} {:?}", repaired.fixes);
        whole.push_str(text);
        whole.push('\n');
    }
    let repaired = repair(&whole, &RepairOptions::default());
    assert!(matches!(repaired.text, Cow::Borrowed(_)), "{:?}", repaired.fixes);
}

proptest! {
    #[test]
    fn any_text_is_repaired_once_and_for_all(
        text in "\\PC{0,30}|[ÃÂâ€™œ\u{80}-\u{ff}a-z &;#\\x1b\\[\\n<]{0,60}|[一-龥浣犲ソ]{0,20}",
    ) {
        let options = RepairOptions { width: true, quotes: true, ..RepairOptions::default() };
        for options in [options, RepairOptions::default()] {
            let repaired = repair(&text, &options);
            prop_assert_eq!(repaired.fixes.is_empty(), repaired.text == text);
        }
    }

    #[test]
    fn utf8_read_as_windows_1252_comes_back(words in "[a-zéèüñç’—]{3,12}( [a-zéèüñç’—]{1,9}){0,6}") {
        let damaged: String =
            words.bytes().map(|byte| charsets::windows_1252(char::from(byte))).collect();
        let repaired = repair(&damaged, &RepairOptions::default());
        // A word that is also plausible as it stands may stay; it may not become a third thing.
        prop_assert!(repaired.text == words || repaired.text == damaged);
    }
}
