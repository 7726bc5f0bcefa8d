//! The name that somebody may have meant.

/// Likeness from which a name is suggested; `instrution` and `instruction` have 0.97.
const ALIKE: f64 = 0.8;

/// The one of `known` that is most like `name`, if one is.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let alike = known.into_iter().map(|other| (strsim::jaro_winkler(name, other), other));
    let best = alike.filter(|(likeness, _)| *likeness >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, other)| other.to_owned())
}

/// What an error says of it after the unknown name.
pub fn perhaps(nearest: Option<&String>) -> String {
    nearest.map_or_else(String::new, |name| format!(", perhaps `{name}`"))
}
