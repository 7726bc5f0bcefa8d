//! Which micro-step fits the memory, and how many layers are then computed again.

use crate::train::model::Fit;
use catena_model::training::Recompute;

/// Micro-steps are not made smaller than this before layers are computed again: below, products
/// have too few rows to be fast.
const USEFUL_TOKENS: usize = 512;
/// Micro-steps that are chosen are multiples of this.
const MULTIPLE: usize = 32;

/// What was asked for, and between what there is a choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Settings that are not chosen.
    pub(super) tokens: Option<usize>,
    pub(super) recompute: Option<Recompute>,
    /// The longest piece that a pass must hold whole, and what no pass needs more than.
    pub(super) longest: usize,
    pub(super) ceiling: usize,
    pub(super) layers: usize,
    /// Bytes that there are.
    pub(super) limit: u64,
}

/// A choice, or what the smallest one takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fitted {
    /// What was chosen, and why.
    Fits(Fit, &'static str),
    /// Nothing fits: this is the least.
    TooLarge(Fit),
}

/// Chooses the largest micro-step that fits without computing anything again, else the fewest
/// layers, else smaller micro-steps with all layers computed again. `bytes` tells what one takes.
pub(super) fn fit<E>(ask: &Ask, mut bytes: impl FnMut(Fit) -> Result<u64, E>) -> Result<Fitted, E> {
    let mut fits = |tokens: usize, recompute: Recompute| -> Result<bool, E> {
        Ok(bytes(Fit { tokens, recompute })? <= ask.limit)
    };
    let largest = ask.tokens.unwrap_or(ask.ceiling.max(ask.longest));
    let least = ask.recompute.unwrap_or(Recompute::Off);
    if fits(largest, least)? {
        let why = if ask.recompute.is_none() { "everything fits" } else { "it fits as it was set" };
        return Ok(Fitted::Fits(Fit { tokens: largest, recompute: least }, why));
    }
    let floor = ask.tokens.unwrap_or(ask.longest.max(USEFUL_TOKENS).min(largest));
    if let Some(tokens) = largest_that(floor, largest, |tokens| fits(tokens, least))? {
        let why = "more tokens would not fit";
        return Ok(Fitted::Fits(Fit { tokens, recompute: least }, why));
    }
    if ask.recompute.is_none() {
        let again = |count: usize| match count {
            count if count >= ask.layers => Recompute::All,
            count => Recompute::Layers(count),
        };
        if let Some(kept) = largest_that(0, ask.layers.saturating_sub(1), |kept| {
            fits(floor, again(ask.layers - kept))
        })? {
            let why = "with fewer layers computed again it would not fit";
            let recompute = again(ask.layers - kept);
            return Ok(Fitted::Fits(Fit { tokens: floor, recompute }, why));
        }
    }
    let recompute = ask.recompute.unwrap_or(Recompute::All);
    let smallest = ask.tokens.unwrap_or(ask.longest);
    if let Some(tokens) = largest_that(smallest, floor, |tokens| fits(tokens, recompute))? {
        let why = "more tokens would not fit, whatever is computed again";
        return Ok(Fitted::Fits(Fit { tokens, recompute }, why));
    }
    Ok(Fitted::TooLarge(Fit { tokens: smallest, recompute }))
}

/// The largest number between two that holds, if the smaller one does; what holds for a number
/// holds for those below it. Long ranges are searched in multiples.
fn largest_that<E>(
    low: usize,
    high: usize,
    mut holds: impl FnMut(usize) -> Result<bool, E>,
) -> Result<Option<usize>, E> {
    if low > high || !holds(low)? {
        return Ok(None);
    }
    let multiple = if high - low > 2 * MULTIPLE { MULTIPLE } else { 1 };
    let (mut held, mut refused) = (low, high + 1);
    loop {
        let middle = (held + (refused - held) / 2) / multiple * multiple;
        if middle <= held {
            return Ok(Some(held));
        }
        if holds(middle)? {
            held = middle;
        } else {
            refused = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Ask =
        Ask { tokens: None, recompute: None, longest: 100, ceiling: 2048, layers: 10, limit: 0 };

    /// A model of 1000 bytes with ten a token, nine of them in layers.
    fn bytes(fit: Fit) -> u64 {
        let again = match fit.recompute {
            Recompute::Off => 0,
            Recompute::Layers(count) => count,
            Recompute::All => 10,
        };
        1000 + fit.tokens as u64 * (100 - 9 * again as u64) / 10
    }

    fn chosen(ask: Ask) -> Fitted {
        fit(&ask, |fit| Ok::<_, ()>(bytes(fit))).unwrap()
    }

    fn check(ask: Ask, tokens: usize, recompute: Recompute) {
        let Fitted::Fits(found, why) = chosen(ask) else { panic!("{ask:?} does not fit") };
        assert_eq!(found, Fit { tokens, recompute }, "{why}");
        assert!(bytes(found) <= ask.limit, "{ask:?} {found:?}");
    }

    #[test]
    fn memory_is_used_before_time_is() {
        let limit = |limit: u64| Ask { limit, ..ASK };
        check(limit(30_000), 2048, Recompute::Off);
        check(limit(1000 + 20_480), 2048, Recompute::Off);
        check(limit(1000 + 20_479), 2016, Recompute::Off);
        check(limit(1000 + 5120), 512, Recompute::Off);
        check(limit(1000 + 5119), 512, Recompute::Layers(1));
        check(limit(1000 + 4659), 512, Recompute::Layers(1));
        check(limit(1000 + 4658), 512, Recompute::Layers(2));
        check(limit(1000 + 512), 512, Recompute::All);
        check(limit(1000 + 511), 480, Recompute::All);
        check(limit(1000 + 100), 100, Recompute::All);
        let least = Fit { tokens: 100, recompute: Recompute::All };
        assert_eq!(chosen(limit(1099)), Fitted::TooLarge(least));
    }

    #[test]
    fn what_was_set_stays() {
        let tokens = Ask { tokens: Some(700), ..ASK };
        check(Ask { limit: 8000, ..tokens }, 700, Recompute::Off);
        check(Ask { limit: 7999, ..tokens }, 700, Recompute::Layers(1));
        check(Ask { limit: 1700, ..tokens }, 700, Recompute::All);
        let least = Fit { tokens: 700, recompute: Recompute::All };
        assert_eq!(chosen(Ask { limit: 1699, ..tokens }), Fitted::TooLarge(least));
        let off = Ask { recompute: Some(Recompute::Off), ..ASK };
        check(Ask { limit: 1000 + 3000, ..off }, 288, Recompute::Off);
        let least = Fit { tokens: 100, recompute: Recompute::Off };
        assert_eq!(chosen(Ask { limit: 1999, ..off }), Fitted::TooLarge(least));
        let short = Ask { ceiling: 60, limit: 1000 + 1000, ..ASK };
        check(short, 100, Recompute::Off);
    }
}
