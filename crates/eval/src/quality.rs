//! The quality of a model's answers on held-out records.

use crate::citation::cites_correctly;
use crate::f1::token_f1;
use catena_protocol::without_marks;
use serde::Serialize;

/// What one record asks for and what the model answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered<'a> {
    /// The reference answer, marks and all.
    pub reference: &'a str,
    /// The generated answer.
    pub answer: &'a str,
    /// Number of the passage that the reference quotes.
    pub citation: usize,
}

/// The scores of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SampleScore {
    /// [`token_f1`] without citation marks.
    pub token_f1: f64,
    /// [`cites_correctly`].
    pub cites_correctly: bool,
}

/// The scores of a set of answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AnswerScores {
    /// Mean of the answers' F1.
    pub token_f1: f64,
    /// Share of the answers that cite the right passage.
    pub citation_accuracy: f64,
    /// One score per answer, in their order.
    pub samples: Vec<SampleScore>,
}

/// Scores every answer and takes the means, which are zero without answers.
pub fn evaluate_answers(answered: &[Answered<'_>]) -> AnswerScores {
    let score = |one: &Answered<'_>| SampleScore {
        token_f1: token_f1(&without_marks(one.answer), &without_marks(one.reference)),
        cites_correctly: cites_correctly(one.answer, one.citation),
    };
    let samples: Vec<SampleScore> = answered.iter().map(score).collect();
    let count = samples.len().max(1) as f64;
    AnswerScores {
        token_f1: samples.iter().map(|one| one.token_f1).sum::<f64>() / count,
        citation_accuracy: samples.iter().filter(|one| one.cites_correctly).count() as f64 / count,
        samples,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_means_over_answers() {
        let answered = |answer| Answered { reference: "The fee is $5. [1]", answer, citation: 1 };
        let found = evaluate_answers(&[answered("The fee is $5 [1]."), answered("No idea.")]);
        let samples = vec![
            SampleScore { token_f1: 1.0, cites_correctly: true },
            SampleScore { token_f1: 0.0, cites_correctly: false },
        ];
        let expected = AnswerScores { token_f1: 0.5, citation_accuracy: 0.5, samples };
        assert_eq!(found, expected);
        assert_eq!(evaluate_answers(&[]), AnswerScores::default());
    }
}
