//! Versions of programs.

/// Major and minor version in what a program says of itself, such as `rustc 1.95.0 (…)`: the first
/// word that begins with two numbers. `None`, which is less than any, if there is none.
pub(super) fn version(line: &str) -> Option<(u32, u32)> {
    line.split(' ').find_map(|word| {
        let mut parts = word.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_compared_as_numbers_and_what_is_none_is_too_old() {
        assert_eq!(version("1.95"), Some((1, 95)));
        assert_eq!(version("qemu-aarch64 version 7.2.22 (Debian 1:7.2+dfsg-7)"), Some((7, 2)));
        assert!(version("rustc 1.100.0 (abc 2027-01-01)") > version("rustc 1.95.0"));
        assert!(version("rustc 1.9.0") < version("1.95"));
        assert!(version("") < version("0.1") && version("not found.") < version("0.1"));
    }
}
