//! The splits of a data set whose card does not name them.

/// What names of folders and files say of a split, and the split.
const KEYWORDS: [(&str, &str); 10] = [
    ("train", "train"),
    ("training", "train"),
    ("validation", "validation"),
    ("valid", "validation"),
    ("dev", "validation"),
    ("val", "validation"),
    ("test", "test"),
    ("testing", "test"),
    ("eval", "test"),
    ("evaluation", "test"),
];

/// The split of each file, by their names below the folder of the set; none of files that are
/// left out.
///
/// The first that holds for any file: names such as `train-00000-of-00002.parquet`, in the folder
/// or in `data`, tell the split before the numbers, whatever it is called; a folder tells it, such
/// as `test/a.jsonl`; the file's own name does, such as `my_test_1.csv`. Words end at points,
/// dashes, underscores, spaces and digits. Without any of these all files are of `train`.
///
/// # Source
/// The `datasets` library of Hugging Face, "Structure your repository". There, shards with numbers
/// lie in `data` alone.
pub(super) fn splits_of(names: &[&str]) -> Vec<Option<String>> {
    let ways: [fn(&str) -> Option<String>; 3] = [of_shard, of_folder, of_file];
    for way in ways {
        let splits: Vec<Option<String>> = names.iter().map(|name| way(name)).collect();
        if splits.iter().any(Option::is_some) {
            return splits;
        }
    }
    vec![Some("train".to_owned()); names.len()]
}

/// `train` of `data/train-00000-of-00002.parquet`.
fn of_shard(name: &str) -> Option<String> {
    let file = name.strip_prefix("data/").unwrap_or(name);
    let (before, after) = file.rsplit_once("-of-")?;
    let (split, number) = before.rsplit_once('-')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let counted = number.len() == 5 && is_number(number) && after.get(..5).is_some_and(is_number);
    let named = !split.is_empty() && !split.contains('/');
    (counted && named).then(|| split.to_owned())
}

fn of_folder(name: &str) -> Option<String> {
    let (folders, _) = name.rsplit_once('/')?;
    folders.split('/').find_map(keyword)
}

fn of_file(name: &str) -> Option<String> {
    keyword(name.rsplit('/').next().unwrap_or(name))
}

/// The split that the words of a name tell.
fn keyword(name: &str) -> Option<String> {
    let ends = |ch: char| matches!(ch, '-' | '.' | '_' | ' ' | '0'..='9');
    let has = |wanted: &str| name.split(ends).any(|word| word == wanted);
    let found = KEYWORDS.iter().find(|(word, _)| has(word));
    found.map(|(_, split)| (*split).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], expected: &[&str]) {
        let splits = splits_of(names);
        let splits: Vec<&str> = splits.iter().map(|one| one.as_deref().unwrap_or("-")).collect();
        assert_eq!(splits, expected, "{names:?}");
    }

    #[test]
    fn names_tell_splits() {
        check(&["a.jsonl", "b/c.jsonl"], &["train", "train"]);
        check(
            &["train.csv", "my-dev_2.csv", "test.csv", "x.csv"],
            &["train", "validation", "test", "-"],
        );
        check(&["latest.csv", "contest.csv"], &["train", "train"]);
        check(&["train/test.csv", "eval-2/a.csv", "b.csv"], &["train", "test", "-"]);
        check(
            &[
                "data/train-00000-of-00002.parquet",
                "data/easy-00001-of-00002-ab.parquet",
                "test/a.csv",
            ],
            &["train", "easy", "-"],
        );
        check(&["test_sft-00000-of-00001.parquet", "train.csv"], &["test_sft", "-"]);
        check(&["a/b-00000-of-00001.parquet", "x-0-of-1.parquet"], &["train", "train"]);
    }
}
