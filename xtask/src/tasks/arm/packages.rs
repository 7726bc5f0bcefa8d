//! Which packages a compiler needs to run and to build for Arm.

use std::collections::{BTreeMap, BTreeSet};

/// The compiler's package.
pub(super) const RUSTC: &str = "rustc";
/// That of its standard library, of which each architecture has one.
const STANDARD_LIBRARY: &str = "libstd-rust-dev";

/// What to download: the compiler and the libraries below it for `native`, with that architecture's
/// standard library for build scripts and macros, and the one for `target`.
///
/// `depends` are the lines of `apt-cache depends --recurse`: a package's name at the start of a
/// line, then what it needs, one a line, each with its kind. Names of libraries have their versions
/// in them, so they are not known beforehand; other compilers and linkers are left out.
pub(super) fn to_download(depends: &[String], native: &str, target: &str) -> Vec<String> {
    let graph = parse(depends);
    let mut found = BTreeSet::new();
    let mut waiting = vec![RUSTC];
    while let Some(package) = waiting.pop() {
        if found.insert(package) {
            let needed = graph.get(package).into_iter().flatten();
            waiting.extend(needed.copied().filter(|needed| is_library(needed)));
        }
    }
    let natives = found.into_iter().map(|package| format!("{package}:{native}"));
    natives.chain([format!("{STANDARD_LIBRARY}:{target}")]).collect()
}

fn parse(depends: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut graph: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut package = "";
    for line in depends {
        if !line.starts_with([' ', '|']) {
            package = line;
        } else if let Some((kind, needed)) = line.split_once(": ")
            && kind.trim_start_matches([' ', '|']).ends_with("Depends")
        {
            graph.entry(package).or_default().push(needed);
        }
    }
    graph
}

fn is_library(package: &str) -> bool {
    let is_for_building = package.ends_with("-dev") && package != STANDARD_LIBRARY;
    (package.starts_with("lib") || package.starts_with("zlib")) && !is_for_building
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_through_libraries_and_tools_are_left_out() {
        let lines = "rustc\n  Depends: libc6\n  Depends: libstd-rust-dev\n |Depends: gcc\n  \
                     Depends: <libc-dev>\n    libc6-dev\n  Recommends: libcargo\n\
                     libc6\n  PreDepends: libgcc-s1\n\
                     libstd-rust-dev\n  Depends: libstd-rust-9.99\n\
                     gcc\n  Depends: libcc1-0\n\
                     libstd-rust-9.99\n  Depends: libllvm99\n  Depends: libc6\n\
                     libllvm99\n  Depends: zlib1g\n  Depends: libstdc++-16-dev\n";
        let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
        let native = ["libc6", "libgcc-s1", "libllvm99", "libstd-rust-9.99", "libstd-rust-dev"];
        let native = native.iter().chain(&["rustc", "zlib1g"]).map(|name| format!("{name}:amd64"));
        let expected: Vec<String> = native.chain(["libstd-rust-dev:arm64".to_owned()]).collect();
        assert_eq!(to_download(&lines, "amd64", "arm64"), expected);
    }
}
