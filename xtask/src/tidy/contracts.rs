//! Unsafe functions: each says what its caller must promise. Unsafe blocks are a lint of clippy's.

use super::repo::{Repo, SourceFile};

/// How a contract begins.
const SAFETY: &str = "# Safety";

pub(super) fn check(repo: &Repo) -> Vec<String> {
    repo.rust().flat_map(without_contract).collect()
}

/// Unsafe functions whose documentation has no contract, nor that of the trait they belong to.
pub(super) fn without_contract(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let functions = lines.iter().enumerate().filter(|(_, line)| is_unsafe_function(line));
    let bare = functions.filter(|(at, _)| !has_contract(&lines, *at) && !is_of_trait(&lines, *at));
    bare.map(|(at, line)| format!("{}:{}: {}", file.path, at + 1, line.trim())).collect()
}

/// Whether the line begins one; types of functions have no name.
fn is_unsafe_function(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some(at) = words.iter().position(|word| *word == "fn") else { return false };
    let qualifiers = ["unsafe", "const", "async", "extern", "\"C\""];
    let qualifies = |word: &&str| {
        qualifiers.contains(word) || word.starts_with("pub") || word.starts_with("crate::")
    };
    words[..at].iter().all(qualifies) && words[..at].contains(&"unsafe")
}

/// Whether the documentation above an item has a contract.
fn has_contract(lines: &[&str], item: usize) -> bool {
    let mut in_attribute = false;
    for line in lines[..item].iter().rev().map(|line| line.trim()) {
        let is_attribute = line.starts_with("#[") || line.starts_with("$(#[");
        if is_attribute {
            in_attribute = false;
        } else if line.starts_with("///") {
            if line.ends_with(SAFETY) {
                return true;
            }
        } else if line == ")]" {
            in_attribute = true;
        } else if !in_attribute {
            return false;
        }
    }
    false
}

/// Whether the function implements a trait, or belongs to one that has a contract for all.
fn is_of_trait(lines: &[&str], function: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(lines[function]);
    let outer = (0..function).rev().find(|&at| {
        let (line, words) = (lines[at], lines[at].trim_start());
        indent(line) < own && (words.starts_with("impl") || is_trait(words))
    });
    outer.is_some_and(|at| {
        if is_trait(lines[at].trim_start()) {
            has_contract(lines, at)
        } else {
            lines[at].contains(" for ")
        }
    })
}

fn is_trait(line: &str) -> bool {
    let mut words = line.split_whitespace().take_while(|word| *word != "trait");
    let qualifies =
        |word: &str| word == "unsafe" || word.starts_with("pub") || word.starts_with("crate::");
    line.contains("trait ") && words.all(qualifies)
}
