//! Building for Arm and running what was built.

use super::super::deps::{For, ensure};
use super::rustc;
use super::version::version;
use crate::error::TaskError;
use crate::process::{command, first_line, run, run_command, target_dir};
use camino::Utf8Path;
use std::process::Command;

const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Compiles what is C and links.
const CC: &str = "aarch64-linux-gnu-gcc";
const EMULATOR: &str = "qemu-aarch64";
const MIN_EMULATOR: &str = "7.2";
/// Where the C library of that architecture is, for the emulator.
const SYSROOT: &str = "/usr/aarch64-linux-gnu";

/// All tests of the kernels. No documentation tests: they would need the same compiler's rustdoc.
const TESTS: [&str; 7] =
    ["test", "--release", "--locked", "-p", "catena-kernels", "--lib", "--tests"];

/// A processor to run as, and the tests to run on it: those whose names have this in them.
struct Run {
    processor: &'static str,
    tests: &'static str,
}

/// All on a processor with everything, then the products of quantized weights on one that has dot
/// products of bytes and no products of matrices of bytes.
const RUNS: [Run; 2] =
    [Run { processor: "max", tests: "" }, Run { processor: "cortex-a76", tests: "quant::" }];

/// Gets what is needed, once, then tests the kernels for 64-bit Arm; on such a machine, as they are.
pub(crate) fn arm() -> Result<(), TaskError> {
    if cfg!(target_arch = "aarch64") {
        return run("cargo", &TESTS);
    }
    ensure(For::Arm)?;
    check_emulator()?;
    let rustc = rustc::installed()?;
    RUNS.iter().try_for_each(|run| run_command(tests(&rustc, run)))
}

fn tests(rustc: &Utf8Path, run: &Run) -> Command {
    let mut tests = command("cargo", &TESTS);
    tests.args(["--target", TARGET, "--", run.tests]);
    // A folder of its own: cargo keeps what it knows of the compiler there.
    tests.env("CARGO_TARGET_DIR", target_dir().join("arm")).env("RUSTC", rustc);
    let named = TARGET.to_uppercase().replace('-', "_");
    tests.env(format!("CARGO_TARGET_{named}_LINKER"), CC);
    let runner = format!("{EMULATOR} -L {SYSROOT} -cpu {}", run.processor);
    tests.env(format!("CARGO_TARGET_{named}_RUNNER"), runner);
    tests.env(format!("CC_{}", TARGET.replace('-', "_")), CC);
    tests
}

/// The processors of [`RUNS`] have their instructions from this version on; with an older one the
/// tests would find nothing but the scalar code, and pass.
fn check_emulator() -> Result<(), TaskError> {
    let found = first_line(EMULATOR, &["--version"]).unwrap_or_default();
    if version(&found) >= version(MIN_EMULATOR) {
        return Ok(());
    }
    Err(TaskError::OldProgram {
        program: EMULATOR,
        found,
        needed: MIN_EMULATOR,
        hint: "install a newer QEMU; that of Debian 12 will do".to_owned(),
    })
}
