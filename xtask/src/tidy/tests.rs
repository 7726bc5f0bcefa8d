use super::repo::{Repo, SourceFile};
use super::{code, contracts, errors, functions, incidents, run};
use std::collections::BTreeSet;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile { path: path.into(), text: text.to_owned() }
}

#[test]
fn the_house_is_tidy() {
    let repo = Repo::read(&crate::process::root()).unwrap();
    let violations = run::violations(&repo);
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn effects_are_found_in_product_code_only() {
    let text = "// println! in a comment\nfn f() {\n    println!(\"x\");\n}\n\n#[cfg(test)]\nmod tests {\n    println!();\n}\n";
    assert_eq!(
        code::effects(&file("crates/a/src/lib.rs", text)),
        ["crates/a/src/lib.rs:3: `println!`"]
    );
    assert!(code::effects(&file("crates/a/src/b/tests.rs", text)).is_empty());
    assert!(code::effects(&file("crates/a/tests/it/main.rs", text)).is_empty());
}

#[test]
fn a_marker_is_found_everywhere_but_a_pinned_one_may_stand_in_tests() {
    let unfinished = format!("fn f() {{}} // {}: finish\n", concat!("TO", "DO"));
    let pinned = format!("// {}: wrong by one\n", concat!("FIX", "ME"));
    assert_eq!(code::markers(&file("crates/a/src/x.rs", &unfinished)).len(), 1);
    assert_eq!(code::markers(&file("crates/a/src/tests.rs", &unfinished)).len(), 1);
    assert_eq!(code::markers(&file("crates/a/src/x.rs", &pinned)).len(), 1);
    assert!(code::markers(&file("crates/a/src/tests.rs", &pinned)).is_empty());
    let below = format!("fn f() {{}}\n#[cfg(test)]\nmod tests {{\n{pinned}}}\n");
    assert!(code::markers(&file("crates/a/src/x.rs", &below)).is_empty());
}

#[test]
fn a_module_file_may_not_hold_items() {
    let good = "//! Docs.\n\nmod a;\npub mod b;\n\npub use a::{\n    One,\n};\n";
    assert!(code::items(&file("crates/a/src/lib.rs", good)).is_empty());
    let bad = "mod a;\npub(crate) fn f() {}\npub struct S;\n";
    assert_eq!(code::items(&file("crates/a/src/lib.rs", bad)).len(), 2);
}

#[test]
fn a_function_is_as_long_as_its_braces() {
    let function = |body: usize| {
        format!("impl A {{\n    pub fn f(&self) {{\n{}    }}\n}}\n", "        x();\n".repeat(body))
    };
    assert!(functions::long_functions(&file("a.rs", &function(68))).is_empty());
    assert_eq!(functions::long_functions(&file("a.rs", &function(69))), ["a.rs:2: 71 lines"]);
    let declared = format!("trait A {{\n    fn f(&self);\n{}}}\n", "    // x\n".repeat(99));
    assert!(functions::long_functions(&file("a.rs", &declared)).is_empty());
}

#[test]
fn an_unsafe_function_needs_a_contract_of_its_own_or_of_its_trait() {
    let bare = |text: &str| contracts::without_contract(&file("a.rs", text));
    let with = "/// Reads.\n///\n/// # Safety\n/// It must be there.\n";
    let attributes =
        "#[inline]\n#[cfg_attr(\n    not(x),\n    target_feature(enable = \"avx2\")\n)]\n";
    let function = "pub(in crate::a) unsafe fn read(at: *const u8) -> u8 {\n}\n";
    assert!(bare(&format!("{with}{attributes}{function}")).is_empty());
    assert_eq!(bare(&format!("{with}fn f() {{}}\n\n{attributes}{function}")).len(), 1);
    assert_eq!(bare(&format!("/// Reads.\n{function}")), [format!("a.rs:2: {}", &function[..54])]);
    let body = "    unsafe fn read(at: *const u8) -> u8;\n}\n";
    assert!(bare(&format!("{with}pub(super) trait Read {{\n{body}")).is_empty());
    assert_eq!(bare(&format!("/// Reads.\npub(super) trait Read {{\n{body}")).len(), 1);
    assert!(bare(&format!("impl<T> Read for T\nwhere\n    T: Copy,\n{{\n{body}")).is_empty());
    assert_eq!(bare(&format!("impl Reader {{\n{body}")).len(), 1);
    assert!(bare("type Read = unsafe fn(*const u8) -> u8;\n").is_empty());
    assert!(bare("unsafe impl Send for Reader {}\n").is_empty());
}

#[test]
fn error_enums_are_recognized() {
    let text = "#[derive(Debug, thiserror::Error)]\n#[non_exhaustive]\npub enum AError {\n}\n\
                #[derive(Debug, Clone)]\npub enum B {\n}\n";
    assert_eq!(errors::error_enums(&file("crates/a/src/error.rs", text)), ["AError"]);
}

#[test]
fn an_incident_without_a_test_and_a_test_without_a_row_are_found() {
    let row = |number: usize| format!("| S{number:02} | x | y | `s{number:02}_a` |\n");
    let table: String = (1..=36).map(row).collect();
    let names: Vec<String> = (1..=36).map(|number| format!("s{number:02}_a")).collect();
    let tests: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert!(incidents::compare(&table, &tests).is_empty());
    let fewer: BTreeSet<&str> = tests.iter().copied().filter(|name| *name != "s07_a").collect();
    assert_eq!(incidents::compare(&table, &fewer).len(), 1);
    let without = table.replace(&row(7), "");
    assert_eq!(incidents::compare(&without, &tests).len(), 2);
    let silent = table.replace("`s07_a`", "");
    assert_eq!(incidents::compare(&silent, &fewer).len(), 1);
    let told = table.replace("| y | `s07_a`", "| does not apply: no images | ");
    assert!(incidents::compare(&told, &fewer).is_empty());
}

/// Packages of LiteLLM were replaced by others under the same names.
#[test]
fn s30_every_dependency_is_locked_with_its_checksum() {
    let repo = Repo::read(&crate::process::root()).unwrap();
    let lock = repo.text("Cargo.lock").unwrap();
    let mut count = 0;
    for package in lock.split("[[package]]").skip(1) {
        let field = |name: &str| package.lines().find_map(|line| line.strip_prefix(name));
        let Some(source) = field("source = ") else { continue };
        assert_eq!(
            source, "\"registry+https://github.com/rust-lang/crates.io-index\"",
            "{package}"
        );
        assert!(field("checksum = \"").is_some_and(|sum| sum.len() == 65), "{package}");
        count += 1;
    }
    assert!(count > 100, "{count} packages");
    let deny = repo.text("deny.toml").unwrap();
    for rule in ["unknown-registry = \"deny\"", "unknown-git = \"deny\"", "yanked = \"deny\""] {
        assert!(deny.contains(rule), "{rule}");
    }
}
