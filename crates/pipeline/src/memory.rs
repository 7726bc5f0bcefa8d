//! Resident memory of this process, from `/proc`.

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

fn status_bytes(key: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}
