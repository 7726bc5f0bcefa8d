//! The kernels' tests with AddressSanitizer: reads and writes beside what was allocated, of the code
//! that follows pointers and of what it is wrapped in.
//!
//! With AVX-512 and AMX emulated, so that their sources are checked on every machine. Miri cannot take
//! its place: it does not know most of the vector instructions, nor the matrix registers.

use crate::error::TaskError;
use crate::process::{command, lines_of, run_command, target_dir};

/// No documentation tests: rustdoc would need the same flags.
const TESTS: [&str; 9] = [
    "test",
    "--release",
    "--locked",
    "-p",
    "catena-kernels",
    "--features",
    "emulate-avx512",
    "--lib",
    "--tests",
];

/// The sanitizer's library comes with every compiler for Linux, but the flag that asks for it is not
/// stable yet: the variable lets this compiler take it.
const FLAGS: [(&str, &str); 2] = [("RUSTFLAGS", "-Zsanitizer=address"), ("RUSTC_BOOTSTRAP", "1")];

/// Tests the kernels, built apart from everything else.
pub(crate) fn sanitize() -> Result<(), TaskError> {
    let version = lines_of(command("rustc", &["-vV"]))?;
    let host = version.iter().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let mut tests = command("cargo", &TESTS);
    // With a target named, build scripts and macros are compiled without the flag.
    tests.args(["--target", host]);
    tests.envs(FLAGS).env("CARGO_TARGET_DIR", target_dir().join("sanitized"));
    run_command(tests)
}
