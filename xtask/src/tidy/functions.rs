//! Function lengths, read off rustfmt's layout: a function ends at the first line that closes a
//! brace in the column where it began.

use super::repo::{Repo, SourceFile};

const MAX_LINES: usize = 70;

pub(super) fn check(repo: &Repo) -> Vec<String> {
    repo.rust().flat_map(long_functions).collect()
}

pub(super) fn long_functions(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut wrong = Vec::new();
    for (start, line) in lines.iter().enumerate().filter(|(_, line)| begins_function(line)) {
        let indent = line.len() - line.trim_start().len();
        let closing = format!("{}}}", &line[..indent]);
        let end = lines[start..].iter().position(|line| *line == closing);
        // A declaration without a body ends in `;` before any brace closes in this column.
        let declared = lines[start..].iter().position(|line| line.ends_with(';'));
        let opened = lines[start..].iter().position(|line| line.ends_with('{'));
        if declared < opened && declared.is_some() {
            continue;
        }
        let length = end.map_or(0, |end| end + 1);
        if length > MAX_LINES {
            wrong.push(format!("{}:{}: {length} lines", file.path, start + 1));
        }
    }
    wrong
}

fn begins_function(line: &str) -> bool {
    let words =
        ["pub ", "pub(crate) ", "pub(super) ", "const ", "async ", "unsafe ", "extern \"C\" "];
    let mut rest = line.trim_start();
    while let Some(shorter) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter;
    }
    rest.starts_with("fn ")
}
