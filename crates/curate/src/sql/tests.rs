//! What is said of files that are not what a query takes them for.

use super::{Answer, query};
use crate::error::CurateError;
use camino::{Utf8Path, Utf8PathBuf};
use catena_corpus::ReadOptions;
use catena_protocol::Cancel;
use std::fs;

/// A folder that goes away with its guard.
fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
    (guard, path)
}

fn answer(text: &str, on: &[&Utf8Path]) -> Result<Answer, CurateError> {
    let scratch = on[0].parent().unwrap();
    let on: Vec<String> = on.iter().map(ToString::to_string).collect();
    query(text, &on, &ReadOptions::default(), 1, scratch, &Cancel::new())
}

fn ask(text: &str, on: &[&Utf8Path]) -> Result<String, CurateError> {
    answer(text, on)?.json_lines()
}

/// A file in the folder.
fn file(folder: &Utf8Path, name: &str, text: &str) -> Utf8PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn rows_of_a_file_with_a_bad_line_are_refused_in_words() {
    let (_guard, dir) = folder();
    let good = "{\"text\":\"a\",\"n\":1}\n";
    let broken = file(&dir, "broken.jsonl", &format!("{good}{{\"text\":\n"));
    let late = file(&dir, "late.jsonl", &(good.repeat(2000) + "{\"text\":\"b\",\"n\":\"x\"}\n"));
    let csv = file(&dir, "late.csv", &("text,n\n".to_owned() + &"a,1\n".repeat(2000) + "b,x\n"));
    for path in [&broken, &late, &csv] {
        let error = ask("SELECT sum(n) FROM rows", &[path]).unwrap_err();
        let expected =
            format!("a line of {path} is broken or does not have the columns of the others");
        assert_eq!(error.to_string(), expected);
    }
    let both = ask("SELECT sum(rows2.n) FROM rows, rows2", &[&csv, &late]).unwrap_err();
    assert!(both.to_string().contains(&format!("of {csv} or {late} is")), "{both}");
}

#[test]
fn rows_are_read_only_if_the_query_asks_for_them() {
    let (_guard, dir) = folder();
    let broken = file(&dir, "broken.jsonl", "{\"text\":\"a\"}\n{\"text\":\n");
    for query in [
        "SELECT count(*) AS n FROM documents",
        "SELECT count(text) AS n, 'rows' AS rows_read FROM documents",
        "SELECT sum(one) AS n FROM (SELECT sum(1) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) \
         AS one FROM documents)",
        "WITH rows AS (SELECT 1 AS n) SELECT n FROM rows",
    ] {
        let answer = ask(query, &[&broken]).unwrap();
        assert!(answer.starts_with("{\"n\":1"), "{query}: {answer}");
    }
}

#[test]
fn errors_of_the_query_itself_stay_its_own() {
    let (_guard, dir) = folder();
    let rows = file(&dir, "in.jsonl", "{\"text\":\"a\",\"n\":1}\n");
    let error = ask("SELECT n / 0 FROM rows", &[&rows]).unwrap_err();
    assert!(matches!(error, CurateError::Query { .. }), "{error}");
    let error = ask("SELECT x FROM rows", &[&rows]).unwrap_err();
    assert!(matches!(error, CurateError::Query { .. }), "{error}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let (_guard, dir) = folder();
    let torn = file(&dir, "torn.parquet", "PAR1 and nothing else");
    let error = ask("SELECT * FROM rows", &[&torn]).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {torn}"));
    let missing = dir.join("missing.jsonl");
    let error = ask("SELECT * FROM rows", &[&missing]).unwrap_err();
    assert!(error.to_string().contains(missing.as_str()), "{error}");
}

#[test]
fn rows_that_are_no_documents_are_counted_and_a_table_of_their_own() {
    let (_guard, dir) = folder();
    let text = "{\"text\":\"a\"}\n{\"text\":5}\n{\"text\":\"b\"}\n{\"text\"\n";
    let bad = file(&dir, "in.jsonl", text);
    let found = answer("SELECT count(*) AS n FROM documents", &[&bad]).unwrap();
    assert_eq!((found.json_lines().unwrap().trim(), found.num_rejected), ("{\"n\":2}", 2));
    let twice = "SELECT count(*) AS n FROM documents, documents AS others";
    assert_eq!(answer(twice, &[&bad]).unwrap().num_rejected, 2);
    assert_eq!(answer("SELECT 1", &[&bad]).unwrap().num_rejected, 0);
    let all = ask("SELECT * FROM rejected ORDER BY place", &[&bad]).unwrap();
    let expected = [
        r#"{"place":"in.jsonl:2","reason":"text_type","detail":"{\"column\":\"text\",\"found\":\"a number\"}","sample":""}"#,
        r#"{"place":"in.jsonl:4","reason":"not_json","detail":"{\"message\":\"EOF while parsing an object at line 1 column 7\"}","sample":"{\"text\""}"#,
    ];
    assert_eq!(all.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_answer_without_rows_says_so() {
    let (_guard, dir) = folder();
    let path = file(&dir, "in.jsonl", "{\"text\":\"a\"}\n");
    let table = |text: &str| answer(text, &[&path]).unwrap().table().unwrap();
    assert_eq!(table("SELECT text FROM documents WHERE text = 'b'"), "no rows");
    assert!(table("SELECT text FROM documents").contains("| a "));
}
