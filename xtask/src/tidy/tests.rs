use super::repo::{Repo, SourceFile};
use super::{code, errors, functions, run};

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
fn error_enums_are_recognized() {
    let text = "#[derive(Debug, thiserror::Error)]\n#[non_exhaustive]\npub enum AError {\n}\n\
                #[derive(Debug, Clone)]\npub enum B {\n}\n";
    assert_eq!(errors::error_enums(&file("crates/a/src/error.rs", text)), ["AError"]);
}
