use super::*;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

/// Words, and Chinese characters, with their counts.
fn tokens(text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    let mut add = |token: &str| {
        if !token.is_empty() {
            *counts.entry(token.to_owned()).or_default() += 1;
        }
    };
    for word in text.split(|ch: char| !ch.is_alphanumeric()) {
        let mut rest = word;
        while let Some(at) = rest.find(|ch| ('\u{3040}'..='\u{9FFF}').contains(&ch)) {
            add(&rest[..at]);
            let (wide, after) = rest[at..].split_at(3);
            add(wide);
            rest = after;
        }
        add(rest);
    }
    counts
}

/// The harmonic mean of precision and recall of tokens.
fn token_f1(found: &str, expected: &str) -> f64 {
    let (found, expected) = (tokens(found), tokens(expected));
    let common: usize =
        found.iter().map(|(token, count)| count.min(expected.get(token).unwrap_or(&0))).sum();
    let all: usize = found.values().sum::<usize>() + expected.values().sum::<usize>();
    2.0 * common as f64 / all as f64
}

fn extract(html: &str, format: PageFormat) -> Extracted {
    extract_html(html, &ExtractOptions { format, ..ExtractOptions::default() }).unwrap()
}

#[test]
fn golden_pages_give_their_articles() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/web/pages.jsonl");
    for row in std::fs::read_to_string(path).unwrap().lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let text = |key: &str| row[key].as_str().unwrap();
        let page = extract(text("html"), PageFormat::Text);
        let to_truth = token_f1(&page.text, text("text"));
        let to_reference = token_f1(&page.text, text("trafilatura"));
        assert!(to_truth >= 0.99, "{to_truth}: {}", page.text);
        assert!(to_reference >= 0.94, "{to_reference}: {}", page.text);
        assert_eq!(page.title.as_deref(), Some(text("title")));
        assert_eq!(page.date.as_deref(), Some("2024-05-12"));
        assert!(page.language_hint.is_some());
    }
}

fn check(body: &str, markdown: &str) {
    let html = format!("<html><body><main>{body}</main></body></html>");
    assert_eq!(extract(&html, PageFormat::Markdown).text, markdown, "from {body}");
}

#[test]
fn markdown_keeps_the_form() {
    check(
        "<h2>A  title</h2><p>Some <b>strong</b> and <i> odd </i>text.</p>",
        "## A title\n\nSome **strong** and *odd* text.",
    );
    check(
        "<p>x</p><ul><li>one<li>two<ul><li>deep</ul></ul><ol><li>a</li><li>b</li></ol>",
        "x\n\n- one\n- two\n  - deep\n1. a\n2. b",
    );
    check(
        "<p>x</p><pre>\nfn main() {\n    a &lt; b\n}\n</pre>",
        "x\n\n```\nfn main() {\n    a < b\n}\n```",
    );
    check("<p>x</p><pre>```</pre>", "x\n\n````\n```\n````");
    check("<p>x</p><blockquote>said<br>so</blockquote>", "x\n\n> said\n> so");
    check(
        "<p>A table of two columns, and a line before it.</p>\
         <table><tr><th>a<th>b<tr><td>1<td><p>2</p></table>",
        "A table of two columns, and a line before it.\n\n| a | b |\n| --- | --- |\n| 1 | 2 |",
    );
    check("<p>call <code>f(x)</code> <b></b>now</p>", "call `f(x)` now");
}

#[test]
fn broken_markup_is_read_on() {
    let text = |html: &str| extract(html, PageFormat::Text).text;
    assert_eq!(text("<p>one<p>two"), "one\n\ntwo");
    assert_eq!(text("a < b and c > d"), "a < b and c > d");
    assert_eq!(text("<p title='unclosed>x</p><p>y</p>"), text("<p>x</p><p>y</p>"));
    assert_eq!(text("<p>x<!-- never closed"), "x");
    assert_eq!(text("<p>&lt;tag&gt; &amp; &eacute;&#233;&nbsp;z"), "<tag> & éé z");
    assert_eq!(text("</div></p></b>x"), "x");
    assert_eq!(text("<script>if (a</b) '<p>no</p>'</script>yes"), "yes");
}

#[test]
fn limits_and_empty_pages_are_errors() {
    let options = ExtractOptions { max_bytes: 10, ..ExtractOptions::default() };
    let error = extract_html("<p>hello world</p>", &options).unwrap_err();
    assert!(matches!(error, crate::CorpusError::PageTooLong { bytes: 18, limit: 10 }));
    for html in ["", "<html></html>", "<script>x</script>", "<!-- x -->"] {
        let error = extract_html(html, &ExtractOptions::default()).unwrap_err();
        assert!(matches!(error, crate::CorpusError::NoContent), "{html}");
    }
}

#[test]
fn nesting_costs_nothing() {
    let deep = format!("{}text{}", "<div><p><b>".repeat(50_000), "</b></p></div>".repeat(50_000));
    assert_eq!(extract(&deep, PageFormat::Text).text, "text");
    let tables = "<table><tr><td>".repeat(20_000);
    assert_eq!(extract(&format!("{tables}text"), PageFormat::Text).text, "text");
    let quotes = "<a b='\"".repeat(50_000);
    assert!(extract_html(&quotes, &ExtractOptions::default()).is_err());
}

fn check_reason(line: &str, reason: Option<BoilerplateReason>) {
    let cleaned = remove_boilerplate(line);
    assert_eq!(cleaned.dropped.first().map(|dropped| dropped.reason), reason, "{line}");
    assert_eq!(cleaned.text.is_empty(), reason.is_some(), "{line}");
}

#[test]
fn boilerplate_lines_have_reasons() {
    use BoilerplateReason::{Advertisement, Consent, Copyright, Navigation, Share, SignUp};
    let check = |line, reason| check_reason(line, Some(reason));
    check("We use cookies to improve your experience on our site.", Consent);
    check("By continuing to use this site you agree to our use of cookies.", Consent);
    check("Accept all cookies", Consent);
    check("本网站使用 Cookie 以改善您的浏览体验。", Consent);
    check("继续浏览即表示您同意我们的隐私政策", Consent);
    check("Share on Facebook", Share);
    check("Facebook Twitter LinkedIn WhatsApp", Share);
    check("Follow us on Twitter", Share);
    check("分享到微信", Share);
    check("微信扫一扫，分享到朋友圈", Share);
    check("© 2024 Example Media Ltd. All rights reserved.", Copyright);
    check("版权所有 © 2024 示例传媒", Copyright);
    check("京ICP备12345678号-1", Copyright);
    check("Sign up for our free newsletter", SignUp);
    check("Log in / Register", SignUp);
    check("登录 / 注册", SignUp);
    check("Advertisement", Advertisement);
    check("广告", Advertisement);
    check("Back to top", Navigation);
    check("Home | News | Contact", Navigation);
    check("首页 > 新闻 > 体育", Navigation);
    check("下一篇：周一股市为何下跌", Navigation);
}

#[test]
fn sentences_about_the_same_things_stay() {
    for line in [
        "The site uses cookies to follow users across the web, researchers found.",
        "Grandmother's cookies are the best in town.",
        "She decided to share the news on Facebook with her family.",
        "Copyright law protects original works of authorship.",
        "广告行业去年增长了百分之五。",
        "分享是一种美德，孩子们应当学会分享。",
        "He would not log in again.",
        "我们登录了服务器并检查了日志。",
        "/usr/share/doc/home/news/contact",
        "The next article discusses the history of the town.",
        "",
    ] {
        check_reason_is_none(line);
    }
}

fn check_reason_is_none(line: &str) {
    let cleaned = remove_boilerplate(line);
    assert_eq!(cleaned.dropped, [], "{line}");
    assert_eq!(cleaned.text, line);
}

#[test]
fn menus_are_runs_of_short_lines() {
    let text = "Home\nNews\nSports\nWeather map\n\nContact\nThe river rose again on Monday.\nNews";
    let cleaned = remove_boilerplate(text);
    assert_eq!(cleaned.text, "\nThe river rose again on Monday.\nNews");
    assert_eq!(cleaned.dropped.len(), 5);
    assert_eq!(cleaned.dropped[4].line, 6);
    check_reason_is_none("apples\npears\nplums\ncherries\nNews");
    assert_eq!(
        remove_boilerplate("首页\n新闻\n体育\n财经\n正文从这里开始。").text,
        "正文从这里开始。"
    );
}

proptest! {
    #[test]
    fn any_page_is_read(html in "\\PC{0,60}|(<[/!]?(div|p|a|b|table|tr|td|li|ul|pre|script|h1|br|main)( class=['\"]?(nav|ad|post)['\"]?)?/?>?|[a-z 你&;<>'\"=-]{0,6}){0,40}") {
        for format in [PageFormat::Text, PageFormat::Markdown] {
            let options = ExtractOptions { format, ..ExtractOptions::default() };
            let first = extract_html(&html, &options);
            if let Ok(page) = &first {
                prop_assert!(!page.text.trim().is_empty());
            }
            prop_assert_eq!(first.ok(), extract_html(&html, &options).ok());
        }
    }

    #[test]
    fn every_line_is_kept_or_reported(text in "((Home|News|Share|©  2020|登录|a line|首页|)\\n?){0,30}|\\PC{0,80}") {
        let cleaned = remove_boilerplate(&text);
        let kept = if cleaned.dropped.len() == text.split('\n').count() {
            0
        } else {
            cleaned.text.split('\n').count()
        };
        prop_assert_eq!(kept + cleaned.dropped.len(), text.split('\n').count());
    }
}
