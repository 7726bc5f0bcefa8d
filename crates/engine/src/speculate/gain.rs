//! Whether a guess is worth its rows.

/// Most tokens guessed ahead for one sequence.
pub(crate) const MAX_GUESS: usize = 16;
/// Weight of a new measurement beside the older ones.
const FRESH: f64 = 0.2;
/// Cost of one row more, as a share of a step of one row, until steps were measured.
const ASSUMED_ROW_COST: f64 = 0.25;
/// Sizes of steps that are told apart: up to 1, 2, 4 … rows.
const BUCKETS: usize = 12;

/// What steps of different sizes cost, from those that ran.
#[derive(Clone, Debug, Default)]
pub(crate) struct CostModel {
    seconds: [Option<f64>; BUCKETS],
}

impl CostModel {
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

    /// Cost of a step of `rows`, in any unit: seconds once steps were measured.
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
            (None, None) => assumed(rows),
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
    /// Takes in whether a token came as guessed.
    pub(crate) fn record(&mut self, accepted: bool) {
        self.0 += FRESH * (f64::from(u8::from(accepted)) - self.0);
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

/// The length at which guesses are cut so that a step gives the most tokens for its cost; 0 when
/// every guess would slow it. `guesses` are the lengths at hand, `rows` those of the step without.
pub(crate) fn choose_length(
    guesses: &[(usize, Acceptance)],
    rows: usize,
    cost: impl Fn(usize) -> f64,
) -> usize {
    let speed = |length: usize| {
        let (mut tokens, mut run) = (rows as f64, rows);
        for &(at_hand, acceptance) in guesses {
            let length = length.min(at_hand);
            tokens += acceptance.expected(length);
            run += length;
        }
        tokens / cost(run)
    };
    let lengths = [0, 1, 2, 4, 8, MAX_GUESS];
    lengths.into_iter().map(|length| (length, speed(length))).fold((0, 0.0), best).0
}

fn best(best: (usize, f64), next: (usize, f64)) -> (usize, f64) {
    if next.1 > best.1 { next } else { best }
}

#[cfg(test)]
mod tests {
    use super::{Acceptance, CostModel, MAX_GUESS, choose_length};

    fn rate(rate: f64) -> Acceptance {
        Acceptance(rate)
    }

    #[test]
    fn good_guesses_are_long_and_bad_ones_are_not_run() {
        let cost = CostModel::default();
        let length = |r| choose_length(&[(16, rate(r))], 1, |rows| cost.cost(rows));
        assert_eq!(length(0.99), MAX_GUESS);
        assert!((1..=4).contains(&length(0.7)), "{}", length(0.7));
        assert_eq!(length(0.2), 0);
        // Rows that are dear make the same guess a loss.
        assert_eq!(choose_length(&[(16, rate(0.9))], 1, |rows| rows as f64), 0);
        // Rows that are free make any guess a gain.
        assert_eq!(choose_length(&[(16, rate(0.3))], 1, |_| 1.0), MAX_GUESS);
        assert_eq!(choose_length(&[], 4, |rows| cost.cost(rows)), 0);
    }

    #[test]
    fn costs_are_those_measured_and_a_line_between() {
        let mut cost = CostModel::default();
        assert!((cost.cost(5) / cost.cost(1) - 2.0).abs() < 1e-9);
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
