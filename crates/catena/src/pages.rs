//! Pages of the documentation whose tables are generated from the code.

use camino::Utf8Path;

/// Checks that the page `docs/{name}` ends with `tables` behind `mark`, which says how to write them;
/// with `UPDATE_DOCS` set it writes them first. Gives what stands before the mark.
pub(crate) fn check(name: &str, mark: &str, tables: &str) -> String {
    let page = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    let found = std::fs::read_to_string(&page).unwrap();
    let (guide, rest) = found.split_once(mark).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&page, format!("{guide}{mark}{tables}")).unwrap();
    } else {
        assert!(rest == tables, "{page} is stale: {}", mark.trim());
    }
    guide.to_owned()
}
