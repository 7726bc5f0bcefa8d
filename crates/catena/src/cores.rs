//! Physical cores among the CPUs that this process may use, as Linux tells them.

use camino::Utf8Path;
use std::collections::BTreeSet;
use std::fs;

/// Where a process reads which CPUs it may use.
const STATUS: &str = "/proc/self/status";
/// Where the system describes each CPU.
const CPUS: &str = "/sys/devices/system/cpu";

/// Cores with at least one CPU of this process; `None` where the system does not tell.
pub(crate) fn physical_cores() -> Option<usize> {
    count(Utf8Path::new(STATUS), Utf8Path::new(CPUS))
}

fn count(status: &Utf8Path, cpus: &Utf8Path) -> Option<usize> {
    let status = fs::read_to_string(status).ok()?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    // Each core is known by the list of its CPUs, which all of them show.
    let core_of = |cpu: usize| -> Option<BTreeSet<usize>> {
        let topology = cpus.join(format!("cpu{cpu}/topology"));
        let list = ["core_cpus_list", "thread_siblings_list"];
        let list = list.iter().find_map(|name| fs::read_to_string(topology.join(name)).ok())?;
        let core = members(&list)?;
        core.contains(&cpu).then_some(core)
    };
    let cores: BTreeSet<_> = members(allowed)?.into_iter().map(core_of).collect::<Option<_>>()?;
    (!cores.is_empty()).then_some(cores.len())
}

/// The numbers of a list such as `0-3,8`.
fn members(list: &str) -> Option<BTreeSet<usize>> {
    let mut numbers = BTreeSet::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        // More CPUs than any system numbers.
        if last >= 1 << 16 {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    /// A machine whose CPUs show these cores, and a process that may use some.
    fn machine(cores: &[&str], allowed: &str) -> Option<usize> {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let status = folder.join("status");
        fs::write(&status, format!("Name:\tx\nCpus_allowed_list:\t{allowed}\nThreads:\t1\n"))
            .unwrap();
        for (cpu, core) in cores.iter().enumerate() {
            let topology = folder.join(format!("cpu{cpu}/topology"));
            fs::create_dir_all(&topology).unwrap();
            fs::write(topology.join("core_cpus_list"), format!("{core}\n")).unwrap();
        }
        count(&status, &folder)
    }

    #[test]
    fn cpus_of_one_core_count_once() {
        let cores = ["0,2", "1,3", "0,2", "1,3"];
        assert_eq!(machine(&cores, "0-3"), Some(2));
        assert_eq!(machine(&cores, "0,2"), Some(1));
        assert_eq!(machine(&cores, "0-1"), Some(2));
        assert_eq!(machine(&["0-1", "0-1", "2-3", "2-3"], "0-3"), Some(2));
        assert_eq!(machine(&["0", "1"], "0-1"), Some(2));
    }

    #[test]
    fn what_the_system_does_not_tell_is_not_guessed() {
        assert_eq!(machine(&["0"], "0-1"), None);
        assert_eq!(machine(&["1"], "0"), None);
        assert_eq!(machine(&["0"], ""), None);
        assert_eq!(machine(&["0-"], "0"), None);
        assert_eq!(count(Utf8Path::new("/no/status"), Utf8Path::new("/no/cpus")), None);
    }
}
