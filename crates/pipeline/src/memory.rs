//! Memory of this process and of the machine, from `/proc`.

use std::fs;

/// Starts a new measurement of the peak. Where the kernel does not allow it, the peak stays that
/// of the whole process: too high, never too low.
pub fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// Peak resident bytes since [`reset_peak`], or 0 where the system does not tell.
pub fn peak_bytes() -> u64 {
    status_bytes("VmHWM:")
}

/// Resident bytes now, or 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    status_bytes("VmRSS:")
}

/// Bytes that a new allocation may take without pushing others out: what the system has free, or
/// what is left of the container's limit if that is less. `None` where the system does not tell.
pub fn available_bytes() -> Option<u64> {
    let free = kib_of("/proc/meminfo", "MemAvailable:").map(|kib| kib * 1024);
    let number = |file: &str| -> Option<u64> {
        fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok()
    };
    let contained = number("memory.max").zip(number("memory.current"));
    let contained = contained.map(|(limit, used)| limit.saturating_sub(used));
    free.into_iter().chain(contained).min()
}

fn status_bytes(key: &str) -> u64 {
    kib_of("/proc/self/status", key).map_or(0, |kib| kib * 1024)
}

fn kib_of(file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
}
