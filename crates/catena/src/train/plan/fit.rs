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
    pub(super) in_backward: Option<bool>,
    /// The longest piece that a pass must hold whole, and what no pass needs more than.
    pub(super) longest: usize,
    pub(super) ceiling: usize,
    /// Tokens of the largest step, if the optimizer may run in the backward pass: it then must be one
    /// pass.
    pub(super) step: Option<usize>,
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

impl Ask {
    /// Whether the optimizer runs in the backward pass in any case.
    fn is_in_backward(&self) -> bool {
        self.in_backward == Some(true)
    }

    /// The same with the optimizer in the backward pass, if that is left to us and gives the same.
    fn by_part(&self, fit: Fit) -> Option<Fit> {
        let is_one_pass = self.step.is_some_and(|step| fit.tokens >= step);
        let is_open = self.in_backward.is_none() && is_one_pass;
        is_open.then_some(Fit { in_backward: true, ..fit })
    }

    /// The least tokens of a pass: a whole step, if the optimizer runs in the backward pass.
    fn least_tokens(&self) -> usize {
        let step = self.step.filter(|_| self.is_in_backward());
        step.map_or(self.longest, |step| step.max(self.longest))
    }
}

/// Chooses the largest micro-step that fits without computing anything again, with all gradients at
/// once or, if that gives the same, one part after another; else the fewest layers, else smaller
/// micro-steps with all layers computed again. `bytes` tells what one takes.
pub(super) fn fit<E>(ask: &Ask, mut bytes: impl FnMut(Fit) -> Result<u64, E>) -> Result<Fitted, E> {
    let (recompute, in_backward) = (ask.recompute.unwrap_or(Recompute::Off), ask.is_in_backward());
    let tokens = ask.tokens.unwrap_or(ask.ceiling.max(ask.least_tokens()));
    let largest = Fit { tokens, recompute, in_backward };
    let by_part = ask.by_part(largest);
    if bytes(largest)? <= ask.limit {
        let why = if ask.recompute.is_none() { "everything fits" } else { "it fits as it was set" };
        return Ok(Fitted::Fits(largest, why));
    }
    if let Some(by_part) = by_part
        && bytes(by_part)? <= ask.limit
    {
        return Ok(Fitted::Fits(by_part, "with all gradients at once it would not fit"));
    }
    let floor = ask.tokens.unwrap_or(ask.least_tokens().max(USEFUL_TOKENS).min(tokens));
    if let Some(fit) = with_fewer_tokens(ask, largest, floor, &mut bytes)? {
        return Ok(Fitted::Fits(fit, "more tokens would not fit"));
    }
    if ask.recompute.is_none() {
        for fit in by_part.into_iter().chain([Fit { tokens: floor, ..largest }]) {
            if let Some(fit) = with_layers_again(ask, fit, &mut bytes)? {
                let why = "with fewer layers computed again it would not fit";
                return Ok(Fitted::Fits(fit, why));
            }
        }
    }
    let all = Fit { recompute: ask.recompute.unwrap_or(Recompute::All), ..largest };
    let smallest = ask.tokens.unwrap_or(ask.least_tokens());
    if let Some(fit) = with_fewer_tokens(ask, Fit { tokens: floor, ..all }, smallest, &mut bytes)? {
        return Ok(Fitted::Fits(fit, "more tokens would not fit, whatever is computed again"));
    }
    let least = Fit { tokens: smallest, ..all };
    if let Some(by_part) = ask.by_part(all)
        && bytes(by_part)? < bytes(least)?
    {
        return Ok(Fitted::TooLarge(by_part));
    }
    Ok(Fitted::TooLarge(least))
}

/// The most tokens that fit, up to those of `fit` and at least `low`.
fn with_fewer_tokens<E>(
    ask: &Ask,
    fit: Fit,
    low: usize,
    mut bytes: impl FnMut(Fit) -> Result<u64, E>,
) -> Result<Option<Fit>, E> {
    let tokens =
        largest_that(low, fit.tokens, |tokens| Ok(bytes(Fit { tokens, ..fit })? <= ask.limit))?;
    Ok(tokens.map(|tokens| Fit { tokens, ..fit }))
}

/// The same with as few layers computed again as fit, one at least.
fn with_layers_again<E>(
    ask: &Ask,
    fit: Fit,
    mut bytes: impl FnMut(Fit) -> Result<u64, E>,
) -> Result<Option<Fit>, E> {
    let again = |kept: usize| {
        let recompute = match kept {
            0 => Recompute::All,
            kept => Recompute::Layers(ask.layers - kept),
        };
        Fit { recompute, ..fit }
    };
    let most = ask.layers.saturating_sub(1);
    let kept = largest_that(0, most, |kept| Ok(bytes(again(kept))? <= ask.limit))?;
    Ok(kept.map(again))
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

    const ASK: Ask = Ask {
        tokens: None,
        recompute: None,
        in_backward: None,
        longest: 100,
        ceiling: 2048,
        step: None,
        layers: 10,
        limit: 0,
    };

    /// A model of 1000 bytes, 600 of them gradients, with ten a token, nine of them in layers.
    fn bytes(fit: Fit) -> u64 {
        let held = if fit.in_backward { 400 + 60 } else { 1000 };
        held + fit.tokens as u64 * (100 - 9 * fit.recompute.count(10) as u64) / 10
    }

    fn chosen(ask: Ask) -> Fitted {
        fit(&ask, |fit| Ok::<_, ()>(bytes(fit))).unwrap()
    }

    fn check(ask: Ask, tokens: usize, recompute: Recompute) {
        check_fit(ask, Fit { tokens, recompute, in_backward: false });
    }

    fn check_fit(ask: Ask, expected: Fit) {
        let Fitted::Fits(found, why) = chosen(ask) else { panic!("{ask:?} does not fit") };
        assert_eq!(found, expected, "{why}");
        assert!(bytes(found) <= ask.limit, "{ask:?} {found:?}");
    }

    fn least(tokens: usize, recompute: Recompute) -> Fitted {
        Fitted::TooLarge(Fit { tokens, recompute, in_backward: false })
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
        assert_eq!(chosen(limit(1099)), least(100, Recompute::All));
    }

    #[test]
    fn what_was_set_stays() {
        let tokens = Ask { tokens: Some(700), ..ASK };
        check(Ask { limit: 8000, ..tokens }, 700, Recompute::Off);
        check(Ask { limit: 7999, ..tokens }, 700, Recompute::Layers(1));
        check(Ask { limit: 1700, ..tokens }, 700, Recompute::All);
        assert_eq!(chosen(Ask { limit: 1699, ..tokens }), least(700, Recompute::All));
        let off = Ask { recompute: Some(Recompute::Off), ..ASK };
        check(Ask { limit: 1000 + 3000, ..off }, 288, Recompute::Off);
        assert_eq!(chosen(Ask { limit: 1999, ..off }), least(100, Recompute::Off));
        let short = Ask { ceiling: 60, limit: 1000 + 1000, ..ASK };
        check(short, 100, Recompute::Off);
    }
    #[test]
    fn gradients_go_part_by_part_before_anything_else_is_given_up() {
        // Steps of 800 tokens, in one pass unless that does not fit.
        let ask = |limit: u64| Ask { ceiling: 800, step: Some(800), limit, ..ASK };
        let fit = |tokens, recompute| Fit { tokens, recompute, in_backward: true };
        check(ask(1000 + 8000), 800, Recompute::Off);
        check_fit(ask(1000 + 7999), fit(800, Recompute::Off));
        check_fit(ask(460 + 8000), fit(800, Recompute::Off));
        // In two passes all gradients must be there.
        check(ask(460 + 7999), 736, Recompute::Off);
        check_fit(ask(460 + 5000), fit(800, Recompute::Layers(5)));
        check_fit(ask(460 + 800), fit(800, Recompute::All));
        check(ask(460 + 799), 256, Recompute::All);
        let by_part = |step: usize| Ask { ceiling: step, step: Some(step), ..ASK };
        assert_eq!(chosen(by_part(800)), least(100, Recompute::All));
        assert_eq!(chosen(by_part(120)), Fitted::TooLarge(fit(120, Recompute::All)));
    }

    #[test]
    fn an_optimizer_in_the_backward_pass_takes_whole_steps() {
        let always = Ask { in_backward: Some(true), ceiling: 800, step: Some(800), ..ASK };
        let fit = |recompute| Fit { tokens: 800, recompute, in_backward: true };
        check_fit(Ask { limit: 100_000, ..always }, fit(Recompute::Off));
        check_fit(Ask { limit: 460 + 5000, ..always }, fit(Recompute::Layers(5)));
        assert_eq!(
            chosen(Ask { limit: 460 + 799, ..always }),
            Fitted::TooLarge(fit(Recompute::All))
        );
        // Where it is not wanted, it is not taken.
        let never = Ask { in_backward: Some(false), ceiling: 800, step: Some(800), ..ASK };
        check(Ask { limit: 1000 + 7999, ..never }, 768, Recompute::Off);
    }
}
