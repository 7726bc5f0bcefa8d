//! Standard output.

use std::io::Write;

/// Prints a line to standard output. A reader that has gone away, as in `catena ... | head`, is
/// not an error.
pub(crate) fn print_line(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
