//! Pages become texts once, and keep what they say of themselves.

use super::*;
use serde_json::{Value, json};

fn page() -> String {
    format!(
        "<html><head><title>The flood - Riverside News</title>\
         <meta property=\"og:site_name\" content=\"Riverside News\">\
         <meta name=\"date\" content=\"2024-05-06\">\
         <link rel=\"canonical\" href=\"https://riverside.example/flood\"></head>\
         <body><nav><a href=\"/\">Home</a></nav><article><h1>The flood</h1><p>{STORY}</p>\
         <p>In Rust one writes <code>Vec&lt;p&gt;</code> for a list of p, and nothing else.</p>\
         </article></body></html>"
    )
}

/// The only row that a plan with its defaults leaves of `input`.
fn cleaned(input: &Utf8Path, out: &Utf8Path) -> (Value, crate::Card) {
    let card = run(&CleaningPlan::default(), &[input.to_string()], out);
    let mut rows = written(out, "train");
    assert_eq!(rows.len(), 1);
    (rows.remove(0), card)
}

#[test]
fn a_page_is_extracted_once_and_keeps_what_it_says_of_itself() {
    let (_guard, dir) = folder();
    fs::write(dir.join("flood.html"), page()).unwrap();
    let (row, card) = cleaned(&dir.join("flood.html"), &dir.join("once"));
    let text = row["text"].as_str().unwrap();
    assert!(text.contains(STORY) && text.contains("Vec<p>") && !text.contains("Home"), "{text}");
    let said = ["title", "date", "site", "url", "format"].map(|name| row.get(name));
    let site = json!("Riverside News");
    let [title, date, url] =
        ["The flood", "2024-05-06", "https://riverside.example/flood"].map(Value::from);
    assert_eq!(said, [Some(&title), Some(&date), Some(&site), Some(&url), None]);
    assert_eq!(card.summary.changed["extracted"], 1);
    let (again, card) = cleaned(&dir.join("once/data"), &dir.join("twice"));
    assert_eq!(again, row);
    assert_eq!(card.summary.changed.get("extracted"), None);
}

#[test]
fn what_a_row_says_stays_beside_what_its_page_says() {
    let (_guard, dir) = folder();
    let http = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{}", page());
    let record = format!(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:1>\r\n\
         WARC-Target-URI: https://riverside.example/flood\r\nWARC-Date: 2025-01-02T03:04:05Z\r\n\
         Content-Length: {}\r\n\r\n{http}\r\n\r\n",
        http.len()
    );
    fs::write(dir.join("in.warc"), record).unwrap();
    let (row, _) = cleaned(&dir.join("in.warc"), &dir.join("out"));
    let said = ["url", "_url", "date", "_date"].map(|name| row.get(name).and_then(Value::as_str));
    let url = Some("https://riverside.example/flood");
    assert_eq!(said, [url, None, Some("2025-01-02T03:04:05Z"), Some("2024-05-06")]);
}

#[test]
fn a_column_called_format_makes_no_page() {
    let (_guard, dir) = folder();
    let rows = [json!({"id": "a", "text": format!("If a <b> c: {STORY}"), "format": "html"})];
    let inputs = file(&dir, &rows);
    let (row, card) = cleaned(Utf8Path::new(&inputs[0]), &dir.join("out"));
    assert_eq!((&row["text"], &row["format"]), (&rows[0]["text"], &json!("html")));
    assert_eq!(card.summary.changed.get("extracted"), None);
}
