//! Whether a guess is worth its rows.

/// Most tokens guessed ahead for one sequence.
pub const MAX_GUESS: usize = 16;
/// Weight of a new measurement beside the older ones.
const FRESH: f64 = 0.2;
/// Cost of one row more, as a share of a step of one row, until steps were measured.
const ASSUMED_ROW_COST: f64 = 0.25;
/// Sizes of steps that are told apart: up to 1, 2, 4 … rows.
const BUCKETS: usize = 12;

/// What steps of different sizes cost, from those that ran.
#[derive(Clone, Debug)]
pub(crate) struct CostModel {
    seconds: [Option<f64>; BUCKETS],
    /// Of a step of one row, until one was measured.
    assumed: f64,
}

impl Default for CostModel {
    fn default() -> Self {
        Self::assuming(1.0)
    }
}

impl CostModel {
    /// Takes a step of one row for `seconds` until one was measured.
    pub(crate) fn assuming(seconds: f64) -> Self {
        Self { seconds: [None; BUCKETS], assumed: seconds }
    }

    /// Takes in a step of single tokens and guesses.
    pub(crate) fn record(&mut self, rows: usize, seconds: f64) {
        if !rows.is_power_of_two() {
            // Between two sizes: scaled to the nearer one, which it says most about.
            let (low, high) = (rows.next_power_of_two() / 2, rows.next_power_of_two());
            let nearer = if rows - low < high - rows { low } else { high };
            let scaled = seconds * self.cost(nearer) / self.cost(rows);
            return self.record(nearer, scaled);
        }
        if let Some(known) = self.seconds.get_mut(rows.trailing_zeros() as usize) {
            *known = Some(known.map_or(seconds, |known| known + FRESH * (seconds - known)));
        }
    }

    /// Seconds of a step of `rows`.
    pub(crate) fn cost(&self, rows: usize) -> f64 {
        let known = |&(_, seconds): &(usize, &Option<f64>)| seconds.is_some();
        let point = |(idx, seconds): (usize, &Option<f64>)| {
            ((1_usize << idx) as f64, seconds.expect("only known ones are asked"))
        };
        let measured = || self.seconds.iter().enumerate().filter(known).map(point);
        let rows = rows as f64;
        let below = measured().rfind(|(size, _)| *size <= rows);
        let above = measured().find(|(size, _)| *size >= rows);
        let assumed = |rows: f64| 1.0 + ASSUMED_ROW_COST * (rows - 1.0);
        match (below, above) {
            (Some((low, a)), Some((high, b))) if high > low => {
                a + (b - a) * (rows - low) / (high - low)
            }
            (Some((size, cost)), _) | (None, Some((size, cost))) => {
                cost * assumed(rows) / assumed(size)
            }
            (None, None) => self.assumed * assumed(rows),
        }
    }
}

/// How often guesses of one sequence come true, token by token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acceptance(f64);

impl Default for Acceptance {
    fn default() -> Self {
        // Hopeful: the first guesses show whether it holds.
        Self(0.7)
    }
}

impl Acceptance {
    /// The share of guesses that come true.
    pub(crate) fn rate(self) -> f64 {
        self.0
    }

    /// Whether guesses mostly come true.
    pub(crate) fn is_good(self) -> bool {
        self.0 > 0.75
    }

    /// The same, or what a fresh one hopes for.
    pub(crate) fn hopeful(self) -> Self {
        Self(self.0.max(Self::default().0))
    }

    /// Moves a little towards `other`.
    pub(crate) fn drift(&mut self, other: Self) {
        self.0 += FRESH / 10.0 * (other.0 - self.0);
    }

    /// Takes in whether a token came as guessed.
    pub(crate) fn record(&mut self, accepted: bool) {
        self.0 += FRESH * (f64::from(u8::from(accepted)) - self.0);
    }

    /// Takes in tokens that came as guessed, then some that did not.
    pub(crate) fn record_all(&mut self, right: usize, wrong: usize) {
        (0..right).for_each(|_| self.record(true));
        (0..wrong).for_each(|_| self.record(false));
    }

    /// Tokens of a guess of `length` that will be accepted: all up to the first that is wrong.
    ///
    /// `sum(rate^i, i = 1..=length)`
    fn expected(self, length: usize) -> f64 {
        let (rate, length) = (self.0, i32::try_from(length).unwrap_or(i32::MAX));
        if rate > 1.0 - 1e-9 {
            return f64::from(length);
        }
        rate * (1.0 - rate.powi(length)) / (1.0 - rate)
    }
}

/// What one sequence could have guessed for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer {
    /// Most tokens.
    pub(crate) most: usize,
    /// How likely each of them comes true.
    pub(crate) acceptance: Acceptance,
    /// What a draft model would have to do for them; nothing if they are there already.
    pub(crate) draft: Option<DraftWork>,
}

/// What stands between a draft model and its first token for a sequence.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DraftWork {
    /// Rows of its first step: the last token, and one before it if all guesses came true.
    pub(crate) rows: usize,
    /// Seconds to read what it has not read, for each token that the sequence may still write.
    pub(crate) reading: f64,
}

/// How likely the last guessed token must at least come true, all before it included.
const CHANCES: [f64; 9] = [0.9, 0.8, 0.7, 0.55, 0.4, 0.25, 0.15, 0.07, 0.02];

/// How many chances that gave nothing are passed over before the search ends: a step's cost has
/// corners, but speed mostly rises to one best length and falls from there.
const LOOK_FURTHER: usize = 2;

/// Sets `lengths` to those at which the offers are cut so that a step gives the most tokens for its
/// cost; to 0 where guesses would slow it.
///
/// The step has `rows` without guesses; one of so many rows costs `cost`, and one of so many of the
/// draft model `draft_cost`. All sequences guess up to the same chance, so that rows go where they
/// give most.
pub(crate) fn choose_lengths(
    offers: &[Offer],
    rows: usize,
    cost: impl Fn(usize) -> f64,
    draft_cost: impl Fn(usize) -> f64,
    lengths: &mut Vec<usize>,
) {
    lengths.clear();
    lengths.resize(offers.len(), 0);
    if offers.iter().all(|offer| offer.most == 0) {
        return;
    }
    let logs: Vec<f64> = offers.iter().map(|offer| offer.acceptance.rate().ln()).collect();
    let mut best = (rows as f64 / cost(rows), None);
    let with_drafts = offers.iter().any(|offer| offer.draft.is_some());
    for drafts in [false, true].into_iter().take(1 + usize::from(with_drafts)) {
        let mut worse = 0;
        for log_chance in CHANCES.map(f64::ln) {
            let (mut tokens, mut run) = (rows as f64, rows);
            // By length, the rows of the draft model's steps.
            let (mut drafting, mut reading) = ([0; MAX_GUESS + 1], 0.0);
            for (offer, &log) in offers.iter().zip(&logs) {
                let length = offer.length(log, log_chance, drafts);
                let expected = offer.acceptance.expected(length);
                tokens += expected;
                run += length;
                if let Some(work) = offer.draft.filter(|_| length > 0) {
                    drafting[1..=length].iter_mut().for_each(|rows| *rows += 1);
                    drafting[1] += work.rows - 1;
                    reading += work.reading * (1.0 + expected);
                }
            }
            let writing = drafting[1..].iter().take_while(|&&rows| rows > 0);
            let writing: f64 = writing.map(|&rows| draft_cost(rows)).sum();
            let speed = tokens / (cost(run) + writing + reading);
            if speed > best.0 {
                best = (speed, Some((log_chance, drafts)));
                worse = 0;
            } else if run > rows {
                worse += 1;
                if worse > LOOK_FURTHER {
                    break;
                }
            }
        }
    }
    if let Some((log_chance, drafts)) = best.1 {
        for (length, (offer, &log)) in lengths.iter_mut().zip(offers.iter().zip(&logs)) {
            *length = offer.length(log, log_chance, drafts);
        }
    }
}

impl Offer {
    /// Tokens that all come true with at least this chance, both given by their logarithms.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    fn length(&self, log_rate: f64, log_chance: f64, drafts: bool) -> usize {
        if self.draft.is_some() && !drafts {
            return 0;
        }
        // A rate of 1 gives an infinite length, which the cast brings down.
        let length = (log_chance / log_rate.min(-f64::MIN_POSITIVE)) as usize;
        length.min(self.most).min(MAX_GUESS)
    }
}

#[cfg(test)]
mod tests {
    use super::{Acceptance, CostModel, DraftWork, MAX_GUESS, Offer, choose_lengths};

    fn rate(rate: f64) -> Acceptance {
        Acceptance(rate)
    }

    fn offer(most: usize, of: f64) -> Offer {
        Offer { most, acceptance: rate(of), draft: None }
    }

    fn lengths(offers: &[Offer], cost: impl Fn(usize) -> f64) -> Vec<usize> {
        let mut lengths = Vec::new();
        choose_lengths(offers, offers.len(), cost, |rows| 0.1 * rows as f64, &mut lengths);
        lengths
    }

    #[test]
    fn good_guesses_are_long_and_bad_ones_are_not_run() {
        let cost = CostModel::default();
        let length = |r| lengths(&[offer(16, r)], |rows| cost.cost(rows))[0];
        assert_eq!(length(0.99), MAX_GUESS);
        assert!((1..=4).contains(&length(0.7)), "{}", length(0.7));
        assert_eq!(length(0.2), 0);
        assert_eq!(length(0.0), 0);
        assert_eq!(length(1.0), MAX_GUESS);
        // Rows that are dear make the same guess a loss.
        assert_eq!(lengths(&[offer(16, 0.9)], |rows| rows as f64), [0]);
        // Rows that are free make any guess a gain.
        assert!(lengths(&[offer(16, 0.3)], |_| 1.0)[0] >= 3);
        assert!(lengths(&[], |rows| cost.cost(rows)).is_empty());
        assert_eq!(lengths(&[offer(3, 0.99), offer(0, 0.9)], |rows| cost.cost(rows)), [3, 0]);
    }

    #[test]
    fn rows_go_to_the_sequences_whose_guesses_come_true() {
        let cost = CostModel::default();
        let given = lengths(&[offer(16, 0.95), offer(16, 0.2)], |rows| cost.cost(rows));
        assert!(given[0] >= 4 && given[1] == 0, "{given:?}");
    }

    #[test]
    fn a_draft_must_pay_for_itself() {
        let cost = CostModel::default();
        let with = |draft_cost: f64, reading: f64| {
            let mut lengths = Vec::new();
            let draft = Some(DraftWork { rows: 1, reading });
            let offers = [Offer { draft, ..offer(16, 0.8) }, offer(16, 0.8)];
            choose_lengths(&offers, 2, |r| cost.cost(r), |_| draft_cost, &mut lengths);
            lengths
        };
        let cheap = with(0.01, 0.01);
        assert!(cheap[0] > 0 && cheap[1] > 0, "{cheap:?}");
        for dear in [with(1.0, 0.01), with(0.01, 1.0)] {
            assert!(dear[0] == 0 && dear[1] > 0, "{dear:?}");
        }
    }

    #[test]
    fn costs_are_those_measured_and_a_line_between() {
        let mut cost = CostModel::default();
        assert!((cost.cost(5) / cost.cost(1) - 2.0).abs() < 1e-9);
        assert!((CostModel::assuming(3.0).cost(5) - 6.0).abs() < 1e-9);
        cost.record(1, 4e-3);
        assert!((cost.cost(1) - 4e-3).abs() < 1e-12);
        assert!((cost.cost(5) - 8e-3).abs() < 1e-12, "assumed from the measured one");
        cost.record(8, 18e-3);
        assert!((cost.cost(8) - 18e-3).abs() < 1e-12);
        assert!((cost.cost(4) - 10e-3).abs() < 1e-12);
        for _ in 0..100 {
            cost.record(1, 6e-3);
        }
        assert!((cost.cost(1) - 6e-3).abs() < 1e-6, "new measurements take over");
        cost.record(1 << 20, 1.0);
        cost.record(3, 7e-3);
    }

    #[test]
    fn acceptance_follows_what_comes() {
        let mut acceptance = rate(0.5);
        (0..50).for_each(|_| acceptance.record(true));
        assert!(acceptance.0 > 0.99);
        (0..50).for_each(|_| acceptance.record(false));
        assert!(acceptance.0 < 0.01);
    }
}
