//! What the commands of all areas have in common: which cells are asked for, how often they are
//! measured, and where the figures go.

use super::cells::Results;
use crate::args::RoundArgs;
use crate::failure::{Exit, Failure};

impl RoundArgs {
    /// Finds out before hours of measuring whether the file can be written.
    pub(super) fn check_file(&self) -> Result<(), Failure> {
        self.json.as_deref().map_or(Ok(()), Results::check_file)
    }

    /// What each round is called.
    pub(super) fn labels(&self) -> impl Iterator<Item = String> {
        let rounds = self.count;
        (1..=rounds).map(move |round| format!("round {round} of {rounds}"))
    }

    /// Writes the file, if one is asked for.
    pub(super) fn write(&self, results: &Results) -> Result<(), Failure> {
        self.json.as_deref().map_or(Ok(()), |file| results.write(file))
    }
}

/// Whether a cell is wanted.
pub(super) fn wanted(name: &str, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|text| name.contains(text))
}

/// No cell is wanted.
pub(super) fn nothing(only: &[String], hint: &'static str) -> Failure {
    let cause = format!("no cell has `{}` in its name", only.join("` or `"));
    Failure::new(Exit::Usage, "nothing to measure", cause).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_wanted_by_any_part_of_its_name() {
        let only =
            |texts: &[&str]| -> Vec<String> { texts.iter().map(ToString::to_string).collect() };
        let name = "infer/prefill/512/q4_1";
        assert!(wanted(name, &[]) && wanted(name, &only(&["decode", "prefill/512"])));
        assert!(!wanted(name, &only(&["decode"])));
    }
}
