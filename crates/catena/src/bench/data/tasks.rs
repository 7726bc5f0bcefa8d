//! What is measured, and what it is to reach.

use super::corpus::{Corpus, Kind};
use super::run::Figures;
use super::{apart, dedup, measure};
use crate::args::DataStep;
use crate::bench::cells::{Goal, Named};
use crate::failure::Failure;
use catena_protocol::Cancel;

/// One measurement, which may give several figures.
pub(super) struct Task {
    /// The first of its cells.
    pub(super) cell: &'static str,
    /// Which corpus it is measured on.
    pub(super) corpus: Kind,
    pub(super) work: Work,
    /// Whether other tools do it too.
    pub(super) peers: bool,
}

/// How a task is measured.
pub(super) enum Work {
    /// One thread over texts in memory.
    Texts(fn(&Corpus) -> Result<Figures, Failure>),
    /// A file is read, and the result is written.
    File(fn(&Corpus, usize, &Cancel) -> Result<Figures, Failure>),
    /// What our rule sets decide, which the script of the peers compares.
    Decisions,
}

impl Task {
    /// Whether it says nothing without other tools.
    pub(super) fn needs_peers(&self) -> bool {
        matches!(self.work, Work::Decisions)
    }
}

/// All measurements.
pub(super) static TASKS: [Task; 8] = [
    Task {
        cell: "data/rules",
        corpus: Kind::Varied,
        work: Work::Texts(|corpus| Ok(one("data/rules", measure::four_sets(corpus)))),
        peers: true,
    },
    Task { cell: "data/decisions", corpus: Kind::Varied, work: Work::Decisions, peers: true },
    Task {
        cell: "data/everything",
        corpus: Kind::Varied,
        work: Work::Texts(|corpus| Ok(one("data/everything", measure::everything(corpus)))),
        peers: false,
    },
    Task {
        cell: "data/language",
        corpus: Kind::Varied,
        work: Work::Texts(|corpus| Ok(one("data/language", measure::language(corpus)))),
        peers: true,
    },
    Task { cell: "data/pii", corpus: Kind::Varied, work: Work::Texts(measure::pii), peers: true },
    Task { cell: "data/exact", corpus: Kind::Near, work: Work::File(dedup::exact), peers: true },
    Task {
        cell: "data/minhash",
        corpus: Kind::Near,
        work: Work::File(|corpus, threads, cancel| {
            apart::measure(DataStep::Minhash, corpus, threads, cancel)
        }),
        peers: true,
    },
    Task {
        cell: "data/clean",
        corpus: Kind::Big,
        work: Work::File(|corpus, threads, cancel| {
            apart::measure(DataStep::Clean, corpus, threads, cancel)
        }),
        peers: false,
    },
];

fn one(cell: &str, figure: f64) -> Figures {
    Figures::from([(cell.to_owned(), figure)])
}

/// Every cell, in the order of the report; those without a figure are left out of it.
pub(super) fn cells() -> Vec<Named> {
    let same = |set: &str| {
        let name = format!("data/decisions/{set}");
        Named::more(&name, "share").with_goal(Goal::Figure(0.9999))
    };
    let share = |name: &str, least: f64| Named::more(name, "share").with_goal(Goal::Figure(least));
    let most = |name: &str, unit, most: f64| Named::less(name, unit).with_goal(Goal::Figure(most));
    vec![
        Named::more("data/rules", "MB/s").with_goal(Goal::Times(60.0, "DataTrove")),
        same("gopher_quality"),
        same("gopher_repetition"),
        same("c4"),
        same("c4_fineweb"),
        same("fineweb"),
        Named::more("data/everything", "MB/s").with_goal(Goal::Figure(25.0)),
        Named::more("data/language", "MB/s"),
        Named::more("data/pii", "MB/s"),
        share("data/pii/precision", 0.98),
        share("data/pii/recall", 0.95),
        Named::more("data/exact", "MB/s"),
        most("data/minhash", "s", 120.0),
        most("data/minhash/memory", "MB", 1500.0),
        share("data/minhash/recall", 0.99),
        share("data/minhash/precision", 0.99),
        Named::more("data/clean", "MB/s"),
        most("data/clean/memory", "MB", 1000.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::decisions::SETS;
    use super::*;

    #[test]
    fn every_task_and_every_decision_has_its_cell() {
        let cells = cells();
        let has = |name: &str| cells.iter().any(|cell| cell.name == name);
        for task in TASKS.iter().filter(|task| !task.needs_peers()) {
            assert!(has(task.cell), "{}", task.cell);
        }
        for (name, _) in SETS {
            assert!(has(&format!("data/decisions/{name}")), "{name}");
        }
    }
}
