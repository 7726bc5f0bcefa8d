use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::path::PathBuf;

/// fastText adds the rows of a text one by one, we word by word; f32 rounds differently.
const TOLERANCE: f32 = 1e-5;

fn golden(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/language");
    std::fs::read(folder.join(name)).unwrap()
}

const MODELS: [&str; 6] = [
    "softmax.bin",
    "ova.bin",
    "negative.bin",
    "hierarchical.bin",
    "quantized.ftz",
    "quantized_output.ftz",
];

/// Whether two lists of labels agree: probabilities in order, and labels wherever no other
/// probability is as near as rounding.
fn check_predictions(found: &[Prediction<'_>], expected: &[Value], place: &str) {
    assert_eq!(found.len(), expected.len(), "{place}");
    let close = |left: f32, right: &Value| {
        (f64::from(left) - right[1].as_f64().unwrap()).abs() < f64::from(TOLERANCE)
    };
    for (at, (ours, theirs)) in found.iter().zip(expected).enumerate() {
        assert!(close(ours.probability, theirs), "{place}: {ours:?} and {theirs}");
        let has_tie = expected
            .iter()
            .enumerate()
            .any(|(other, value)| other != at && close(ours.probability, value));
        // The last of the three may tie with the fourth.
        let may_tie = has_tie || at == 2;
        assert!(may_tie || ours.label == theirs[0], "{place}: {ours:?} and {theirs}");
    }
}

#[test]
fn models_of_all_kinds_predict_what_fasttext_does() {
    let golden_file: Value = serde_json::from_slice(&golden("predictions.json")).unwrap();
    let texts = golden_file["texts"].as_array().unwrap();
    let models = golden_file["models"].as_array().unwrap();
    assert_eq!(models.len(), MODELS.len());
    for model in models {
        let name = model["model"].as_str().unwrap();
        let loaded = FastText::load(&golden(name)).unwrap();
        for (text, expected) in texts.iter().zip(model["predictions"].as_array().unwrap()) {
            let text = text.as_str().unwrap();
            let place = format!("{name}, {text:?}");
            check_predictions(&loaded.predict(text, 3), expected.as_array().unwrap(), &place);
        }
    }
}

#[test]
fn the_cache_of_words_changes_no_bit() {
    let warm = FastText::load(&golden("quantized.ftz")).unwrap();
    let texts = ["the right to the law of the land", "the land of the free", "世界 人权 宣言"];
    for text in texts.iter().cycle().take(9) {
        let cold = FastText::load(&golden("quantized.ftz")).unwrap();
        assert_eq!(warm.predict(text, 5), cold.predict(text, 5), "{text}");
    }
}

#[test]
fn files_that_are_no_model_are_refused() {
    let unsupported = |bytes: &[u8]| {
        let error = FastText::load(bytes).unwrap_err();
        assert!(matches!(error, crate::CorpusError::ModelUnsupported { .. }), "{error}");
    };
    unsupported(b"PK\x03\x04 not a model");
    let mut vectors = golden("ova.bin");
    vectors[8 + 7 * 4] = 1;
    unsupported(&vectors);
    let whole = golden("quantized.ftz");
    for len in 0..whole.len() {
        assert!(FastText::load(&whole[..len]).is_err(), "cut to {len} bytes");
    }
}

#[test]
fn absurd_counts_are_refused_before_memory_is_asked_for() {
    let whole = golden("quantized.ftz");
    // Dimension, buckets, dictionary, kept n-grams: each far beyond the bytes that follow.
    for offset in [8, 8 + 8 * 4, 64, 68, 72, 84] {
        let mut bytes = whole.clone();
        bytes[offset..offset + 4].copy_from_slice(&0x7FFF_FFF0_u32.to_le_bytes());
        let loaded = FastText::load(&bytes);
        // The number of buckets is only a divisor in a pruned model.
        assert!(loaded.is_err() || offset == 8 + 8 * 4, "offset {offset}");
    }
}

fn check_detected(text: &str, code: Option<&str>) {
    let found = LanguageDetector::builtin().detect(text);
    assert_eq!(found.map(|language| language.code), code, "{text}");
}

#[test]
fn languages_by_script_and_by_words() {
    check_detected("This is how the river town rebuilt its library.", Some("en"));
    check_detected("今年三月，洪水漫上图书馆二楼。", Some("zh"));
    check_detected("図書館は川のほとりに建て直された。", Some("ja"));
    check_detected("한국어로 쓴 문장입니다.", Some("ko"));
    check_detected("Городской совет проголосовал во вторник за новый план.", Some("ru"));
    check_detected("صوت المجلس يوم الثلاثاء على الخطة الجديدة للمدينة.", Some("ar"));
    check_detected("ห้องสมุดของเมืองริมแม่น้ำ", Some("th"));
    check_detected("12345 --- !!! 67.8", None);
    check_detected("", None);
}

#[test]
fn in_mixed_text_words_count_and_not_letters() {
    check_detected("使用 Docker 部署 Kubernetes 集群，并配置 Prometheus 监控。", Some("zh"));
    check_detected("我用 TensorFlow 训练了一个 Transformer 模型。", Some("zh"));
    check_detected("The word 你好 means hello, and 谢谢 means thank you.", Some("en"));
    check_detected("东京的地名“原宿”读作はらじゅく，这是它在日语中的读音，并不难记。", Some("zh"));
    let both = LanguageDetector::builtin().detect_top("部署 deployment 说明 guide 文档", 2);
    assert_eq!(both.iter().map(|language| language.code).collect::<Vec<_>>()[0], "zh");
    assert_eq!(both.len(), 2);
    let shares = ScriptShares::of("部署 Docker");
    assert!((shares.share(Script::Han) - 0.5).abs() < 1e-6, "{shares:?}");
}

#[test]
fn simplified_and_traditional_chinese_are_told_apart() {
    let script = |text| LanguageDetector::builtin().detect(text).unwrap().chinese;
    assert_eq!(script("这个国家的经济发展很快"), Some(ChineseScript::Simplified));
    assert_eq!(script("這個國家的經濟發展很快"), Some(ChineseScript::Traditional));
    assert_eq!(script("人山人海"), None);
}

/// What each detector calls by the same name as the golden sentences.
fn accuracy(wanted: impl Fn(&str) -> bool) -> f64 {
    let detector = LanguageDetector::builtin();
    let rows = String::from_utf8(golden("sentences.json")).unwrap();
    let (mut right, mut all) = (0_u32, 0_u32);
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let code = row["code"].as_str().unwrap();
        if wanted(code) {
            all += 1;
            let found = detector.detect(row["text"].as_str().unwrap());
            right += u32::from(found.is_some_and(|found| found.code == code));
        }
    }
    f64::from(right) / f64::from(all)
}

#[test]
fn the_builtin_tier_knows_forty_languages() {
    assert_eq!(accuracy(|code| ["en", "zh", "ja", "ko"].contains(&code)), 1.0);
    let accuracy = accuracy(|_| true);
    assert!(accuracy >= 0.97, "{accuracy}");
}

#[test]
fn labels_of_models_become_codes() {
    let check = |label, code| assert_eq!(codes::code_of_label(label).0, code, "{label}");
    check("en", "en");
    check("eng_Latn", "en");
    check("zho_Hant", "zh");
    check("ceb", "ceb");
    check("ceb_Latn", "ceb");
    check("an absurdly long label that no code is made of", "und");
    assert_eq!(codes::code_of_label("zho_Hant").1, Some(ChineseScript::Traditional));
}

#[test]
fn a_sample_is_whole_lines_in_order() {
    let lines: Vec<String> = (0..400).map(|at| format!("line {at} of the text")).collect();
    let text = lines.join("\n");
    let parts = sample::sample(&text, 800);
    let joined: String = parts.concat();
    assert!((600..1200).contains(&joined.len()), "{}", joined.len());
    for line in joined.lines() {
        assert!(lines.iter().any(|other| other == line), "{line:?}");
    }
    assert_eq!(sample::sample(&text, 1 << 20), [&*text]);
}

proptest! {
    #[test]
    fn any_text_is_detected_the_same_twice(text in "\\PC{0,60}|[a-z 你好を한ا\\n]{0,200}") {
        let detector = LanguageDetector::from_fasttext(&golden("quantized.ftz")).unwrap();
        let builtin = LanguageDetector::builtin().with_sample(64);
        for detector in [&detector, &builtin] {
            let found = detector.detect_top(&text, 3);
            prop_assert_eq!(&found, &detector.detect_top(&text, 3));
            prop_assert!(found.iter().all(|one| (0.0..=1.0).contains(&one.score)));
        }
    }

    #[test]
    fn a_broken_model_is_an_error_or_a_model(
        model in 0..MODELS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_head in any::<bool>(),
    ) {
        let mut bytes = golden(MODELS[model]);
        let len = if in_head { 96 } else { bytes.len() };
        for (place, byte) in changes {
            bytes[place.index(len)] = byte;
        }
        if let Ok(model) = FastText::load(&bytes) {
            model.predict("the rights of everyone 世界", 3);
        }
    }
}
