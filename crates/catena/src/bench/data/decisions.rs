//! What our rule sets decide, for the comparison with the tools that they follow.

use super::corpus::{Corpus, each_document};
use super::measure::{families, sets};
use super::run::{Figures, failed, scratch};
use crate::bench::peers::check_cancel;
use crate::failure::Failure;
use camino::Utf8PathBuf;
use catena_corpus::Analyser;
use catena_protocol::Cancel;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufWriter, Write};

/// DataTrove's name of each set, and ours.
pub(super) const SETS: [(&str, &str); 5] = [
    ("gopher_quality", "gopher-quality@datatrove"),
    ("gopher_repetition", "gopher-repetition@datatrove"),
    ("c4", "c4@datatrove"),
    ("c4_fineweb", "c4-fineweb@datatrove"),
    ("fineweb", "fineweb@datatrove"),
];

/// The file of our decisions; it goes away with this.
pub(super) struct OwnDecisions(pub(super) Utf8PathBuf);

impl OwnDecisions {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self(scratch(".decisions.jsonl")?))
    }

    /// Writes a line for every document: its id, and for each set whether it passes, or the first
    /// rule that it breaks. There is no figure yet: the script of the peers compares.
    pub(super) fn write(&self, corpus: &Corpus, cancel: &Cancel) -> Result<Figures, Failure> {
        let sets = sets(SETS.map(|(_, ours)| ours));
        let mut analyser = Analyser::new(families(&sets));
        let mut out = BufWriter::new(File::create(&self.0).map_err(failed)?);
        each_document(&corpus.path, |document| {
            check_cancel(cancel)?;
            let mut line = Map::new();
            line.insert("id".to_owned(), Value::from(document.id));
            let profile = analyser.analyse(&document.text).map_err(failed)?;
            for ((name, _), set) in SETS.iter().zip(&sets) {
                let broken = set.judge(&profile).map_err(failed)?;
                let decision = broken.map_or(Value::Bool(true), |broken| broken.rule.into());
                line.insert((*name).to_owned(), decision);
            }
            writeln!(out, "{}", Value::Object(line)).map_err(failed)
        })?;
        out.flush().map_err(failed)?;
        Ok(Figures::new())
    }
}

impl Drop for OwnDecisions {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
