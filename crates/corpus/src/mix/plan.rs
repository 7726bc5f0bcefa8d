//! How much of each source is taken.

use crate::error::CorpusError;
use std::fmt;

/// The greatest mix: beyond it shares are no longer whole numbers in f64.
const MAX_TOTAL: u64 = 1 << 53;

/// A source to mix. Amounts count tokens or documents, all sources alike.
#[derive(Clone, Debug, PartialEq)]
pub struct MixSource {
    /// Its name.
    pub name: String,
    /// What it has.
    pub available: u64,
    /// Its weight; none counts as what it has.
    pub weight: Option<f64>,
}

/// What happens where a source has less than its share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shortfall {
    /// The plan is refused.
    Refuse,
    /// The others fill the gap by their weights; the plan is refused if all together cannot.
    #[default]
    FillFromOthers,
    /// The mix becomes smaller.
    TakeLess,
}

/// How sources are mixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MixOptions {
    /// Amount of the whole mix.
    pub total: u64,
    /// How often a source may be gone through, above 0; 1 takes nothing twice.
    pub max_epochs: f64,
    /// Shares go as `weight^(1 / temperature)`: 1 leaves the weights, more evens them out.
    pub temperature: f64,
    /// What happens where a source has less than its share.
    pub shortfall: Shortfall,
}

/// What is taken of one source.
#[derive(Clone, Debug, PartialEq)]
pub struct MixRow {
    /// Its name.
    pub source: String,
    /// What it has.
    pub available: u64,
    /// What is taken, repeats included.
    pub taken: u64,
    /// `taken / available`.
    pub epochs: f64,
    /// `taken` by the whole mix.
    pub share: f64,
}

/// What is taken of each source. Displayed as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct MixPlan {
    /// One row for each source, in the order given.
    pub rows: Vec<MixRow>,
}

impl fmt::Display for MixPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let longest = self.rows.iter().map(|row| row.source.chars().count()).max();
        let width = longest.unwrap_or(0).max("source".len());
        let [available, taken, epochs, share] = ["available", "taken", "epochs", "share"];
        write!(f, "{:width$} {available:>14} {taken:>14} {epochs:>8} {share:>7}", "source")?;
        for row in &self.rows {
            let MixRow { source, available, taken, epochs, share } = row;
            let share = 100.0 * share;
            write!(f, "\n{source:width$} {available:>14} {taken:>14} {epochs:>8.3} {share:>6.2}%")?;
        }
        Ok(())
    }
}

/// Plans a mix. The amounts sum to the total exactly, unless less is taken for a shortfall.
///
/// # Errors
/// [`CorpusError::Config`] for options or weights out of range, [`CorpusError::TooMany`] beyond
/// 2^53, [`CorpusError::MixShort`] where a source, or all together, have too little.
///
/// # Source
/// Temperature sampling: Devlin, multilingual BERT 2018, and Raffel et al. 2020,
/// arXiv:1910.10683. Filling from the others under a limit of epochs: UniMax, Chung et al. 2023,
/// arXiv:2304.09151, there for equal weights.
pub fn plan_mix(sources: &[MixSource], options: &MixOptions) -> Result<MixPlan, CorpusError> {
    check(sources, options)?;
    let limits: Vec<u64> = sources.iter().map(|source| limit(source, options)).collect();
    let weights: Vec<f64> = sources.iter().map(|source| weight(source, options)).collect();
    let wanted = divide(options.total, &weights);
    let short = (0..sources.len()).find(|&at| wanted[at] > limits[at]);
    let taken = match (short, options.shortfall) {
        (None, _) => wanted,
        (Some(at), Shortfall::Refuse) => {
            return Err(too_short(&sources[at].name, limits[at], wanted[at], options));
        }
        (Some(_), Shortfall::TakeLess) => {
            wanted.iter().zip(&limits).map(|(&wanted, &limit)| wanted.min(limit)).collect()
        }
        (Some(_), Shortfall::FillFromOthers) => fill(&weights, &limits, options)?,
    };
    let total = taken.iter().sum::<u64>().max(1) as f64;
    let row = |(source, taken): (&MixSource, u64)| MixRow {
        source: source.name.clone(),
        available: source.available,
        taken,
        epochs: taken as f64 / source.available.max(1) as f64,
        share: taken as f64 / total,
    };
    Ok(MixPlan { rows: sources.iter().zip(taken).map(row).collect() })
}

fn check(sources: &[MixSource], options: &MixOptions) -> Result<(), CorpusError> {
    let above_zero = [("max_epochs", options.max_epochs), ("mix_temperature", options.temperature)];
    for (key, found) in above_zero {
        if !(found > 0.0 && found.is_finite()) {
            return Err(CorpusError::Config { key, found, expected: "above 0" });
        }
    }
    if options.total > MAX_TOTAL {
        let (what, found) = ("tokens or documents in a mix", options.total);
        return Err(CorpusError::TooMany { what, found, limit: MAX_TOTAL });
    }
    let weights = sources.iter().filter_map(|source| source.weight);
    if let Some(found) = weights.into_iter().find(|&weight| !(weight >= 0.0 && weight.is_finite()))
    {
        return Err(CorpusError::Config { key: "weight", found, expected: "at least 0" });
    }
    let sum: f64 = sources.iter().map(|source| weight(source, options)).sum();
    if options.total > 0 && !(sum > 0.0 && sum.is_finite()) {
        let expected = "above 0 in sum, and a number";
        return Err(CorpusError::Config { key: "weight", found: sum, expected });
    }
    Ok(())
}

fn weight(source: &MixSource, options: &MixOptions) -> f64 {
    source.weight.unwrap_or(source.available as f64).powf(1.0 / options.temperature)
}

/// What a source can give, repeats included.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least 0; what is beyond 64 bits becomes the greatest number, above any total"
)]
fn limit(source: &MixSource, options: &MixOptions) -> u64 {
    (source.available as f64 * options.max_epochs).floor() as u64
}

fn too_short(name: &str, available: u64, wanted: u64, options: &MixOptions) -> CorpusError {
    let (source_name, max_epochs) = (name.to_owned(), options.max_epochs);
    CorpusError::MixShort { source_name, available, max_epochs, wanted }
}

/// Divides `total` by weight; the largest remainders, the first of equal ones, get what is left.
fn divide(total: u64, weights: &[f64]) -> Vec<u64> {
    let sum: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights
        .iter()
        .map(|weight| if sum > 0.0 { total as f64 * (weight / sum) } else { 0.0 })
        .collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the total, which is at most 2^53"
    )]
    let mut parts: Vec<u64> = exact.iter().map(|share| share.floor() as u64).collect();
    let mut order: Vec<usize> = (0..weights.len()).filter(|&at| weights[at] > 0.0).collect();
    order.sort_by(|&a, &b| exact[b].fract().total_cmp(&exact[a].fract()));
    let mut given: u64 = parts.iter().sum();
    // Beyond 2^53 the shares are rounded themselves, and more than one round may be needed.
    for &at in order.iter().cycle() {
        if given >= total {
            break;
        }
        parts[at] += 1;
        given += 1;
    }
    for part in parts.iter_mut().rev() {
        let over = (given - total.min(given)).min(*part);
        *part -= over;
        given -= over;
    }
    parts
}

/// Gives the sources that fall short all they have, and divides the rest among the others, until
/// none falls short.
fn fill(weights: &[f64], limits: &[u64], options: &MixOptions) -> Result<Vec<u64>, CorpusError> {
    let all = limits.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let all = all.fold(0u64, |sum, (limit, _)| sum.saturating_add(*limit));
    if all < options.total {
        return Err(too_short("all together", all, options.total, options));
    }
    let mut taken = vec![0; weights.len()];
    let mut open = weights.to_vec();
    let mut left = options.total;
    loop {
        let wanted = divide(left, &open);
        let short: Vec<usize> = (0..open.len()).filter(|&at| wanted[at] > limits[at]).collect();
        if short.is_empty() {
            wanted.iter().zip(&mut taken).for_each(|(wanted, taken)| *taken += wanted);
            return Ok(taken);
        }
        for at in short {
            taken[at] = limits[at];
            left -= limits[at];
            open[at] = 0.0;
        }
    }
}
