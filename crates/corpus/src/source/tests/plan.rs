//! Inputs and their shards.

use super::*;

fn ids(input: &str, options: &ReadOptions) -> Vec<String> {
    let shards = plan_shards(&[input.to_owned()], options).unwrap();
    shards.into_iter().map(|shard| shard.id).collect()
}

#[test]
fn folders_and_globs_are_listed_in_order() {
    let row: &[u8] = b"{\"text\":\"t\"}";
    let folder = folder(&[
        ("b.jsonl", row),
        ("a/z.jsonl", row),
        ("a/y.csv", b"text\nt\n"),
        (".x/h.jsonl", row),
        ("README.md", b"# Title"),
        ("odd.bin", b"\x01\x02"),
    ]);
    let all = ReadOptions::default();
    assert_eq!(ids(&path(&folder, ""), &all), ["a/y.csv", "a/z.jsonl", "b.jsonl", "odd.bin"]);
    assert_eq!(ids(&path(&folder, "*.jsonl"), &all), ["b.jsonl"]);
    assert_eq!(ids(&path(&folder, "**/*.jsonl"), &all), ["a/z.jsonl", "b.jsonl"]);
    assert_eq!(ids(&path(&folder, "a/{y,z}.*"), &all), ["y.csv", "z.jsonl"]);
    let said = said(&path(&folder, "*.bin"), &all);
    assert_eq!(said, ["odd.bin:1: BAD unknown_format: a file of no known format"]);
    let both = [path(&folder, "b.jsonl"), path(&folder, "")];
    let shards = plan_shards(&both, &all).unwrap();
    let found: Vec<&str> = shards.iter().map(|shard| shard.id.as_str()).collect();
    assert_eq!(found, ["b.jsonl", "a/y.csv", "a/z.jsonl", "odd.bin"]);
}

#[test]
fn a_shard_tells_when_its_file_or_sidecar_has_changed() {
    let row: &[u8] = b"{\"id\":\"a\",\"text\":\"t\"}";
    let folder = folder(&[("documents/a.jsonl", row), ("attributes/x/a.jsonl", row)]);
    let options = ReadOptions { attributes: vec!["x".to_owned()], ..ReadOptions::default() };
    let version = |input: &str| {
        let shards = plan_shards(&[path(&folder, input)], &options).unwrap();
        shards[0].version.clone().unwrap()
    };
    let first = version("");
    assert_eq!((version(""), version("documents/*")), (first.clone(), first.clone()));
    let mut seen = vec![first];
    for name in ["documents/a.jsonl", "attributes/x/a.jsonl"] {
        let file = std::fs::File::options().write(true).open(path(&folder, name)).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        let now = version("documents/a.jsonl");
        assert!(!seen.contains(&now), "{seen:?}");
        seen.push(now);
    }
}

#[test]
fn a_data_set_tells_its_licence_and_languages() {
    let about = |readme: &str| {
        let folder = folder(&[("README.md", readme.as_bytes()), ("a.txt", b"a")]);
        assert_eq!(set_card(&path(&folder, "a.txt"), &ReadOptions::default()).unwrap(), None);
        let card = set_card(&path(&folder, ""), &ReadOptions::default()).unwrap();
        card.map(|card| (card.license.join(" "), card.language.join(" ")))
    };
    let told = |license: &str, language: &str| Some((license.to_owned(), language.to_owned()));
    assert_eq!(about("---\nlicense: mit\nlanguage:\n- en\n- zh\n---\n"), told("mit", "en zh"));
    assert_eq!(about("---\nlicense:\n- mit\n- cc0-1.0\n---\n"), told("mit cc0-1.0", ""));
    let named = "---\nlicense: other\nlicense_name: tongyi-qianwen\nlanguage: zh\n---\n";
    assert_eq!(about(named), told("tongyi-qianwen", "zh"));
    assert_eq!(about("---\nlicense: {a: b}\n---\n"), told("", ""));
    assert_eq!(about("# A set\n"), None);
}

#[test]
fn every_file_of_a_folder_is_read_if_asked_for() {
    let folder = folder(&[
        ("README.md", b"# Start here"),
        ("guide/README.md", b"# Guide"),
        ("guide/fees.txt", b"Free."),
        ("LICENSE", b"MIT"),
    ]);
    let input = path(&folder, "");
    assert_eq!(ids(&input, &ReadOptions::default()), ["guide/fees.txt"]);
    let options = ReadOptions { every_file: true, ..ReadOptions::default() };
    let all = ["LICENSE", "README.md", "guide/README.md", "guide/fees.txt"];
    assert_eq!(ids(&input, &options), all);
}

#[test]
fn what_names_nothing_is_an_error() {
    let folder = folder(&[("odd.bin", b"\x01\x02")]);
    let error = |name: &str| {
        let error = plan_shards(&[path(&folder, name)], &ReadOptions::default()).unwrap_err();
        let hint = error.hint().unwrap();
        format!("{error}; hint: {hint}").replace(&path(&folder, ""), "DIR")
    };
    insta::assert_snapshot!(error("none"), @"there is no file or folder DIR/none; hint: check the path");
    insta::assert_snapshot!(error("*.x"), @"DIR/*.x names no file; hint: name a folder or a pattern that holds files");
    insta::assert_snapshot!(error("odd.bin"), @"DIR/odd.bin is of no known format (known: .jsonl, .ndjson, .json, .csv, .tsv, .parquet, .arrow, .txt, .md, .html, .pdf, .docx, .xlsx, .pptx, .epub, .warc, each also with .gz or .zst); hint: give the file the ending of its format");
    insta::assert_snapshot!(error("[x"), @"DIR/[x is no pattern of paths; hint: patterns have *, **, ?, [..] and {..}");
    let url = plan_shards(&["s3://bucket/x".to_owned()], &ReadOptions::default()).unwrap_err();
    assert_eq!(url.to_string(), "cannot read s3://bucket/x");
}

#[test]
fn files_without_an_ending_are_known_by_their_beginning() {
    let lines: &[u8] = b"{\"text\":\"t\"}\n";
    let folder =
        folder(&[("plain", lines), ("packed", &gzip(lines)), ("page", b"<!DOCTYPE HTML><p>x")]);
    assert_eq!(texts(&path(&folder, "plain")), ["t"]);
    assert_eq!(texts(&path(&folder, "packed")), ["t"]);
    assert_eq!(texts(&path(&folder, "page")), ["<!DOCTYPE HTML><p>x"]);
}

#[test]
fn a_data_set_is_read_by_its_card() {
    let row: &[u8] = b"{\"text\":\"t\"}";
    let card = b"---\nlicense: mit\nconfigs:\n- config_name: en\n  data_files:\n  - split: train\n    \
        path: data/train-*\n  - split: test\n    path:\n    - data/test.jsonl\n- config_name: zh\n  \
        data_files: zh/*.jsonl\n---\n# Set\n";
    let folder = folder(&[
        ("README.md", card),
        ("data/train-1.jsonl", row),
        ("data/train-0.jsonl", row),
        ("data/test.jsonl", row),
        ("zh/a.jsonl", row),
        ("other.jsonl", row),
    ]);
    let input = path(&folder, "");
    let all = ReadOptions::default();
    let train = ["data/train-0.jsonl", "data/train-1.jsonl"];
    assert_eq!(ids(&input, &all), [train[0], train[1], "data/test.jsonl"]);
    let split = ReadOptions { split: Some("train".to_owned()), ..all.clone() };
    assert_eq!(ids(&input, &split), train);
    let shards = plan_shards(std::slice::from_ref(&input), &all).unwrap();
    assert_eq!(shards[2].split.as_deref(), Some("test"));
    let zh = ReadOptions { config: Some("zh".to_owned()), ..all.clone() };
    assert_eq!(ids(&input, &zh), ["zh/a.jsonl"]);
    let none = ReadOptions { config: Some("fr".to_owned()), ..all };
    let error = plan_shards(&[input], &none).unwrap_err().to_string();
    assert!(error.ends_with("README.md has no configuration `fr` (known: en, zh)"), "{error}");
}

#[test]
fn a_data_set_without_a_card_is_read_by_its_names() {
    let row: &[u8] = b"{\"text\":\"t\"}";
    let folder = folder(&[
        ("README.md", b"---\nlicense: mit\n---\n# Set\n"),
        ("en/train/a.jsonl", row),
        ("en/test/b.jsonl", row),
        ("zh/train-00000-of-00001.jsonl", row),
    ]);
    let input = path(&folder, "");
    let asked = |config: Option<&str>, split: Option<&str>| {
        let [config, split] = [config, split].map(|name| name.map(ToOwned::to_owned));
        let options = ReadOptions { config, split, ..ReadOptions::default() };
        let shards = plan_shards(std::slice::from_ref(&input), &options);
        let shards = shards.map_err(|error| error.to_string().replace(&input, "DIR"));
        shards.map(|all| all.into_iter().map(|one| one.id).collect::<Vec<_>>())
    };
    let ids = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    let all = ["en/test/b.jsonl", "en/train/a.jsonl", "zh/train-00000-of-00001.jsonl"];
    assert_eq!(asked(None, None), ids(&all));
    assert_eq!(asked(Some("default"), None), ids(&all));
    assert_eq!(asked(Some("en"), None), ids(&all[..2]));
    assert_eq!(asked(Some("en"), Some("test")), ids(&all[..1]));
    assert_eq!(asked(Some("zh"), Some("train")), ids(&all[2..]));
    assert_eq!(asked(None, Some("train")), ids(&all[1..2]));
    let refused = |what: &str| Err(what.to_owned());
    let no_split = "DIR/en has no split `dev` (known: test, train)";
    assert_eq!(asked(Some("en"), Some("dev")), refused(no_split));
    let no_config = "DIR has no configuration `fr` (known: default, en, zh)";
    assert_eq!(asked(Some("fr"), None), refused(no_config));
}

#[test]
fn a_configuration_without_files_is_read_by_its_names() {
    let row: &[u8] = b"{\"text\":\"t\"}";
    let card = b"---\nconfigs:\n- config_name: en\n  data_dir: ./en/\n- config_name: zh\n  \
        data_files:\n  - split: dev\n    path: zh.jsonl\n---\n";
    let folder = folder(&[
        ("README.md", card),
        ("en/train.jsonl", row),
        ("en/test.jsonl", row),
        ("zh.jsonl", row),
    ]);
    let input = path(&folder, "");
    let asked = |config: &str, split: &str| {
        let [config, split] = [config, split].map(|name| Some(name.to_owned()));
        let options = ReadOptions { config, split, ..ReadOptions::default() };
        let shards = plan_shards(std::slice::from_ref(&input), &options);
        shards.map(|all| all.into_iter().map(|one| one.id).collect::<Vec<_>>())
    };
    assert_eq!(asked("en", "test").unwrap(), ["en/test.jsonl"]);
    assert_eq!(asked("zh", "dev").unwrap(), ["zh.jsonl"]);
    for (config, known) in [("en", "test, train"), ("zh", "dev")] {
        let error = asked(config, "none").unwrap_err().to_string();
        assert!(error.ends_with(&format!("has no split `none` (known: {known})")), "{error}");
    }
}

#[test]
fn files_and_patterns_have_the_splits_that_their_names_tell() {
    let row: &[u8] = b"{\"text\":\"t\"}";
    let files = ["train.jsonl", "my_test.jsonl", "b/dev/x.jsonl", "b/test/x.jsonl", "plain.jsonl"];
    let folder = folder(&files.map(|name| (name, row)));
    let asked = |inputs: &[&str], split: &str| {
        let inputs: Vec<String> = inputs.iter().map(|name| path(&folder, name)).collect();
        let options = ReadOptions { split: Some(split.to_owned()), ..ReadOptions::default() };
        let shards = plan_shards(&inputs, &options);
        let shards = shards.map_err(|error| error.to_string().replace(&path(&folder, ""), "DIR"));
        shards.map(|all| all.into_iter().map(|one| one.id).collect::<Vec<_>>().join(" "))
    };
    let is = |ids: &str| Ok(ids.to_owned());
    let refused = |what: &str| Err(what.to_owned());
    assert_eq!(asked(&["my_test.jsonl"], "test"), is("my_test.jsonl"));
    assert_eq!(asked(&["plain.jsonl"], "train"), is("plain.jsonl"));
    let no_split = "DIR/my_test.jsonl has no split `train` (known: test)";
    assert_eq!(asked(&["my_test.jsonl"], "train"), refused(no_split));
    let no_split = "DIR/plain.jsonl has no split `test` (known: train)";
    assert_eq!(asked(&["plain.jsonl"], "test"), refused(no_split));
    // Files that are named together are one set.
    assert_eq!(asked(&["train.jsonl", "my_test.jsonl"], "test"), is("my_test.jsonl"));
    assert_eq!(asked(&["b/dev/x.jsonl", "b/test/x.jsonl"], "validation"), is("x.jsonl"));
    let no_split = "DIR/b has no split `train` (known: test, validation)";
    assert_eq!(asked(&["b/dev/x.jsonl", "b/test/x.jsonl"], "train"), refused(no_split));
    // So is what a pattern finds.
    assert_eq!(asked(&["*.jsonl"], "test"), is("my_test.jsonl"));
    assert_eq!(asked(&["b/*/x.jsonl"], "test"), is("test/x.jsonl"));
    let no_split = "DIR has no split `dev` (known: test, train)";
    assert_eq!(asked(&["*.jsonl"], "dev"), refused(no_split));
    let options = ReadOptions { config: Some("en".to_owned()), ..ReadOptions::default() };
    for input in ["train.jsonl", "*.jsonl"] {
        let error = plan_shards(&[path(&folder, input)], &options).unwrap_err().to_string();
        assert!(error.ends_with("has no configuration `en` (known: default)"), "{error}");
    }
}

#[test]
fn names_tell_which_of_several_inputs_they_are_of() {
    let row: &[u8] = b"{\"text\":\"t\"}";
    let files = ["docs/a.jsonl", "wiki/a.jsonl", "wiki/de/b.jsonl", "old/docs/a.jsonl", "c.jsonl"];
    let folder = folder(&files.map(|name| (name, row)));
    let names = |inputs: &[&str]| {
        let inputs: Vec<String> = inputs.iter().map(|name| path(&folder, name)).collect();
        let options = ReadOptions { name_inputs: true, ..ReadOptions::default() };
        let shards = plan_shards(&inputs, &options).unwrap();
        shards.into_iter().map(|one| one.id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&["wiki"]), "a.jsonl de/b.jsonl");
    assert_eq!(names(&["docs/", "wiki/*/*.jsonl"]), "docs/a.jsonl wiki/de/b.jsonl");
    assert_eq!(names(&["docs", "old/docs", "c.jsonl"]), "docs/a.jsonl 1/docs/a.jsonl c.jsonl");
}

#[test]
fn attributes_are_read_beside_documents() {
    let documents: &[u8] = b"{\"id\":\"a\",\"text\":\"one\"}\n7\n{\"id\":\"c\",\"text\":\"two\"}\n";
    let tags: &[u8] = b"{\"id\":\"a\",\"attributes\":{\"x\":[[0,3,1.0]]}}\n{\"id\":\"b\"}\n{\"id\":\"z\",\"attributes\":{}}\n";
    let folder = folder(&[
        ("set/documents/cc/0.jsonl.gz", &gzip(documents)),
        ("set/attributes/tags/cc/0.jsonl.gz", &gzip(tags)),
    ]);
    let input = path(&folder, "set");
    assert_eq!(ids(&input, &ReadOptions::default()), ["documents/cc/0.jsonl.gz"]);
    let options = ReadOptions { attributes: vec!["tags".to_owned()], ..ReadOptions::default() };
    let rows = read(&input, &options);
    let Row::Document(first) = &rows[0] else { panic!("{rows:?}") };
    assert_eq!(first.metadata["attributes"]["x"][0][1], 3);
    let Row::Bad(last) = &rows[2] else { panic!("{rows:?}") };
    assert_eq!(last.reason.to_string(), "the line of attributes `tags` belongs to `z`");
}

#[test]
fn parts_of_a_file_give_the_rows_of_the_whole() {
    let mut lines = b"\xEF\xBB\xBF".to_vec();
    for at in 0..300 {
        let text = "é".repeat(at * 31 % 50 + 1);
        lines.extend(format!("{{\"text\":\"{at} {text}\"}}{}\n", ["", "\r"][at % 2]).bytes());
    }
    let folder = folder(&[("x.jsonl", &lines)]);
    let input = path(&folder, "x.jsonl");
    let whole = texts(&input);
    assert_eq!(whole.len(), 300);
    for shard_bytes in [13, 64, 100, 1000, 10_000] {
        let mut options = ReadOptions::default();
        options.limits.shard_bytes = shard_bytes;
        let found: Vec<String> =
            documents(&input, &options).into_iter().map(|one| one.text).collect();
        assert_eq!(found, whole, "{shard_bytes}");
        let mut places: Vec<String> =
            documents(&input, &options).into_iter().map(|one| one.id).collect();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), 300, "{shard_bytes}");
    }
}
