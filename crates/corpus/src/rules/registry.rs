//! Rule sets by name.

use super::rule::RuleSet;
use super::{
    c4_datatrove, data_juicer, fineweb_datatrove, gopher_datatrove, gopher_dolma, nemo_en,
    refinedweb, zh,
};
use crate::error::CorpusError;
use crate::nearest::nearest;

/// One set: its name, its other names, and how it is made.
type Entry = (&'static str, &'static [&'static str], fn(&'static str) -> RuleSet);

const SETS: &[Entry] = &[
    ("gopher@datatrove", &["gopher"], gopher_datatrove::both),
    ("gopher-repetition@datatrove", &[], gopher_datatrove::repetition),
    ("gopher-quality@datatrove", &[], gopher_datatrove::quality),
    ("c4@datatrove", &["c4"], c4_datatrove::strict),
    ("c4-fineweb@datatrove", &["c4-fineweb"], c4_datatrove::fineweb),
    ("c4-paragraph@datatrove", &["c4-paragraph"], c4_datatrove::paragraph),
    ("fineweb@datatrove", &["fineweb"], fineweb_datatrove::set),
    ("gopher@dolma", &[], gopher_dolma::v1),
    ("gopher-v2@dolma", &[], gopher_dolma::v2),
    ("refinedweb", &["refinedweb@dclm"], refinedweb::set),
    ("nemo-en", &[], nemo_en::set),
    ("zh", &["zh@catena"], zh::set),
    ("data-juicer", &[], data_juicer::set),
];

/// The rule set of this name or alias.
///
/// # Errors
/// [`CorpusError::UnknownName`], with the nearest name if one is near.
pub fn rule_set(name: &str) -> Result<RuleSet, CorpusError> {
    let found = SETS.iter().find(|(own, aliases, _)| *own == name || aliases.contains(&name));
    if let Some((own, _, make)) = found {
        return Ok(make(own));
    }
    let known =
        SETS.iter().flat_map(|(own, aliases, _)| [*own].into_iter().chain(aliases.iter().copied()));
    let mut error = CorpusError::unknown("rule set", name, rule_set_names());
    // An alias may be nearer than any name.
    if let CorpusError::UnknownName { nearest: found, .. } = &mut error {
        *found = nearest(name, known);
    }
    Err(error)
}

/// The names of all rule sets, without aliases.
pub fn rule_set_names() -> impl Iterator<Item = &'static str> {
    SETS.iter().map(|(name, _, _)| *name)
}
