//! The table of incidents and the tests it names.

use super::repo::{Repo, SourceFile};
use std::collections::BTreeSet;

/// Where the table stands.
const TABLE: &str = "docs/security.md";
/// Its rows.
const COUNT: usize = 36;

pub(super) fn check(repo: &Repo) -> Vec<String> {
    let table = repo.text(TABLE).unwrap_or_default();
    let tests: BTreeSet<&str> = repo.rust().flat_map(tests).collect();
    compare(table, &tests)
}

/// What of the table and the tests has no counterpart.
pub(super) fn compare(table: &str, tests: &BTreeSet<&str>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut named = BTreeSet::new();
    for number in 1..=COUNT {
        let (row, prefix) = (format!("| S{number:02} |"), format!("s{number:02}_"));
        let Some(row) = table.lines().find(|line| line.starts_with(&row)) else {
            wrong.push(format!("{TABLE}: no row S{number:02}"));
            continue;
        };
        let names: Vec<&str> = row.split('`').filter(|name| name.starts_with(&prefix)).collect();
        if names.is_empty() && !row.contains("does not apply: ") {
            wrong.push(format!("{TABLE}: S{number:02} names no test and no reason"));
        }
        named.extend(names);
    }
    wrong.extend(named.difference(tests).map(|name| format!("{TABLE}: there is no test `{name}`")));
    wrong.extend(tests.difference(&named).map(|name| format!("{TABLE}: `{name}` is missing")));
    wrong
}

/// Functions whose name begins with a number such as `s05_`.
fn tests(file: &SourceFile) -> impl Iterator<Item = &str> {
    file.text.lines().filter_map(|line| {
        let name = line.trim_start().strip_prefix("fn ")?.split('(').next()?;
        let digits = name.strip_prefix('s')?.get(..3)?.strip_suffix('_')?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(name)
    })
}
