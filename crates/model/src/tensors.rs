//! Small helpers on tensor names.

/// The name among `names` that shares the longest beginning and end with `name`, if that is more
/// than half of it: a typing error or another model's spelling.
pub(crate) fn nearest_name<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let likeness = |other: &str| {
        let common = |a: &mut dyn Iterator<Item = u8>, b: &mut dyn Iterator<Item = u8>| {
            a.zip(b).take_while(|(a, b)| a == b).count()
        };
        common(&mut name.bytes(), &mut other.bytes())
            + common(&mut name.bytes().rev(), &mut other.bytes().rev())
    };
    let (best, nearest) = names.map(|other| (likeness(other), other)).max_by_key(|pair| pair.0)?;
    (2 * best > name.len()).then(|| nearest.to_owned())
}
