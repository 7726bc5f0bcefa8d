//! Documents that are lent are those that the iterator gives.

use super::*;
use proptest::prelude::*;

/// The rows of an input as they are lent, each as the iterator would give it.
fn lent(input: &str, options: &ReadOptions) -> Vec<Row> {
    let mut rows = Vec::new();
    for shard in plan_shards(&[input.to_owned()], options).unwrap() {
        let mut reader = shard.open(options).unwrap();
        while let Some(step) = reader.advance() {
            match step.unwrap() {
                Step::Bad(bad) => rows.push(Row::Bad(bad)),
                Step::Document => {
                    let found = reader.document();
                    let (file, row) = found.place.rsplit_once(':').unwrap();
                    let (file, start) = file.split_once('@').unwrap_or((file, "0"));
                    let (start, row) = (start.parse().unwrap(), row.parse().unwrap());
                    rows.push(Row::Document(SourceDocument {
                        id: found.id.to_owned(),
                        text: found.text.to_owned(),
                        markup: found.markup,
                        source: found.source.to_owned(),
                        place: Place { file: file.into(), start, row },
                        metadata: serde_json::from_str(found.metadata).unwrap(),
                        turns: found.turns,
                    }));
                }
            }
        }
    }
    rows
}

/// Each line by itself, and all of them together.
fn check(lines: &[&str], options: &ReadOptions) {
    for bytes in lines.iter().map(|line| (*line).to_owned()).chain([lines.join("\n")]) {
        let folder = folder(&[("in.jsonl", bytes.as_bytes())]);
        let input = path(&folder, "in.jsonl");
        let (lent, read) = (lent(&input, options), read(&input, options));
        assert_eq!(lent, read, "{bytes}");
        // Metadata are the same to the letter, numbers and the order of names included.
        let json = |rows: &[Row]| format!("{rows:?}");
        assert_eq!(json(&lent), json(&read));
    }
}

const LINES: [&str; 34] = [
    r#"{"id": "a", "text": "one"}"#,
    r#"{"text": "tabs\t and \"quotes\" and \u00e9 \ud83d\ude00", "n": 1.50, "m": -7, "big": 1e300}"#,
    r#"{"id": 7, "text": "numbers are ids", "source": "desk", "deep": [1, {"a": [null, true]}]}"#,
    r#"{"id": "", "_id": 8.5, "text": "an empty id is none"}"#,
    r#"{"id": null, "doc_id": "d", "uuid": "u", "text": "nor is null", "source": ""}"#,
    r#"{"content": "c", "text": "the surest column", "body": "b"}"#,
    r#"{"text": null, "content": "another column", "source": 5}"#,
    r#"{"text": 5}"#,
    r#"{"text": "  "}"#,
    r#"{"text": "x", "metadata": {"url": "u", "text": "y"}, "url": "v"}"#,
    r#"{"a": 1, "text": "x", "metadata": {"url": "u", "text": "y", "n": [{}]}, "id": "i", "b": "c"}"#,
    r#"{"text": "x", "metadata": {}, "source": "s"}"#,
    r#"{"text": "x", "metadata": "{\"url\": \"u\"}"}"#,
    r#"{"text": "x", "metadata": "no json", "k": ""}"#,
    r#"{"text": "x", "metadata": null}"#,
    r#"{"text": "x", "metadata": 5, "é\n": "name"}"#,
    r#"{"text": "x", "k": 1, "text": "twice"}"#,
    r#"{"k": 1, "text": "x", "k": 2}"#,
    r#"{"messages": [{"role": "user", "content": "hi"}], "id": 4}"#,
    r#"{"prompt": "p", "completion": "c"}"#,
    r#"{"title": "t"}"#,
    r#"{"text": "x"} {}"#,
    r#"{"text": "x","#,
    r#"{"text": "x", "n": 1e999}"#,
    r#"{"text": "x", "n": 18446744073709551615, "m": 123456789012345678901234567890}"#,
    r#"["text"]"#,
    "7",
    "{}",
    "   ",
    "{\"text\": \"a tab\there\"}",
    "{\"text\": \"a zero\0here\"}",
    r#"{"text": "a\u0000zero", "\u0041": "\u0041"}"#,
    r#"{"text": "half \ud800 a pair"}"#,
    r#" { "text" : "spaces" , "id" : "s" } "#,
];

#[test]
fn rows_that_are_lent_are_the_same_whatever_they_hold() {
    check(&LINES, &ReadOptions::default());
    for (text, id) in [("content", "text"), ("id", "id"), ("metadata", "source"), ("n", "k")] {
        let options = ReadOptions {
            text_column: Some(text.to_owned()),
            id_column: Some(id.to_owned()),
            ..ReadOptions::default()
        };
        check(&LINES, &options);
    }
}

#[test]
fn parts_of_a_file_and_other_formats_are_lent_as_well() {
    let lines: Vec<String> = (0..400)
        .map(|at| match at % 50 {
            0..6 => format!("{{\"prompt\": \"number {at}\", \"completion\": \"yes\"}}"),
            6 => "broken".to_owned(),
            _ => format!("{{\"text\": \"number {at}\", \"n\": {at}}}"),
        })
        .collect();
    let mut options = ReadOptions::default();
    options.limits.shard_bytes = 1000;
    let folder = folder(&[
        ("a.jsonl", lines.join("\n").as_bytes()),
        ("b.jsonl.gz", &gzip(lines.join("\r\n").as_bytes())),
        ("c.csv", b"id,text,n\n1,one,5\n2,two,\n"),
        ("d.md", b"# A heading"),
        ("e.html", b"<p>A page</p>"),
        ("f.jsonl", "\u{feff}{\"text\": \"a mark before it\"}".as_bytes()),
        ("g.jsonl", b"{\"text\": \"caf\xe9 au lait, tr\xe8s bon, tr\xe8s cher\"}"),
    ]);
    let input = path(&folder, "");
    let (lent, read) = (lent(&input, &options), read(&input, &options));
    assert!(read.len() > 800);
    assert_eq!(lent, read);
}

proptest! {
    #[test]
    fn any_row_is_lent_as_it_is_read(
        names in proptest::collection::vec("[a-c]|text|id|source|metadata", 0..6),
        values in proptest::collection::vec(r#"[0-9]{1,3}|"[a-z \\n]{0,3}"|null|\{"a": 1\}"#, 6),
    ) {
        let fields: Vec<String> =
            names.iter().zip(&values).map(|(name, value)| format!("\"{name}\": {value}")).collect();
        check(&[&format!("{{{}}}", fields.join(", "))], &ReadOptions::default());
    }
}
