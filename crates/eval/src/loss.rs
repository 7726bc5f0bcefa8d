//! How surprising the reference answers are to a model.

use catena_data::EncodedRecord;
use catena_engine::Request;

/// One scoring request per record: its answer after its prompt.
pub fn score_requests(records: &[EncodedRecord]) -> Vec<Request> {
    let request = |record: &EncodedRecord| {
        let (prompt, answer) = record.tokens.split_at(record.prompt_tokens);
        Request::score(prompt, answer)
    };
    records.iter().map(request).collect()
}

/// Mean cross-entropy in nats over all scored tokens: `-sum(ln p) / count`, so that a long answer
/// weighs more than a short one, as in training. `None` if nothing was scored.
///
/// `logprobs` holds one natural-log probability per answer token, record by record, as
/// `Completion::prompt_logprobs` gives them.
pub fn answer_loss<'a>(logprobs: impl IntoIterator<Item = &'a [f32]>) -> Option<f64> {
    let (mut sum, mut count) = (0.0f64, 0usize);
    for answer in logprobs {
        sum -= answer.iter().map(|&logprob| f64::from(logprob)).sum::<f64>();
        count += answer.len();
    }
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_over_tokens() {
        let loss = answer_loss([&[-1.0f32, -2.0][..], &[-6.0]]).unwrap();
        assert!((loss - 3.0).abs() < 1e-12);
        assert_eq!(answer_loss([]), None);
    }

    #[test]
    fn requests_score_the_answer_after_the_prompt() {
        let labels = vec![None, Some(3), Some(4), None];
        let record = EncodedRecord { tokens: vec![1, 2, 3, 4], labels, prompt_tokens: 2 };
        assert_eq!(score_requests(&[record]), [Request::score(&[1, 2], &[3, 4])]);
    }
}
