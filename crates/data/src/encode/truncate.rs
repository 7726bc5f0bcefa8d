//! LLaMA-Factory's way to cut conversations.

use std::ops::Range;

/// The ranges of a row of `len` tokens that are kept in `max` tokens, in order.
///
/// Each turn gets what the turns before it (after it, with `last_first`) leave; of a turn that does
/// not fit, prompt and answer are cut at their ends by [`room`]. What follows the last answer goes.
///
/// # Source
/// LLaMA-Factory 0.9.5, `SupervisedDatasetProcessor._encode_data_example`.
pub(super) fn keep_turns(
    answers: &[Range<usize>],
    len: usize,
    max: usize,
    last_first: bool,
) -> Vec<Range<usize>> {
    if answers.is_empty() {
        return std::iter::once(0..len.min(max)).collect();
    }
    let starts = std::iter::once(0).chain(answers.iter().map(|answer| answer.end));
    let mut turns: Vec<(Range<usize>, Range<usize>)> =
        starts.zip(answers).map(|(from, answer)| (from..answer.start, answer.clone())).collect();
    if last_first {
        turns.reverse();
    }
    let (mut kept, mut total) = (Vec::new(), 0);
    for (prompt, answer) in turns {
        if total >= max {
            break;
        }
        let (of_prompt, of_answer) = room(prompt.len(), answer.len(), max - total);
        total += of_prompt + of_answer;
        kept.push((prompt.start..prompt.start + of_prompt, answer.start..answer.start + of_answer));
    }
    if last_first {
        kept.reverse();
    }
    kept.into_iter().flat_map(|(prompt, answer)| [prompt, answer]).collect()
}

/// How many of a prompt's and of an answer's tokens fit in `max`.
///
/// # Source
/// LLaMA-Factory 0.9.5, `infer_seqlen`.
pub(super) fn room(prompt: usize, answer: usize, max: usize) -> (usize, usize) {
    let for_answer = if answer * 2 < max {
        max
    } else if prompt * 2 < max {
        max - prompt
    } else {
        let share = answer as f64 / (prompt + answer) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of `max`, cut down as the source does"
        )]
        let part = (max as f64 * share) as usize;
        part
    };
    let answer = for_answer.min(answer);
    (max.saturating_sub(answer).min(prompt), answer)
}
