//! Programs of the system that tasks need.

use crate::error::TaskError;
use crate::process::{first_line, run};
use camino::Utf8Path;

/// What a program is needed for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    /// Building and running.
    Product,
    /// The tests besides.
    Tests,
    /// The tests for Arm, by themselves.
    Arm,
}

impl For {
    fn includes(self, part: Self) -> bool {
        self == part || (self, part) == (Self::Tests, Self::Product)
    }
}

struct Need {
    /// The Debian package.
    package: &'static str,
    why: &'static str,
    needed_for: For,
    present: fn() -> bool,
}

const NEEDS: [Need; 11] = [
    Need {
        package: "build-essential",
        why: "compiles SQLite and links the binary",
        needed_for: For::Product,
        present: || first_line("cc", &["--version"]).is_some(),
    },
    Need {
        package: "python3-pip",
        why: "downloads models and documents that come as Python packages",
        needed_for: For::Product,
        present: || first_line("python3", &["-m", "pip", "--version"]).is_some(),
    },
    Need {
        package: "nodejs",
        why: "builds the studio",
        needed_for: For::Product,
        present: || first_line("node", &["--version"]).is_some(),
    },
    Need {
        package: "npm",
        why: "fetches what the studio is built from",
        needed_for: For::Product,
        present: || first_line("npm", &["--version"]).is_some(),
    },
    Need {
        package: "chromium",
        why: "drives the studio in the browser test",
        needed_for: For::Tests,
        present: || first_line("chromium", &["--version"]).is_some(),
    },
    Need {
        package: "fonts-noto-cjk",
        why: "shows Chinese text in the browser test",
        needed_for: For::Tests,
        present: || first_line("dpkg-query", &["-W", "fonts-noto-cjk"]).is_some(),
    },
    Need {
        package: "gcc-aarch64-linux-gnu",
        why: "links for Arm",
        needed_for: For::Arm,
        present: || first_line("aarch64-linux-gnu-gcc", &["--version"]).is_some(),
    },
    Need {
        package: "libc6-dev-arm64-cross",
        why: "is the C library for Arm",
        needed_for: For::Arm,
        present: || Utf8Path::new("/usr/aarch64-linux-gnu/lib/crt1.o").exists(),
    },
    Need {
        package: "qemu-user",
        why: "runs programs for Arm",
        needed_for: For::Arm,
        present: || first_line("qemu-aarch64", &["--version"]).is_some(),
    },
    Need {
        package: "apt",
        why: "fetches a compiler for Arm",
        needed_for: For::Arm,
        present: || first_line("apt-get", &["--version"]).is_some(),
    },
    Need {
        package: "debian-archive-keyring",
        why: "tells whether the compiler is Debian's",
        needed_for: For::Arm,
        present: || Utf8Path::new(DEBIAN_KEYS).exists(),
    },
];

/// The keys that Debian signs its packages' lists with.
pub(super) const DEBIAN_KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Oldest Node.js that builds the studio.
const MIN_NODE: (u32, u32) = (20, 19);

/// Installs or names everything that is missing.
pub(crate) fn deps() -> Result<(), TaskError> {
    ensure(For::Tests)
}

/// Makes sure that what `purpose` needs is there: says what is missing and why, installs it when
/// root, and otherwise ends with the one line to run.
pub(crate) fn ensure(purpose: For) -> Result<(), TaskError> {
    let missing: Vec<&Need> = NEEDS
        .iter()
        .filter(|need| purpose.includes(need.needed_for) && !(need.present)())
        .collect();
    if !missing.is_empty() {
        install(&missing)?;
    }
    if purpose.includes(For::Product) { check_node_version() } else { Ok(()) }
}

fn install(missing: &[&Need]) -> Result<(), TaskError> {
    for need in missing {
        println!("{} is missing: it {}", need.package, need.why);
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let list = packages.join(" ");
    let is_root = first_line("id", &["-u"]).as_deref() == Some("0");
    let has_apt = first_line("apt-get", &["--version"]).is_some();
    if !is_root || !has_apt {
        let command = if has_apt {
            format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {list}")
        } else {
            "install these packages with this system's package manager".to_owned()
        };
        return Err(TaskError::MissingPrograms { missing: list, command });
    }
    run("apt-get", &["update", "-q"])?;
    let args = [&["install", "-y", "-q", "--no-install-recommends"], packages.as_slice()].concat();
    run("apt-get", &args)
}

fn check_node_version() -> Result<(), TaskError> {
    let found = first_line("node", &["--version"]).unwrap_or_default();
    let mut parts = found.trim_start_matches('v').split('.').map(|part| part.parse().unwrap_or(0));
    let version: (u32, u32) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if version >= MIN_NODE {
        return Ok(());
    }
    Err(TaskError::OldProgram {
        program: "node",
        found,
        needed: "v20.19",
        hint: "install a newer Node.js, for example from https://nodejs.org".to_owned(),
    })
}
