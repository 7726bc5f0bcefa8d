//! What every benchmark writes: cells with our figure, the peers' and the hardware's limit.

use super::infer::SEED;
use super::limits::described;
use super::peers::Collected;
use crate::failure::{Exit, Failure};
use crate::output::print_line;
use crate::progress::say;
use camino::Utf8Path;
use catena_kernels::{Pool, level, measure_peaks};
use serde::Serialize;
use std::collections::BTreeMap;

/// One measured figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    /// Area, kind, size and format, such as `infer/prefill/512/q4_1`.
    pub(crate) name: String,
    /// Unit of every figure of the cell.
    pub(crate) unit: &'static str,
    /// Whether less is better (seconds, bytes).
    pub(crate) less_is_better: bool,
    /// Our figure: the median of the rounds.
    pub(crate) ours: f64,
    /// The peers' figures, medians too.
    pub(crate) peers: BTreeMap<String, f64>,
    /// How many times better we are than the best peer; above 1 is better.
    pub(crate) ratio: Option<f64>,
    /// What the hardware allows at most, measured in the same run.
    pub(crate) limit: Option<f64>,
    /// Our share of the limit.
    pub(crate) share: Option<f64>,
    /// What the project set out to reach, where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<f64>,
    /// Our share of the goal, which is reached from 1 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reached: Option<f64>,
}

/// What a cell is to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// A figure in the cell's unit.
    Figure(f64),
    /// So many times better than the peer of this name.
    Times(f64, &'static str),
}

impl Goal {
    /// The figure, which a peer that was not measured does not give.
    fn figure(self, peers: &BTreeMap<String, f64>, less_is_better: bool) -> Option<f64> {
        match self {
            Self::Figure(figure) => Some(figure),
            Self::Times(times, peer) => {
                let factor = if less_is_better { 1.0 / times } else { times };
                peers.get(peer).map(|figure| figure * factor)
            }
        }
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    /// Processor, level of the kernels, threads, and the measured peaks.
    pub(crate) machine: BTreeMap<&'static str, String>,
    /// Versions of us and of the peers.
    pub(crate) versions: BTreeMap<String, String>,
    /// Seed of the token ids.
    pub(crate) seed: u64,
    /// The figures.
    pub(crate) cells: Vec<Cell>,
    /// By peer and format: what could not be measured, and how the rest was.
    pub(crate) notes: BTreeMap<String, String>,
}

impl Results {
    /// Finds out before hours of measuring whether the file can be written; changes nothing.
    pub(crate) fn check_file(file: &Utf8Path) -> Result<(), Failure> {
        let is_new = !file.exists();
        let opened = std::fs::OpenOptions::new().append(true).create(true).open(file);
        opened.map_err(|error| {
            Failure::new(Exit::Environment, format!("cannot write `{file}`"), error)
        })?;
        if is_new {
            // Left empty, it is replaced at the end.
            let _ = std::fs::remove_file(file);
        }
        Ok(())
    }

    /// Medians of the cells that were measured, and the machine they were measured on.
    pub(crate) fn of_named(
        cells: impl Iterator<Item = Named>,
        ours: &Samples,
        theirs: Collected,
        pool: &Pool,
        threads: usize,
    ) -> Self {
        let cells = cells.filter_map(|Named { name, unit, less_is_better, goal }| {
            let (value, others) = (ours.median(&name)?, theirs.medians(&name));
            Some(Cell::new(name, unit, less_is_better, value, others, None).reaching(goal))
        });
        let machine = described(&measure_peaks(pool)).into_iter().collect();
        Self::new(machine, threads, cells.collect(), theirs)
    }

    /// Cells of a machine of which no more is told yet than what was measured of it.
    pub(crate) fn new(
        mut machine: BTreeMap<&'static str, String>,
        threads: usize,
        cells: Vec<Cell>,
        theirs: Collected,
    ) -> Self {
        machine.insert("kernels", level().name().to_owned());
        machine.insert("threads", threads.to_string());
        let mut versions = theirs.versions;
        versions.insert("catena".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        Self { machine, versions, seed: SEED, cells, notes: theirs.notes }
    }

    /// The table, and the notes.
    pub(crate) fn print(&self) {
        for cell in &self.cells {
            print_line(&cell.line());
        }
        for (about, note) in &self.notes {
            say(&format!("{about}: {note}"));
        }
    }

    /// Writes the file.
    pub(crate) fn write(&self, file: &Utf8Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).expect("results are plain data");
        std::fs::write(file, text + "\n").map_err(|error| {
            Failure::new(Exit::Environment, format!("cannot write `{file}`"), error)
        })
    }
}

/// A cell before its figures are there.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    pub(crate) less_is_better: bool,
    pub(crate) goal: Option<Goal>,
}

impl Named {
    /// Of which more is better.
    pub(crate) fn more(name: &str, unit: &'static str) -> Self {
        Self { name: name.to_owned(), unit, less_is_better: false, goal: None }
    }

    /// Of which less is better.
    pub(crate) fn less(name: &str, unit: &'static str) -> Self {
        Self { name: name.to_owned(), unit, less_is_better: true, goal: None }
    }

    /// The same with a goal.
    pub(crate) fn with_goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }
}

/// The smallest value that at least so many percent of them do not exceed.
pub(crate) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent * sorted.len()).div_ceil(100).max(1);
    sorted[rank - 1]
}

/// Figures of the rounds by cell, collected before medians are taken.
#[derive(Debug, Default)]
pub(crate) struct Samples(BTreeMap<String, Vec<f64>>);

impl Samples {
    /// Adds one round's figure.
    pub(crate) fn push(&mut self, name: &str, value: f64) {
        self.0.entry(name.to_owned()).or_default().push(value);
    }

    /// The median of a cell's rounds.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        self.0.get(name).and_then(|values| median(values))
    }
}

/// The middle value; of an even number the mean of the two in the middle.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        len if len % 2 == 1 => Some(sorted[middle]),
        _ => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
    }
}

impl Cell {
    /// A cell from its medians; ratio and share follow.
    pub(crate) fn new(
        name: String,
        unit: &'static str,
        less_is_better: bool,
        ours: f64,
        peers: BTreeMap<String, f64>,
        limit: Option<f64>,
    ) -> Self {
        let better = |a: f64, b: f64| if less_is_better { a.min(b) } else { a.max(b) };
        let best = peers.values().copied().reduce(better);
        let times =
            |ours: f64, other: f64| if less_is_better { other / ours } else { ours / other };
        let ratio = best.map(|best| times(ours, best));
        let share = limit.map(|limit| times(ours, limit));
        let (goal, reached) = (None, None);
        Self { name, unit, less_is_better, ours, peers, ratio, limit, share, goal, reached }
    }

    /// The same beside a goal, as far as the peers' figures give it.
    pub(crate) fn reaching(self, goal: Option<Goal>) -> Self {
        let figure = goal.and_then(|goal| goal.figure(&self.peers, self.less_is_better));
        self.with_goal(figure)
    }

    /// The same beside what it is to reach.
    pub(crate) fn with_goal(self, goal: Option<f64>) -> Self {
        let reached =
            goal.map(|goal| if self.less_is_better { goal / self.ours } else { self.ours / goal });
        Self { goal, reached, ..self }
    }

    /// A figure with the digits that count: cosines and perplexities differ little.
    fn shown(&self, value: f64) -> String {
        match self.unit {
            "cosine" => format!("{value:.6}"),
            "ppl" => format!("{value:.3}"),
            "share" => format!("{value:.5}"),
            _ => figure(value),
        }
    }

    /// The cell as a line of a table.
    pub(crate) fn line(&self) -> String {
        let ours = self.shown(self.ours);
        let mut line = format!("{:<32} {ours:>10} {:<6}", self.name, self.unit);
        if let Some(share) = self.share {
            line.push_str(&format!("  {:>3.0} % of the limit", share * 100.0));
        }
        if let Some(reached) = self.reached {
            line.push_str(&format!("  {:.1} % of the goal", reached * 100.0));
        }
        for (peer, value) in &self.peers {
            line.push_str(&format!("  {peer} {}", self.shown(*value)));
        }
        if let Some(ratio) = self.ratio {
            line.push_str(&format!("  {ratio:.2}x"));
        }
        line
    }
}

/// Three digits that count.
pub(crate) fn figure(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_even_and_none() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=16).rev().map(f64::from).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (8.0, 16.0));
        assert_eq!(percentile(&[3.0], 0), 3.0);
    }

    #[test]
    fn ratios_are_to_the_best_peer_and_above_one_when_we_are_better() {
        let peers = |a, b| BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
        let fast = Cell::new("x".into(), "tok/s", false, 100.0, peers(20.0, 50.0), Some(200.0));
        assert_eq!((fast.ratio, fast.share), (Some(2.0), Some(0.5)));
        let quick = Cell::new("y".into(), "s", true, 0.1, peers(0.4, 0.2), None);
        assert_eq!((quick.ratio, quick.share), (Some(2.0), None));
    }

    #[test]
    fn goals_are_figures_or_so_many_times_a_peer() {
        let peers = BTreeMap::from([("slow".to_owned(), 2.0)]);
        assert_eq!(Goal::Figure(7.0).figure(&peers, true), Some(7.0));
        assert_eq!(Goal::Times(60.0, "slow").figure(&peers, false), Some(120.0));
        assert_eq!(Goal::Times(4.0, "slow").figure(&peers, true), Some(0.5));
        assert_eq!(Goal::Times(4.0, "absent").figure(&peers, true), None);
        let less = Cell::new("x".into(), "s", true, 1.0, peers, None);
        assert_eq!(less.reaching(Some(Goal::Times(4.0, "slow"))).reached, Some(0.5));
        let reached = |less, ours| {
            let cell = Cell::new("x".into(), "s", less, ours, BTreeMap::new(), None);
            cell.with_goal(Some(10.0)).reached
        };
        assert_eq!((reached(true, 5.0), reached(false, 5.0)), (Some(2.0), Some(0.5)));
    }

    #[test]
    fn a_cosine_is_shown_with_the_digits_that_differ() {
        let cell = Cell::new("x".into(), "cosine", false, 0.999_976_4, BTreeMap::new(), None);
        assert!(cell.line().contains("0.999976 cosine"), "{}", cell.line());
    }
}
